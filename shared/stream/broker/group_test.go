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

// joins sends a request to join a group, and reads the answer once it is called.
func joins(t *testing.T, conn net.Conn, member string) (answer func() *kmsg.JoinGroupResponse) {
	t.Helper()
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version, r.Group, r.MemberID, r.ProtocolType = 1, "g", member, "consumer"
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 6000, 30_000
	r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	body := kmsg.NewRequestFormatter().AppendRequest(nil, r, 1)
	if _, err := conn.Write(body); err != nil {
		t.Fatal(err)
	}
	return func() *kmsg.JoinGroupResponse {
		var size uint32
		if err := binary.Read(conn, binary.BigEndian, &size); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(conn, text); err != nil {
			t.Fatal(err)
		}
		a := r.ResponseKind().(*kmsg.JoinGroupResponse)
		if err := a.ReadFrom(text[4:]); err != nil || a.ErrorCode != 0 {
			t.Fatal(err, a)
		}
		return a
	}
}

// A member that dies while it waits to join holds the others up for its session, not
// for as long as members come.
func TestAttackMemberThatDiesAsItJoins(t *testing.T) {
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
		return c
	}
	one, dies, other := dial(), dial(), dial()
	me := joins(t, one, "")().MemberID
	joins(t, dies, "")
	time.Sleep(100 * time.Millisecond) // until it waits for the first
	_ = dies.Close()
	time.Sleep(100 * time.Millisecond)
	if n := len(joins(t, one, me)().Members); n != 2 {
		t.Errorf("%d members, want the dead one among 2", n)
	}
	began := time.Now()
	joined := joins(t, other, "")
	joins(t, one, me)()
	joined()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the group was held up for %v", took)
	}
}
