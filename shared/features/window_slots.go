package features

// slot is a key of a Windows.
type slot struct {
	key          string
	topic        string // of its last record, as partition and millis, its time
	partition    int
	millis       int64
	count        int64 // records since it came
	covered      int64 // of them, up to the last one of the newest window
	newer, older int32 // by their last records; -1: none
	spread       bool  // over several partitions
}

// kept is what is kept of a key's records: record n at place n modulo cap.
type kept struct {
	data     []byte
	texts    [][]byte
	offsets  []int64
	times    []int64 // milliseconds; nil where they are not wanted
	labelled []byte  // 1 where the label is known; nil where they are not wanted
}

// shelves are the slots of keys, in pieces of memory that hold many each.
type shelves struct {
	cap    int // records of a key
	bytes  int // of a key
	texts  int
	times  bool
	labels bool
	most   int // keys
	n      int
	per    int // slots of a shelf
	all    []shelf
}

type shelf struct {
	slots    []slot
	data     []byte
	texts    [][]byte
	offsets  []int64
	times    []int64
	labelled []byte
}

const shelfBytes = 1 << 16

func (s *shelves) full() bool { return s.n == s.most }

// add makes room for another slot.
func (s *shelves) add() int32 {
	if s.per == 0 {
		s.per = min(s.most, max(1, shelfBytes/(s.bytes+s.cap*8)))
	}
	at := s.n
	if s.n++; at/s.per == len(s.all) {
		n := s.per
		one := shelf{slots: make([]slot, n), data: make([]byte, n*s.bytes), texts: make([][]byte, n*s.texts), offsets: make([]int64, n*s.cap)}
		if s.times {
			one.times = make([]int64, n*s.cap)
		}
		if s.labels {
			one.labelled = make([]byte, n*s.cap)
		}
		s.all = append(s.all, one)
	}
	return int32(at) // #nosec G115 -- below maxWindowKeys
}

func (s *shelves) slot(at int32) *slot { return &s.all[int(at)/s.per].slots[int(at)%s.per] }

func (s *shelves) kept(at int32) kept {
	of, i := &s.all[int(at)/s.per], int(at)%s.per
	k := kept{data: of.data[i*s.bytes:][:s.bytes], texts: of.texts[i*s.texts:][:s.texts], offsets: of.offsets[i*s.cap:][:s.cap]}
	if s.times {
		k.times = of.times[i*s.cap:][:s.cap]
	}
	if s.labels {
		k.labelled = of.labelled[i*s.cap:][:s.cap]
	}
	return k
}

// recency orders slots by their last records.
type recency struct {
	shelves        *shelves
	newest, eldest int32
}

// add takes in a new slot, as the newest.
func (r *recency) add(at int32) {
	s := r.shelves.slot(at)
	s.newer, s.older = -1, r.newest
	if r.newest >= 0 {
		r.shelves.slot(r.newest).newer = at
	} else {
		r.eldest = at
	}
	r.newest = at
}

// touch makes a slot the newest.
func (r *recency) touch(at int32) {
	if at == r.newest {
		return
	}
	s := r.shelves.slot(at)
	r.shelves.slot(s.newer).older = s.older
	if s.older >= 0 {
		r.shelves.slot(s.older).newer = s.newer
	} else {
		r.eldest = s.newer
	}
	r.add(at)
}

// oldest finds the smallest offset that is kept: a heap of slots by offsets that
// may have grown since they were looked at, which costs a record nothing.
type oldest struct{ heap []sinceOffset }

type sinceOffset struct {
	offset int64
	slot   int32
}

// add takes in a new slot. Offsets grow, so that it belongs at the end.
func (o *oldest) add(at int32, offset int64) { o.heap = append(o.heap, sinceOffset{offset, at}) }

// from is the smallest of the offsets of all slots, which only grow; none where
// there is no slot.
func (o *oldest) from(of func(slot int32) int64, none int64) int64 {
	for len(o.heap) > 0 {
		top := &o.heap[0]
		now := of(top.slot)
		if now <= top.offset {
			return now
		}
		top.offset = now
		o.sink()
	}
	return none
}

// sink moves the top down to its place.
func (o *oldest) sink() {
	for at := 0; ; {
		next := 2*at + 1
		if next >= len(o.heap) {
			return
		}
		if next+1 < len(o.heap) && o.heap[next+1].offset < o.heap[next].offset {
			next++
		}
		if o.heap[at].offset <= o.heap[next].offset {
			return
		}
		o.heap[at], o.heap[next] = o.heap[next], o.heap[at]
		at = next
	}
}
