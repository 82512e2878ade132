package train

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"math"
	"os"
	"sort"
	"syscall"
	"time"
)

// labelTable holds the labels of another topic by key and time: entries of a
// fixed size, in memory where they fit, else in a file that is mapped, whose pages
// the kernel writes out as it needs them. It is filled, sorted once, then asked:
// each look-up takes two binary searches, however many labels a key has.
type labelTable struct {
	entries []byte // all that there is room for
	mapped  *os.File
	size    int // bytes of an entry
	label   int // and of the label in it
	n       int
	seeds   [2]maphash.Seed
	spare   []byte
}

// An entry: two hashes of the key, the label's time in milliseconds since 1970,
// its place among all labels, the label. Two keys have the same 128 bits with a
// probability below 1e-20 for a billion labels, and nobody can choose them: the
// seeds are random.
const (
	entryHashes = 16
	entryTime   = 8
	entryPlace  = 8
	entryFixed  = entryHashes + entryTime + entryPlace
)

// newLabelTable makes room for most labels of so many bytes; more than memory go
// to a file of dir.
func newLabelTable(dir string, most int64, label int, memory int64) (*labelTable, error) {
	t := &labelTable{size: entryFixed + (label+7)/8*8, label: label, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	t.spare = make([]byte, t.size)
	bytes := most * int64(t.size)
	if bytes <= memory {
		t.entries = make([]byte, bytes)
		return t, nil
	}
	if err := room(dir, bytes); err != nil {
		return nil, err
	}
	var err error
	if t.mapped, err = unnamed(dir); err != nil {
		return nil, op("make the table of labels", err)
	}
	if err = t.mapped.Truncate(bytes); err == nil {
		t.entries, err = syscall.Mmap(int(t.mapped.Fd()), 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED) // #nosec G115 -- a file's descriptor
	}
	if err != nil {
		return nil, op("make the table of labels", errors.Join(err, t.mapped.Close()))
	}
	return t, nil
}

// close gives the memory back.
func (t *labelTable) close() error {
	if t == nil || t.mapped == nil {
		return nil
	}
	return errors.Join(syscall.Munmap(t.entries), t.mapped.Close())
}

func (t *labelTable) entry(i int) []byte { return t.entries[i*t.size : (i+1)*t.size] }

// sign makes an int64 sort as its bits do.
const sign = 1 << 63

func (t *labelTable) put(e, key []byte, at int64, place uint64) {
	binary.BigEndian.PutUint64(e, maphash.Bytes(t.seeds[0], key))
	binary.BigEndian.PutUint64(e[8:], maphash.Bytes(t.seeds[1], key))
	binary.BigEndian.PutUint64(e[entryHashes:], uint64(at)^sign) // #nosec G115 -- the same bits
	binary.BigEndian.PutUint64(e[entryHashes+entryTime:], place)
}

// add takes a label, in the order in which they were written.
func (t *labelTable) add(key []byte, at time.Time, label []byte) {
	e := t.entry(t.n)
	t.put(e, key, millisOf(at), uint64(t.n)) // #nosec G115 -- not negative
	copy(e[entryFixed:], label)
	t.n++
}

func millisOf(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}

// find gives the newest label of a key from a time on, within a span of it; any of
// the key where the span is 0. matches is how many there are.
func (t *labelTable) find(key []byte, at time.Time, within time.Duration) (label []byte, matches int) {
	first, last := int64(math.MinInt64), int64(math.MaxInt64)
	if within > 0 {
		first = millisOf(at)
		last = first + within.Milliseconds()
	}
	from := t.search(key, first, 0)
	to := t.search(key, last, math.MaxUint64)
	if to == from {
		return nil, 0
	}
	return t.entry(to - 1)[entryFixed:][:t.label], to - from
}

// search is the first entry that is not before one of such a key, time and place.
func (t *labelTable) search(key []byte, at int64, place uint64) int {
	t.put(t.spare, key, at, place)
	return sort.Search(t.n, func(i int) bool { return string(t.entry(i)[:entryFixed]) >= string(t.spare[:entryFixed]) })
}

// sort readies the table to be asked.
func (t *labelTable) sort() { sort.Sort((*byEntry)(t)) }

type byEntry labelTable

// Len implements sort.Interface.
func (t *byEntry) Len() int { return t.n }

// Less implements sort.Interface.
func (t *byEntry) Less(i, k int) bool {
	a, b := (*labelTable)(t).entry(i), (*labelTable)(t).entry(k)
	return string(a[:entryFixed]) < string(b[:entryFixed])
}

// Swap implements sort.Interface.
func (t *byEntry) Swap(i, k int) {
	a, b := (*labelTable)(t).entry(i), (*labelTable)(t).entry(k)
	copy(t.spare, a)
	copy(a, b)
	copy(b, t.spare)
}
