package stream_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

func newSink(t *testing.T, c *stream.Cluster, topic, control string) *stream.Sink {
	t.Helper()
	s, err := stream.NewSink(t.Context(), c, stream.SinkConfig{
		Topic: topic, ControlTopic: control, Deployment: 300, Format: pipeline.RAW,
		Config: []byte(`{"data_type":"uint8"}`), ValidationRate: 0.25, Description: "numbers", Seed: 7,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Abort)
	return s
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

func send(t *testing.T, s *stream.Sink, from, to int) {
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
		topic, control := streamtest.Topic(t, c, 3), streamtest.Topic(t, c, 1)
		s := newSink(t, c, topic, control)
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
		got := readControl(t, c, control)
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
		d, err = stream.ParseControl(r.Key, r.Value)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSinkAmongOtherWriters(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic, control := streamtest.Topic(t, c, 1), streamtest.Topic(t, c, 1)
		s := newSink(t, c, topic, control)
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

// cut breaks its connection when the answer to a produce request is due: the
// records are in the log, the acknowledgement never comes.
type cut struct {
	net.Conn
	armed *atomic.Int32
	due   atomic.Bool
}

func (c *cut) Write(p []byte) (int, error) {
	const produceKey = 0
	if len(p) > 5000 && binary.BigEndian.Uint16(p[4:]) == produceKey && c.armed.Add(-1) >= 0 {
		c.due.Store(true)
	}
	return c.Conn.Write(p)
}

func (c *cut) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p) // so the broker has dealt with the request
	if c.due.Load() {
		c.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

func TestSinkLosesAcknowledgements(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		var armed atomic.Int32
		c.Intercept(func(conn net.Conn) net.Conn { return &cut{Conn: conn, armed: &armed} })
		topic, control := streamtest.Topic(t, c, 2), streamtest.Topic(t, c, 1)
		s := newSink(t, c, topic, control)
		armed.Store(5)
		const n = 100_000
		send(t, s, 0, n)
		done, err := s.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if armed.Load() > 0 {
			t.Fatal("no connection was cut")
		}
		if records, total := sum(t, c, done.Ranges); records != n || total != n*(n-1)/2 {
			t.Errorf("%d records with a sum of %d are in the ranges", records, total)
		}
		_, next, err := c.Offsets(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		if next[0]+next[1] != n {
			t.Errorf("the log holds %d records, %d were sent", next[0]+next[1], n)
		}
	})
}

func TestSinkRefuses(t *testing.T) {
	c := streamtest.Cluster(t)
	topic, control := streamtest.Topic(t, c, 1), streamtest.Topic(t, c, 1)
	tests := map[string]struct {
		config stream.SinkConfig
		field  string
	}{
		"no topic":         {stream.SinkConfig{Topic: "absent", ControlTopic: control, Deployment: 1}, "topic"},
		"no control topic": {stream.SinkConfig{Topic: topic, Deployment: 1}, "topic"},
		"no deployment":    {stream.SinkConfig{Topic: topic, ControlTopic: control}, "deployment_id"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := stream.NewSink(t.Context(), c, test.config)
			var known *pipeline.Error
			if !errors.As(err, &known) || known.Field != test.field {
				t.Errorf("got %v", err)
			}
		})
	}
	s := newSink(t, c, topic, control)
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
	topic, control := streamtest.Topic(t, c, 1), streamtest.Topic(t, c, 1)
	s := newSink(t, c, topic, control)
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
	topic, control := streamtest.Topic(b, c, 4), streamtest.Topic(b, c, 1)
	s, err := stream.NewSink(b.Context(), c, stream.SinkConfig{Topic: topic, ControlTopic: control, Deployment: 1, Format: pipeline.RAW})
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
