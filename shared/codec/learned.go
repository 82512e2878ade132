package codec

import (
	"maps"
	"sync"
	"sync/atomic"
)

// schemasKnown bounds the schemas that are remembered: ids come with the
// records.
const schemasKnown = 1000

// learned are what the schemas of a registry have come to, by their ids. Any
// number of goroutines may get and put; the zero value holds none.
type learned[T any] struct {
	all atomic.Pointer[map[uint32]*T]
	mu  sync.Mutex // of who puts
}

// get is nil for a schema that is not known.
func (l *learned[T]) get(id uint32) *T {
	if all := l.all.Load(); all != nil {
		return (*all)[id]
	}
	return nil
}

func (l *learned[T]) put(id uint32, v *T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[uint32]*T{}
	if known := l.all.Load(); known != nil && len(*known) < schemasKnown {
		all = maps.Clone(*known)
	}
	all[id] = v
	l.all.Store(&all)
}
