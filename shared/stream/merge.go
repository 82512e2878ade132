package stream

import (
	"container/heap"
	"context"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// ReadAll is Read for all ranges of a stream. By OrderTime their partitions are
// read side by side, and of the records at their heads the one with the earliest
// time comes first, of several at that time the one of the lowest partition.
// What that takes in memory does not grow with the partitions: see
// memoryOfLanes. By OrderPartition, and with one partition, the ranges are read
// one after the other. A broker that cannot be reached is waited for.
func (c *Cluster) ReadAll(ctx context.Context, ranges []pipeline.Range, order pipeline.Order, each func(Record) error) error {
	m := merge{ctx: ctx, cluster: c}
	m.gather(ranges)
	if err := persist(ctx, func() error { return c.Settle(ctx, ranges) }, Unreached); err != nil {
		return err
	}
	if order == pipeline.OrderPartition || len(m.parts) < 2 {
		for _, r := range ranges {
			if _, err := c.readRange(ctx, r, each); err != nil {
				return err
			}
		}
		return nil
	}
	defer m.close()
	if err := m.open(); err != nil {
		return err
	}
	for len(m.parts) > 0 {
		if err := each(m.parts[0].records[m.parts[0].at]); err != nil {
			return err
		}
		if err := m.advance(); err != nil {
			return err
		}
	}
	return nil
}

// merge is a heap of partitions, by the records at their heads.
type merge struct {
	ctx     context.Context
	cluster *Cluster
	bounds  limits
	parts   []*part
}

// part is a partition: its ranges, one of which is being read.
type part struct {
	topic     string
	partition int
	place     int              // among the partitions, in the order of their mention
	ranges    []pipeline.Range // to come
	strand    *strand
	records   []Record
	at        int   // the head, in records
	time      int64 // of the head, in milliseconds
}

// gather groups ranges by partition and keeps their order within it.
func (m *merge) gather(ranges []pipeline.Range) {
	known := map[partitionOf]*part{}
	for _, r := range ranges {
		if r.Length == 0 {
			continue
		}
		key := partitionOf{r.Topic, r.Partition}
		p, ok := known[key]
		if !ok {
			p = &part{topic: r.Topic, partition: r.Partition, place: len(m.parts)}
			known[key] = p
			m.parts = append(m.parts, p)
		}
		p.ranges = append(p.ranges, r)
	}
}

// open starts to read all partitions and waits for their heads.
func (m *merge) open() error {
	m.bounds = readLimits(len(m.parts))
	for _, p := range m.parts {
		m.openNext(p)
	}
	some := m.parts[:0]
	for _, p := range m.parts {
		more, err := m.fill(p)
		if err != nil {
			return err
		}
		if more {
			some = append(some, p)
		} else {
			p.strand.close()
		}
	}
	m.parts = some
	heap.Init(m)
	return nil
}

func (m *merge) openNext(p *part) {
	p.strand = m.cluster.strand(m.ctx, p.ranges[0], m.bounds)
	p.ranges = p.ranges[1:]
}

// fill waits for the next records of a partition; false at its end.
func (m *merge) fill(p *part) (bool, error) {
	for {
		for !p.strand.left() {
			if len(p.ranges) == 0 {
				return false, nil
			}
			p.strand.close()
			m.openNext(p)
		}
		records, err := p.strand.read(m.ctx)
		if err != nil {
			return false, err
		}
		if len(records) > 0 {
			p.records, p.at, p.time = records, 0, records[0].Time.UnixMilli()
			return true, nil
		}
	}
}

// advance takes the record off the first partition and restores the heap.
func (m *merge) advance() error {
	p := m.parts[0]
	if p.at++; p.at < len(p.records) {
		p.time = p.records[p.at].Time.UnixMilli()
		heap.Fix(m, 0)
		return nil
	}
	more, err := m.fill(p)
	if err != nil {
		return err
	}
	if !more {
		heap.Remove(m, 0)
		p.strand.close()
		return nil
	}
	heap.Fix(m, 0)
	return nil
}

func (m *merge) close() {
	for _, p := range m.parts {
		if p.strand != nil {
			p.strand.close()
		}
	}
}

// Len and the methods after it are what container/heap asks for.
func (m *merge) Len() int { return len(m.parts) }

// Less compares by time, then partition, then the order of mention.
func (m *merge) Less(i, j int) bool {
	a, b := m.parts[i], m.parts[j]
	switch {
	case a.time != b.time:
		return a.time < b.time
	case a.partition != b.partition:
		return a.partition < b.partition
	}
	return a.place < b.place
}

// Swap changes two partitions.
func (m *merge) Swap(i, j int) { m.parts[i], m.parts[j] = m.parts[j], m.parts[i] }

// Push is never called: no partition comes later.
func (m *merge) Push(x any) { m.parts = append(m.parts, x.(*part)) }

// Pop takes the last partition off.
func (m *merge) Pop() any {
	last := m.parts[len(m.parts)-1]
	m.parts = m.parts[:len(m.parts)-1]
	return last
}
