// Package suspects finds the record whose prediction ends its process: a fault in a
// kernel of a library cannot be caught, nor can a call that has no end.
//
// While a batch is predicted, a file that is mapped into memory says which records
// are in it; the file outlives the process. The next process finds it, and predicts
// each of those records alone. One that ends the process alone, too, is at fault.
package suspects

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Config says whose records are watched.
type Config struct {
	File      string // the marker of this replica, whose folder all of an inference share; empty: nothing is watched
	Inference int64
	Result    int64 // that is served: another one may predict what this one cannot
	// Sure is that who starts the process removes the marker of one that was killed
	// from outside; else one more death is needed.
	Sure  bool
	Slots int // batches at once
	Log   *slog.Logger
}

// Watch knows the suspects of one process. A nil one watches nothing.
type Watch struct {
	c        Config
	quiet    sync.RWMutex // held for writing while a suspect is predicted
	marker   *marker
	any      atomic.Bool // there are suspects or culprits
	mu       sync.Mutex
	ranges   []span
	cleared  map[place]struct{} // suspects that were predicted alone
	culprits map[culprit]int    // deaths alone
}

// place is a record in the log.
type place struct {
	topic     uint64 // its hash
	partition int64
	offset    int64
}

// culprit is a place with the hash of the value there: a topic may be made anew.
type culprit struct {
	place
	sum uint64
}

// hash is FNV-1a, without what the standard library's allocates.
func hash[T string | []byte](text T) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}

func placeOf(r *stream.Record) place { return place{hash(r.Topic), int64(r.Partition), r.Offset} }

// Open reads what an earlier process of this replica left, and marks what this one
// predicts. It is nil where nothing is watched, or cannot be.
func Open(c Config) *Watch {
	if c.File == "" {
		return nil
	}
	w := &Watch{c: c, cleared: map[place]struct{}{}, culprits: map[culprit]int{}}
	if err := w.open(); err != nil {
		c.Log.Warn("records that end this process would not be found", "error", err)
		return nil
	}
	return w
}

func (w *Watch) open() error {
	died, err := w.bury()
	if err != nil {
		return err
	}
	w.ranges = died.Suspects
	if err := w.collect(); err != nil {
		return err
	}
	w.any.Store(len(w.ranges)+len(w.culprits) > 0)
	w.marker, err = newMarker(w.c)
	return err
}

// deaths alone that make a culprit: with the one that made it a suspect they are two
// or, where the process may have been killed, three.
func (w *Watch) deaths() int {
	if w.c.Sure {
		return 1
	}
	return 2
}

// Any reports whether Judge may say anything of any record.
func (w *Watch) Any() bool { return w != nil && w.any.Load() }

// Judge reports whether a record is to be predicted alone. The error, which is
// Invalid, is that it is not to be predicted any more.
func (w *Watch) Judge(r *stream.Record) (alone bool, err error) {
	if !w.Any() {
		return false, nil
	}
	at := placeOf(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.culprits[culprit{at, hash(r.Value)}]; n >= w.deaths() {
		return false, &pipeline.Error{
			Op: "predict", Kind: pipeline.Invalid,
			Reason: fmt.Sprintf("its prediction ended the process %d times, at last alone: by a signal, or without an end before the deadline", n+1),
			Hint:   "see the log of the inference for the operation that failed; mend the model, or leave out such records",
		}
	}
	if _, ok := w.cleared[at]; ok {
		return false, nil
	}
	for _, s := range w.ranges {
		if s.Topic == at.topic && s.Partition == at.partition && s.First <= at.offset && at.offset <= s.Last {
			return true, nil
		}
	}
	return false, nil
}

// Told says that the process was told to end: what it still predicts then is not at
// fault.
func (w *Watch) Told() {
	if w != nil {
		w.marker.tell()
	}
}

// Close waits for the batches that are marked.
func (w *Watch) Close() error {
	if w == nil {
		return nil
	}
	w.Told()
	w.quiet.Lock()
	defer w.quiet.Unlock()
	return w.marker.close()
}

// Mark is of one batch that is predicted.
type Mark struct {
	w     *Watch
	slot  slot
	alone *stream.Record
}

// Begin waits until no suspect is predicted.
func (w *Watch) Begin() Mark {
	if w == nil {
		return Mark{}
	}
	w.quiet.RLock()
	return Mark{w: w, slot: w.marker.take()}
}

// Beside waits until no suspect is predicted, for what is no record.
func (w *Watch) Beside() Mark {
	if w == nil {
		return Mark{}
	}
	w.quiet.RLock()
	return Mark{w: w, slot: noSlot}
}

// Alone waits until nothing else is predicted, and marks the record.
func (w *Watch) Alone(r *stream.Record) Mark {
	if w == nil {
		return Mark{}
	}
	w.quiet.Lock()
	m := Mark{w: w, slot: w.marker.take(), alone: r}
	w.marker.addAlone(m.slot, placeOf(r), hash(r.Value))
	return m
}

// Add marks a record of the batch.
func (m Mark) Add(r *stream.Record) {
	if m.w != nil {
		m.w.marker.add(m.slot, hash(r.Topic), int64(r.Partition), r.Offset, r.Offset)
	}
}

// AddAll marks records of one partition, in order.
func (m Mark) AddAll(records []stream.Record) {
	if m.w == nil || len(records) == 0 {
		return
	}
	topic, first, last := hash(records[0].Topic), records[0].Offset, records[len(records)-1].Offset
	if last-first >= widest { // between them are offsets without records
		for i := range records {
			m.Add(&records[i])
		}
		return
	}
	m.w.marker.add(m.slot, topic, int64(records[0].Partition), first, last)
}

// End is that the batch is predicted.
func (m Mark) End() {
	switch {
	case m.w == nil:
	case m.alone == nil:
		m.w.marker.free(m.slot)
		m.w.quiet.RUnlock()
	default:
		m.w.clear(m.alone)
		m.w.marker.free(m.slot)
		m.w.quiet.Unlock()
	}
}

func (w *Watch) clear(r *stream.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cleared[placeOf(r)] = struct{}{}
}
