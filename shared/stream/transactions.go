package stream

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// transaction is one that was aborted, as an answer to a fetch names it: its
// records lie from its first offset up to its marker.
type transaction struct {
	producer, first int64
}

// transactions tells which batches of an answer hold no record that counts. An
// answer of the isolation level "read committed" ends before the first record of
// a transaction that is open, and names those that were aborted, whose records
// it holds nevertheless.
type transactions struct {
	aborted []transaction  // that begin after the batches that were seen
	going   map[int64]bool // producers within a transaction that was aborted
	sorted  bool
}

// void reports whether a batch holds a transaction's marker or the records of an
// aborted transaction. It is asked of each batch of an answer, in their order.
func (t *transactions) void(b recordBatch) bool {
	if b.flags&(transactional|controlBatch) == 0 {
		return false
	}
	if !t.sorted {
		slices.SortFunc(t.aborted, func(x, y transaction) int { return cmp.Compare(x.first, y.first) })
		t.sorted = true
	}
	for len(t.aborted) > 0 && t.aborted[0].first <= b.last {
		if t.going == nil {
			t.going = map[int64]bool{}
		}
		t.going[t.aborted[0].producer] = true
		t.aborted = t.aborted[1:]
	}
	if b.flags&controlBatch == 0 {
		return t.going[b.producer]
	}
	if b.aborts() {
		delete(t.going, b.producer)
	}
	return true
}

// aborts reports whether a control batch is the marker that ends a transaction
// by aborting it.
func (b recordBatch) aborts() bool {
	const abort = 0
	records := cursor{rest: b.bytes[batchHeader:]}
	record := cursor{rest: records.bytes()}
	record.skip(1) // attributes, of which there are none
	record.varint()
	record.varint() // time and offset
	key := record.bytes()
	return len(key) >= 4 && binary.BigEndian.Uint16(key[2:]) == abort
}

// span is the offsets from one up to another, which it does not hold.
type span struct{ from, to int64 }

// skip notes offsets that hold no record to read.
func (a *answer) skip(from, to int64) { a.skips = appendSpan(a.skips, span{from, to}) }

// appendSpan adds a span that lies behind the others, to the last one where it
// follows it.
func appendSpan(all []span, s span) []span {
	if n := len(all); n > 0 && all[n-1].to == s.from {
		all[n-1].to = s.to
		return all
	}
	return append(all, s)
}

// past is the first offset from next on that is not known to hold no record.
// What lies before it is forgotten.
func (l *lane) past(next int64) int64 {
	for len(l.skips) > 0 && l.skips[0].from <= next {
		next = max(next, l.skips[0].to)
		l.skips = l.skips[1:]
	}
	return next
}
