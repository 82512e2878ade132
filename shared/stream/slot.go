package stream

import "time"

// Slots are pieces of memory that lanes of groups have in turn, for answers
// that are larger than their own share: what a producer wrote as one batch comes
// whole, and with many partitions is larger than the share of each. They take
// half of what answers may.
const (
	slotBytes = claimBytes + 64<<10 // a fetch, of which the first batch may be as large as brokers allow by default
	slotCount = memoryOfLanes / 8 * 3 / slotBytes
)

// shareWithSlots is share where the lanes have the slots in common.
func shareWithSlots(lanes int, slots chan []byte) limits {
	l := share(lanes, claimBytes)
	l.hold, l.most, l.slots = l.hold/2, claimBytes, slots
	return l
}

// slotWait is how long a large answer waits for a slot before what fits is
// copied out of it. Consumers that are held up must not hold up the others.
const slotWait = 5 * time.Second

// takeSlot has the answer lie in a slot, where there is one that is large
// enough and becomes free soon.
func (r *fetchRequest) takeSlot(size int64) bool {
	if r.room.slots == nil || size > slotBytes {
		return false
	}
	late := time.NewTimer(slotWait)
	defer late.Stop()
	select {
	case memory := <-r.room.slots:
		r.into.lieIn(memory, size, r.room.slots)
		return true
	case <-late.C:
	case <-r.givenUp:
	}
	return false
}

// lieIn gives a the memory of a slot, so many bytes of it.
func (a *answer) lieIn(slot []byte, size int64, slots chan []byte) {
	if int64(cap(slot)) < size {
		slot = make([]byte, size, min(size+size/8, slotBytes))
	}
	a.own, a.memory, a.slots = a.memory, slot[:size], slots
}
