package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// numbered are n records whose value says their place.
func numbered(n int) []stream.Record {
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{Key: []byte{byte(i)}, Value: fmt.Appendf(nil, "value %d", i)}
	}
	return records
}

func produce(t *testing.T, c *stream.Cluster, topic string, partition int, records []stream.Record) int64 {
	t.Helper()
	base, err := c.Produce(t.Context(), topic, partition, records)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func TestReadExactly(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 2)
		for range 3 {
			produce(t, c, topic, 1, numbered(100))
		}
		for _, r := range []pipeline.Range{{Offset: 0, Length: 300}, {Offset: 150, Length: 1}, {Offset: 99, Length: 102}, {Offset: 5, Length: 0}} {
			r.Topic, r.Partition = topic, 1
			next := r.Offset
			err := c.Read(t.Context(), r, func(got stream.Record) error {
				if want := fmt.Sprintf("value %d", next%100); got.Offset != next || string(got.Value) != want || got.Key[0] != byte(next%100) || got.Topic != topic || got.Partition != 1 {
					t.Fatalf("record %d: got %+v", next, got)
				}
				if age := time.Since(got.Time); age < -time.Second || age > time.Hour {
					t.Fatalf("record %d was written at %v", next, got.Time)
				}
				next++
				return nil
			})
			if err != nil || next != r.Offset+r.Length {
				t.Errorf("%+v: read up to %d, error %v", r, next, err)
			}
		}
	})
}

func TestReadCarriesHeadersAndNulls(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 1)
		at := time.UnixMilli(time.Now().UnixMilli() - 5000)
		want := []stream.Record{
			{Topic: topic, Offset: 0, Time: at, Value: []byte{}, Headers: []stream.Header{{Key: "a", Value: []byte{1}}, {Key: "b"}}},
			{Topic: topic, Offset: 1, Time: at.Add(time.Second), Key: []byte{}},
		}
		produce(t, c, topic, 0, want)
		var got []stream.Record
		if err := c.Read(t.Context(), pipeline.Range{Topic: topic, Length: 2}, func(r stream.Record) error {
			got = append(got, r)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReadRefuses(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 1)
		produce(t, c, topic, 0, numbered(10))
		for _, r := range []pipeline.Range{
			{Topic: topic, Offset: 5, Length: 6},               // beyond the end
			{Topic: topic, Partition: 3, Length: 1},            // no such partition
			{Topic: topic + "-absent", Length: 1},              // no such topic
			{Topic: topic, Offset: 1 << 40, Length: 1},         // far beyond the end
			{Topic: topic, Offset: 0, Length: 9_000_000_000_0}, // far too long
		} {
			err := c.Read(t.Context(), r, func(stream.Record) error { t.Error("a record was given"); return nil })
			var known *pipeline.Error
			if !errors.As(err, &known) || known.Kind == pipeline.Unavailable {
				t.Errorf("%+v: %v", r, err)
			}
		}
	})
}

func TestReadStops(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 1)
	produce(t, c, topic, 0, numbered(10))
	r := pipeline.Range{Topic: topic, Length: 10}
	enough := errors.New("enough")
	if err := c.Read(t.Context(), r, func(stream.Record) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the callback's error became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Read(ctx, r, func(stream.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled read: %v", err)
	}
}

// A range whose beginning expires while it is read says so, with the first
// offset that is left: what was read is no stream.
func TestRetentionEndsWhileReading(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		const n, left = 160, 150
		topic := streamtest.Topic(t, c, 1)
		for range n / 20 {
			var records []stream.Record
			for range 20 {
				records = append(records, stream.Record{Value: make([]byte, 256<<10)}) // 40 MiB, more than a read holds ahead
			}
			produce(t, c, topic, 0, records)
		}
		read := 0
		err := c.Read(t.Context(), at(topic, 0, 0, n), func(stream.Record) error {
			if read++; read == 1 {
				discard(t, c, topic, 0, left)
			}
			return nil
		})
		if pipeline.KindOf(err) != pipeline.Conflict || !strings.Contains(err.Error(), strconv.Itoa(left)) {
			t.Errorf("after %d records: %v", read, err)
		}
	})
}
