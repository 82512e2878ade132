package stream

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Finder gives records of a topic by their place. It keeps what its last request
// for a partition brought: records that lie together are asked for together.
type Finder struct {
	cluster *Cluster
	topic   string

	mu    sync.Mutex
	parts map[int]*found
}

// found is what was last read of a partition.
type found struct {
	mu      sync.Mutex
	records []Record // by offset
}

// NewFinder finds records of a topic.
func (c *Cluster) NewFinder(topic string) *Finder {
	return &Finder{cluster: c, topic: topic, parts: map[int]*found{}}
}

// Find gives the record at an offset, exactly as it lies in the log: NotFound
// where there is none, or none that is committed. It is the caller's to read,
// not to change.
func (f *Finder) Find(ctx context.Context, partition int, offset int64) (Record, error) {
	f.mu.Lock()
	p := f.parts[partition]
	if p == nil {
		p = &found{}
		f.parts[partition] = p
	}
	f.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if r, ok := p.at(offset); ok {
		return r, nil
	}
	records, err := f.read(ctx, partition, offset)
	if err != nil {
		return Record{}, unavailable("find record", fmt.Errorf("topic %s, partition %d, offset %d: %w", f.topic, partition, offset, err))
	}
	p.records = records
	if r, ok := p.at(offset); ok {
		return r, nil
	}
	return Record{}, &pipeline.Error{
		Op: "find record", Kind: pipeline.NotFound, Reason: fmt.Sprintf("topic %s, partition %d holds no record at offset %d", f.topic, partition, offset),
	}
}

func (p *found) at(offset int64) (Record, bool) {
	i, ok := p.place(offset)
	if !ok {
		return Record{}, false
	}
	return p.records[i], true
}

// place is where the record at an offset is, or would be.
func (p *found) place(offset int64) (int, bool) {
	return slices.BinarySearchFunc(p.records, offset, func(r Record, offset int64) int { return int(min(max(r.Offset-offset, -1), 1)) })
}

// Behind gives the records that come after an offset, as far as the last request
// for the partition brought them. They are the caller's to read, not to change.
func (f *Finder) Behind(partition int, offset int64) []Record {
	f.mu.Lock()
	p := f.parts[partition]
	f.mu.Unlock()
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i, found := p.place(offset)
	if found {
		i++
	}
	return p.records[i:]
}

// read gives the records of one answer, in memory of their own.
func (f *Finder) read(ctx context.Context, partition int, offset int64) (records []Record, err error) {
	const most = 64 << 10 // one whole batch comes anyway
	l := &lane{cluster: f.cluster, topic: f.topic, partition: partition, offset: offset}
	var a answer
	if err := l.fetch(ctx, &a, room{most: most, hold: largestBatch, even: most}); err != nil {
		return nil, err
	}
	d := decoder{topic: f.topic, partition: partition}
	d.begin(&a)
	return d.decode(largestBatch)
}
