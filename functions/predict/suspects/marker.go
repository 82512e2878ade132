package suspects

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A marker is a header and slots, one for each batch under way, of 64-bit numbers in
// the machine's order. Numbers are written one by one without a lock: each slot has
// one writer, and who reads it does so after the process's death.
//
//	header: magic, inference, result, number of slots, told
//	slot:   number of spans (0: no batch), alone (1: one suspect), spans
//	span:   hash of the topic, partition, first offset, last offset, hash of the value (alone)
const (
	magic      = 0x4b4d4c4d41524b31
	headerSize = 5 * 8
	toldAt     = 4 * 8
	spanSize   = 5 * 8
	mostSpans  = 64 // of a batch; records of more partitions are not marked
	slotSize   = 2*8 + mostSpans*spanSize
	mostSlots  = 256
	widest     = 1 << 16 // offsets of one span
)

var order = binary.NativeEndian

type marker struct {
	data   []byte // the file
	unused chan slot
	broken atomic.Bool
}

// slot is the place of one in the file; noSlot is none.
type slot int

const noSlot slot = -1

// newMarker makes the file anew. Its blocks are written at once: a page that cannot
// be written later is a fault.
func newMarker(c Config) (*marker, error) {
	slots := min(c.Slots, mostSlots)
	text := make([]byte, headerSize+slots*slotSize)
	for i, v := range []uint64{magic, uint64(c.Inference), uint64(c.Result), uint64(slots), 0} { // #nosec G115 -- as bits
		order.PutUint64(text[8*i:], v)
	}
	if err := os.WriteFile(c.File, text, 0o600); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(c.File, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	data, err := unix.Mmap(int(f.Fd()), 0, len(text), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED) // #nosec G115 -- a descriptor
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	m := &marker{data: data, unused: make(chan slot, slots)}
	for i := range slots {
		m.unused <- slot(headerSize + i*slotSize)
	}
	return m, nil
}

func (m *marker) close() error {
	m.broken.Store(true)
	return unix.Munmap(m.data)
}

// survive is deferred with the former setting of SetPanicOnFault: a file that was cut,
// or lies on a disk that is full, ends the marking and not the process.
func (m *marker) survive(was bool) {
	debug.SetPanicOnFault(was)
	if recover() != nil {
		m.broken.Store(true)
	}
}

func (m *marker) put(at int, v uint64) { order.PutUint64(m.data[at:], v) }
func (m *marker) get(at int) uint64    { return order.Uint64(m.data[at:]) }

func (m *marker) tell() {
	if m.broken.Load() {
		return
	}
	defer m.survive(debug.SetPanicOnFault(true))
	m.put(toldAt, 1)
}

// take gives an empty slot, or noSlot where all are taken.
func (m *marker) take() slot {
	select {
	case s := <-m.unused:
		return s
	default:
		return noSlot
	}
}

func (m *marker) free(s slot) {
	if s == noSlot {
		return
	}
	if !m.broken.Load() {
		m.clear(int(s))
	}
	m.unused <- s
}

func (m *marker) clear(at int) {
	defer m.survive(debug.SetPanicOnFault(true))
	m.put(at, 0)
	m.put(at+8, 0)
}

// add marks the offsets from first to last.
func (m *marker) add(s slot, topic uint64, partition, first, last int64) {
	if s == noSlot || m.broken.Load() {
		return
	}
	defer m.survive(debug.SetPanicOnFault(true))
	n := int(m.get(int(s))) // #nosec G115 -- at most mostSpans
	for i := range n {
		at := int(s) + 16 + i*spanSize
		if m.get(at) != topic || m.get(at+8) != uint64(partition) { // #nosec G115 -- as bits
			continue
		}
		from, to := min(first, int64(m.get(at+16))), max(last, int64(m.get(at+24))) // #nosec G115 -- as bits
		if to-from < widest {
			m.put(at+16, uint64(from)) // #nosec G115 -- as bits
			m.put(at+24, uint64(to))   // #nosec G115 -- as bits
			return
		}
	}
	m.append(s, n, topic, partition, first, last, 0)
}

// append writes span n of a slot.
func (m *marker) append(s slot, n int, topic uint64, partition, first, last int64, sum uint64) {
	if n == mostSpans {
		return
	}
	at := int(s) + 16 + n*spanSize
	for i, v := range []uint64{topic, uint64(partition), uint64(first), uint64(last), sum} { // #nosec G115 -- as bits
		m.put(at+8*i, v)
	}
	m.put(int(s), uint64(n+1)) // #nosec G115 -- at most mostSpans
}

// addAlone marks the only record that is predicted.
func (m *marker) addAlone(s slot, at place, sum uint64) {
	if s == noSlot || m.broken.Load() {
		return
	}
	defer m.survive(debug.SetPanicOnFault(true))
	m.append(s, 0, at.topic, at.partition, at.offset, at.offset, sum)
	m.put(int(s)+8, 1)
}
