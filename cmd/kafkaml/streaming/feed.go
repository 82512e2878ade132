package streaming

import (
	"bytes"
	"context"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// feed sends records to predict, batch by batch to one partition after the
// other, each acknowledged by every replica. There is no control message.
type feed struct {
	cluster    *stream.Cluster
	topic      string
	partitions []int
	began      time.Time

	batch   []stream.Record
	size    int // bytes of the batch
	turn    int // whose turn it is, in partitions
	records int64
	bytes   int64
	ranges  []pipeline.Range
}

// A batch stays below the mebibyte that a request may hold.
const (
	feedBytes   = 512 << 10
	feedRecords = 4 << 10
)

func newFeed(ctx context.Context, cluster *stream.Cluster, topic string) (*feed, error) {
	_, next, err := cluster.Offsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	f := &feed{cluster: cluster, topic: topic, began: time.Now()}
	for id := range next {
		f.partitions = append(f.partitions, id)
	}
	return f, nil
}

// Send adds a record; both are copied.
func (f *feed) Send(ctx context.Context, label, sample []byte) error {
	f.batch = append(f.batch, stream.Record{Key: bytes.Clone(label), Value: bytes.Clone(sample), Time: time.Now()})
	f.size += len(label) + len(sample)
	if f.size < feedBytes && len(f.batch) < feedRecords {
		return nil
	}
	return f.Flush(ctx)
}

// Flush sends what was added and waits until the broker has it.
func (f *feed) Flush(ctx context.Context) error {
	if len(f.batch) == 0 {
		return nil
	}
	partition := f.partitions[f.turn%len(f.partitions)]
	base, err := f.cluster.Produce(ctx, f.topic, partition, f.batch)
	if err != nil {
		return err
	}
	f.add(pipeline.Range{Topic: f.topic, Partition: partition, Offset: base, Length: int64(len(f.batch))})
	f.records += int64(len(f.batch))
	f.bytes += int64(f.size)
	f.turn++
	f.batch, f.size = f.batch[:0], 0
	return nil
}

// add joins a range to the one that it follows.
func (f *feed) add(r pipeline.Range) {
	for i := range f.ranges {
		if last := &f.ranges[i]; last.Partition == r.Partition && last.Offset+last.Length == r.Offset {
			last.Length += r.Length
			return
		}
	}
	f.ranges = append(f.ranges, r)
}

// Sent is how many records and bytes of keys and values are acknowledged.
func (f *feed) Sent() (records, bytes int64) { return f.records, f.bytes }

// Close sends what is left.
func (f *feed) Close(ctx context.Context) (control.Summary, error) {
	err := f.Flush(ctx)
	return control.Summary{Records: f.records, Bytes: f.bytes, Ranges: f.ranges, Seconds: time.Since(f.began).Seconds()}, err
}

// Abort leaves what was not sent.
func (f *feed) Abort() { f.batch = nil }
