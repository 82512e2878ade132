package control_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

func newSink(t *testing.T, c *stream.Cluster, topic, announced string) *control.Sink {
	t.Helper()
	s, err := control.NewSink(t.Context(), c, control.SinkConfig{
		Topic: topic, ControlTopic: announced, Deployment: 300, Format: pipeline.RAW,
		Config: []byte(`{"data_type":"uint8"}`), ValidationRate: 0.25, Description: "numbers", Seed: 7,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Abort)
	return s
}

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

// sum reads ranges and gives their records and the sum of the numbers in them.
func sum(t *testing.T, c *stream.Cluster, ranges []pipeline.Range) (records, total int64) {
	t.Helper()
	for _, r := range ranges {
		if err := c.Read(t.Context(), r, func(r stream.Record) error {
			records++
			total += int64(binary.BigEndian.Uint32(r.Value))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return records, total
}

func send(t *testing.T, s *control.Sink, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := s.Send(t.Context(), []byte{byte(i)}, binary.BigEndian.AppendUint32(nil, uint32(i))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSink(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		const n = 100_000
		topic, announced := streamtest.Topic(t, c, 3), streamtest.Topic(t, c, 1)
		s := newSink(t, c, topic, announced)
		send(t, s, 0, n)
		done, err := s.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(done.Ranges) != 3 || done.Records != n || done.Bytes != 5*n {
			t.Errorf("summary: %+v", done)
		}
		if records, total := sum(t, c, done.Ranges); records != n || total != n*(n-1)/2 {
			t.Errorf("%d records with a sum of %d are in the log", records, total)
		}
		got := readControl(t, c, announced)
		want := pipeline.Datasource{
			Deployment: 300, Ranges: done.Ranges, InputFormat: pipeline.RAW, InputConfig: []byte(`{"data_type":"uint8"}`),
			ValidationRate: 0.25, TotalMsg: n, Description: "numbers", Seed: 7, Origin: pipeline.Origin{Bytes: done.Control.Bytes},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func readControl(t *testing.T, c *stream.Cluster, topic string) pipeline.Datasource {
	t.Helper()
	var d pipeline.Datasource
	if err := c.Read(t.Context(), pipeline.Range{Topic: topic, Length: 1}, func(r stream.Record) (err error) {
		d, err = control.Parse(r.Key, r.Value)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSinkAmongOtherWriters(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic, announced := streamtest.Topic(t, c, 1), streamtest.Topic(t, c, 1)
		s := newSink(t, c, topic, announced)
		const rounds, each = 4, 100
		for i := range rounds {
			send(t, s, i*each, (i+1)*each)
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				produce(t, c, topic, 0, numbered(5)) // another writer
			}
		}
		done, err := s.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []pipeline.Range{{Topic: topic, Offset: 0, Length: 100}, {Topic: topic, Offset: 105, Length: 200}, {Topic: topic, Offset: 310, Length: 100}}
		if diff := cmp.Diff(want, done.Ranges); diff != "" {
			t.Error(diff)
		}
		const n = rounds * each
		if records, total := sum(t, c, done.Ranges); records != n || total != n*(n-1)/2 {
			t.Errorf("%d records with a sum of %d are in the ranges", records, total)
		}
	})
}

func TestSinkRefuses(t *testing.T) {
	c := streamtest.Cluster(t)
	topic, announced := streamtest.Topic(t, c, 1), streamtest.Topic(t, c, 1)
	tests := map[string]struct {
		config control.SinkConfig
		field  string
	}{
		"no topic":         {control.SinkConfig{Topic: "absent", ControlTopic: announced, Deployment: 1}, "topic"},
		"no control topic": {control.SinkConfig{Topic: topic, Deployment: 1}, "topic"},
		"no deployment":    {control.SinkConfig{Topic: topic, ControlTopic: announced}, "deployment_id"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := control.NewSink(t.Context(), c, test.config)
			var known *pipeline.Error
			if !errors.As(err, &known) || known.Field != test.field {
				t.Errorf("got %v", err)
			}
		})
	}
	s := newSink(t, c, topic, announced)
	if _, err := s.Close(t.Context()); pipeline.KindOf(err) != pipeline.Invalid {
		t.Errorf("a stream without records: %v", err)
	}
	if err := s.Send(t.Context(), nil, bytes.Repeat([]byte{1}, sinkBatchBytes)); err == nil {
		t.Error("a closed sink takes records")
	}
}

const sinkBatchBytes = 1 << 20

func TestSinkStopsWithItsContext(t *testing.T) {
	c := streamtest.Cluster(t)
	topic, announced := streamtest.Topic(t, c, 1), streamtest.Topic(t, c, 1)
	s := newSink(t, c, topic, announced)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	send(t, s, 0, 1)
	if _, err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// BenchmarkSink sends records of 784 bytes from one goroutine to Apache Kafka.
func BenchmarkSink(b *testing.B) {
	c := streamtest.Kafka(b)
	topic, announced := streamtest.Topic(b, c, 4), streamtest.Topic(b, c, 1)
	s, err := control.NewSink(b.Context(), c, control.SinkConfig{Topic: topic, ControlTopic: announced, Deployment: 1, Format: pipeline.RAW})
	if err != nil {
		b.Fatal(err)
	}
	sample := make([]byte, 784)
	b.SetBytes(784)
	for b.Loop() {
		if err := s.Send(b.Context(), sample[:1], sample); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}
