package broker

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// membersLook is how often the members of groups are looked at.
const membersLook = 2 * time.Second

// members makes up for what kfake does not do: a member whose connection is gone when
// its join is answered is not looked after. It would keep its partitions for ever, and
// hold every join up.
type members struct {
	cluster *kfake.Cluster
	mu      sync.Mutex
	joined  map[string]bool // groups that were joined and not looked at since
}

// keepMembers does so until ctx ends; done is closed then.
func keepMembers(ctx context.Context, cluster *kfake.Cluster, address string) (done chan struct{}) {
	m := &members{cluster: cluster, joined: map[string]bool{}}
	cluster.ControlKey(int16(kmsg.JoinGroup), func(request kmsg.Request) (kmsg.Response, error, bool) {
		join := request.(*kmsg.JoinGroupRequest)
		// Each that joins begins the wait for all others anew. Where that is as long as
		// clients wait, and two of them try in turn, it never ends.
		join.RebalanceTimeoutMillis = min(join.RebalanceTimeoutMillis, join.SessionTimeoutMillis)
		m.note(join.Group)
		return nil, nil, false // answered as usual
	})
	done = make(chan struct{})
	go func() {
		defer close(done)
		m.run(ctx, address)
	}()
	return done
}

func (m *members) note(group string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joined[group] = true
}

func (m *members) run(ctx context.Context, address string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return // with these options it is none
	}
	defer client.Close()
	tick := time.NewTicker(membersLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		m.look(ctx, client)
	}
}

// look gives each member of a group that was joined a heartbeat: while the group waits
// for the others, for kfake ends sessions of members that wait too, and leaves them
// without an answer; and once more when it has settled, from where a session ends unless
// the member goes on with its own.
func (m *members) look(ctx context.Context, client *kgo.Client) {
	m.mu.Lock()
	names := slices.Collect(maps.Keys(m.joined))
	m.mu.Unlock()
	for _, name := range names {
		m.mu.Lock()
		delete(m.joined, name) // before it is looked at: one that joins now is looked at next
		m.mu.Unlock()
		info := m.cluster.GroupInfo(name)
		if info == nil {
			continue
		}
		if strings.HasSuffix(info.State, "Rebalance") {
			m.note(name)
		}
		for _, member := range info.Members {
			r := kmsg.NewPtrHeartbeatRequest()
			r.Group, r.Generation, r.MemberID = name, info.Epoch, member.MemberID
			_, _ = r.RequestWith(ctx, client) // who has gone meanwhile needs none
		}
	}
}
