package broker

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// asks sends a request, and reads the answer once it is called.
func asks(t *testing.T, conn net.Conn, r kmsg.Request) (answer func() kmsg.Response) {
	t.Helper()
	if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, r, 1)); err != nil {
		t.Fatal(err)
	}
	return func() kmsg.Response {
		var size uint32
		if err := binary.Read(conn, binary.BigEndian, &size); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(conn, text); err != nil {
			t.Fatal(err)
		}
		a := r.ResponseKind()
		if err := a.ReadFrom(text[4:]); err != nil {
			t.Fatal(err)
		}
		return a
	}
}

func joining(member string) kmsg.Request {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version, r.Group, r.MemberID, r.ProtocolType = 1, "g", member, "consumer"
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 6000, 30_000
	r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	return r
}

// A member that dies while it waits to join holds the others up for its session: it
// neither keeps what it was assigned, nor has them wait for as long as others come, nor
// takes those that wait for it with it.
func TestAttackMemberThatDiesAsItJoins(t *testing.T) {
	type call = func() kmsg.Response
	for name, joinAgain := range map[string]func(other, one func() call) []call{
		"the group settles": nil,
		"another, then one": func(other, one func() call) []call {
			first := other()
			time.Sleep(100 * time.Millisecond) // until it waits
			return []call{first, one()}
		},
		"one, then another": func(other, one func() call) []call {
			answer := one()()
			return []call{func() kmsg.Response { return answer }, other()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			b, err := Development(ctx, t.TempDir(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { cancel(); <-b.done }()
			dial := func() net.Conn {
				c, err := net.Dial("tcp", b.Addr)
				if err != nil {
					t.Fatal(err)
				}
				if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
				return c
			}
			one, dies, other := dial(), dial(), dial()
			me := asks(t, one, joining(""))().(*kmsg.JoinGroupResponse).MemberID
			asks(t, dies, joining(""))
			time.Sleep(100 * time.Millisecond) // until it waits for the first
			_ = dies.Close()
			time.Sleep(100 * time.Millisecond)
			joined := asks(t, one, joining(me))().(*kmsg.JoinGroupResponse)
			began := time.Now()
			if joinAgain == nil {
				sync := kmsg.NewPtrSyncGroupRequest()
				sync.Version, sync.Group, sync.Generation, sync.MemberID = 1, "g", joined.Generation, me
				asks(t, one, sync)
				beat := kmsg.NewPtrHeartbeatRequest()
				beat.Group, beat.Generation, beat.MemberID = "g", joined.Generation, me
				for asks(t, other, beat)().(*kmsg.HeartbeatResponse).ErrorCode == 0 && time.Since(began) < 20*time.Second {
					time.Sleep(200 * time.Millisecond)
				}
			} else {
				for _, answer := range joinAgain(
					func() call { return asks(t, other, joining("")) },
					func() call { return asks(t, one, joining(me)) },
				) {
					if code := answer().(*kmsg.JoinGroupResponse).ErrorCode; code != 0 {
						t.Errorf("a join was answered with error %d", code)
					}
				}
			}
			if took := time.Since(began); took < time.Second || took > 12*time.Second {
				t.Errorf("the group was held up for %v", took)
			}
		})
	}
}
