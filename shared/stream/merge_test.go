package stream_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

var began = time.UnixMilli(time.Now().UnixMilli() - 3_600_000)

// timed is a record of so many hundredths of a second after began, whose value
// says so.
func timed(at int) stream.Record {
	return stream.Record{
		Key: []byte{byte(at)}, Value: binary.BigEndian.AppendUint32(nil, uint32(at)),
		Time: began.Add(time.Duration(at) * 10 * time.Millisecond),
	}
}

// readAll gives the times of the records of a stream.
func readAll(t *testing.T, c *stream.Cluster, ranges []pipeline.Range, order pipeline.Order) (times []int) {
	t.Helper()
	if err := c.ReadAll(t.Context(), ranges, order, func(r stream.Record) error {
		times = append(times, int(binary.BigEndian.Uint32(r.Value)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return times
}

// With the label as key a label's records lie in one partition. Read by time,
// each part of the stream has all labels; one partition after the other, the
// last part has those of the last one.
func TestReadAllByTime(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		const labels, n = 4, 4000
		topic := streamtest.Topic(t, c, labels)
		parts := make([][]stream.Record, labels)
		var byTime, byPartition []int
		for i := range n {
			parts[i%labels] = append(parts[i%labels], timed(i))
			byTime = append(byTime, i)
		}
		var ranges []pipeline.Range
		for p, records := range parts {
			produce(t, c, topic, p, records[:n/labels/2])
			produce(t, c, topic, p, records[n/labels/2:])
			ranges = append(ranges, at(topic, p, 0, 700), at(topic, p, 700, n/labels-700))
			for i := p; i < n; i += labels {
				byPartition = append(byPartition, i)
			}
		}
		if diff := cmp.Diff(byTime, readAll(t, c, ranges, pipeline.OrderTime)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(byPartition, readAll(t, c, ranges, pipeline.OrderPartition)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(byPartition[:n/labels], readAll(t, c, ranges[:2], pipeline.OrderTime)); diff != "" {
			t.Errorf("one partition: %s", diff)
		}
	})
}

// Records of one partition keep their order though their times run backwards;
// at the same time the lower partition comes first.
func TestReadAllKeepsThePartitionsOrder(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 3)
		produce(t, c, topic, 0, []stream.Record{timed(5), timed(1), timed(9)})
		produce(t, c, topic, 1, []stream.Record{timed(4), timed(5), timed(6)})
		produce(t, c, topic, 2, []stream.Record{timed(5), timed(7)})
		ranges := []pipeline.Range{at(topic, 2, 0, 2), at(topic, 0, 0, 3), at(topic, 1, 0, 3), at(topic, 1, 3, 0)}
		if diff := cmp.Diff([]int{4, 5, 1, 5, 5, 6, 7, 9}, readAll(t, c, ranges, pipeline.OrderTime)); diff != "" {
			t.Error(diff)
		}
		err := c.ReadAll(t.Context(), append(ranges, at(topic, 1, 0, 4)), pipeline.OrderTime, func(stream.Record) error {
			t.Error("a record of a stream that is not there was given")
			return nil
		})
		if pipeline.KindOf(err) == pipeline.Unavailable || err == nil {
			t.Errorf("a range beyond the end: %v", err)
		}
	})
}

// Reading takes the same memory with 200 partitions, each with batches larger
// than its share.
func TestReadAllWithinItsMemory(t *testing.T) {
	const partitions, each, batches = 200, 600, 2
	c := streamtest.Kafka(t)
	topic := streamtest.Topic(t, c, partitions)
	var ranges []pipeline.Range
	pad := bytes.Repeat([]byte{1}, 1000)
	for p := range partitions {
		for b := range batches {
			records := make([]stream.Record, each)
			for i := range records {
				records[i] = timed((b*each+i)*partitions + p)
				records[i].Value = append(records[i].Value, pad...)
			}
			produce(t, c, topic, p, records)
		}
		ranges = append(ranges, at(topic, p, 0, each*batches))
	}
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, next := int64(0), 0
	err := c.ReadAll(t.Context(), ranges, pipeline.OrderTime, func(r stream.Record) error {
		if got := int(binary.BigEndian.Uint32(r.Value)); got != next {
			t.Fatalf("record %d comes after record %d", got, next-1)
		}
		if next++; next%60_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&during)
			most = max(most, int64(during.HeapAlloc)-int64(before.HeapAlloc))
		}
		return nil
	})
	if err != nil || next != partitions*each*batches {
		t.Fatalf("%d records, %v", next, err)
	}
	if allowed := int64(80 << 20); most > allowed { // 64 MiB, and what connections and goroutines take
		t.Errorf("%d MiB were held", most>>20)
	}
}
