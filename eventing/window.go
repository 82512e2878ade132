package eventing

import (
	"context"
	"sync"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// maxAhead is how many records may be under way or done beyond the first that
// is not: as many are delivered again after a crash.
const maxAhead = 1024

// window knows which records of a partition are under way, and so the offset
// up to which all are done. Records begin in the order of their offsets and
// finish in any.
type window struct {
	done func(next int64) // called with the offset up to which all are done

	mu    sync.Mutex
	first int64 // number of the place at the head of under
	under []delivery
	room  chan struct{}
}

func newWindow(done func(next int64)) *window {
	return &window{done: done, room: make(chan struct{}, 1)}
}

// await returns once a record may begin, or with the cause of ctx's end.
func (w *window) await(ctx context.Context) error {
	for {
		w.mu.Lock()
		n := len(w.under)
		w.mu.Unlock()
		if n < maxAhead {
			return nil
		}
		select {
		case <-w.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

type delivery struct {
	offset   int64
	finished bool
}

// begin enters records, the last of which ends at offset last, and gives the place of
// the first.
func (w *window) begin(records []stream.Record, last int64) (place int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	place = w.first + int64(len(w.under))
	for i := range records {
		w.under = append(w.under, delivery{offset: records[i].Offset})
	}
	w.under[len(w.under)-1].offset = last
	return place
}

// finish marks the n records from place on as done.
func (w *window) finish(place int64, n int) {
	w.mu.Lock()
	for i := range int64(n) {
		w.under[place-w.first+i].finished = true
	}
	next := int64(-1)
	for len(w.under) > 0 && w.under[0].finished {
		next = w.under[0].offset + 1
		w.under = w.under[1:]
		w.first++
	}
	w.mu.Unlock()
	if next < 0 {
		return
	}
	w.done(next)
	select {
	case w.room <- struct{}{}:
	default:
	}
}
