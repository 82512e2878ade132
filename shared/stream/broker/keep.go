package broker

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Kept is a broker that is started again, on its port and with its records, each
// time it ends by itself.
type Kept struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of the last broker's end; set before done is closed

	mu    sync.Mutex
	fault error
}

// The pauses before a broker is started again grow from the first to the
// longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 15 * time.Second
)

// Keep keeps b running: again starts it anew on a port. say is called each time
// the broker has ended or cannot be started. Close ends all.
func Keep(ctx context.Context, b *Broker, again func(ctx context.Context, port int) (*Broker, error), say func(error)) *Kept {
	ctx, cancel := context.WithCancel(ctx)
	k := &Kept{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(k.done)
		k.err = k.run(ctx, b, again, say)
	}()
	return k
}

// run ends the last broker when ctx ends, and gives what that says.
func (k *Kept) run(ctx context.Context, b *Broker, again func(context.Context, int) (*Broker, error), say func(error)) error {
	port := portOf(b.Addr)
	for {
		select {
		case <-ctx.Done():
			return b.Close()
		case <-b.Done():
		}
		if ctx.Err() != nil {
			return b.Close()
		}
		fault := ended(b.Err())
		for pause := firstPause; ; pause = min(2*pause, longestPause) {
			k.set(fault)
			say(fault)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			next, err := again(ctx, port)
			if err == nil {
				b = next
				break
			}
			if ctx.Err() != nil {
				return nil
			}
			fault = ended(err)
		}
		k.set(nil)
	}
}

func ended(err error) error {
	reason := "the broker ended and is started again"
	if err != nil {
		reason += ": " + err.Error()
	}
	return &pipeline.Error{Op: "run the broker", Kind: pipeline.Unavailable, Reason: reason, Err: err}
}

func (k *Kept) set(fault error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fault = fault
}

// Health is nil while the broker runs; else it says why it ended and that it is
// started again.
func (k *Kept) Health() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fault
}

// Close ends the broker and waits until it is gone.
func (k *Kept) Close() error {
	k.cancel()
	<-k.done
	return k.err
}

func portOf(addr string) int {
	_, text, _ := net.SplitHostPort(addr)
	port, _ := strconv.Atoi(text) // a broker's own address
	return port
}
