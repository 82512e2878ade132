package stream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// BenchmarkRead reads a topic of Apache Kafka: raw by franz-go, the fastest
// client there is in Go, and by Read with decoding into tensors. Compare the
// records/s of one run.
func BenchmarkRead(b *testing.B) {
	var fields []string
	for i := range 30 {
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":"float"}`, i))
	}
	for name, test := range map[string]struct {
		format   pipeline.Format
		config   string
		elements int
	}{
		"RAW of 784 bytes":  {pipeline.RAW, `{"data_type":"uint8","data_reshape":"28 28","label_type":"uint8"}`, 784},
		"AVRO of 30 floats": {pipeline.AVRO, `{"data_scheme":{"type":"record","name":"x","fields":[` + strings.Join(fields, ",") + `]},"label_scheme":{"type":"record","name":"y","fields":[{"name":"y","type":"int"}]}}`, 30},
	} {
		c := streamtest.Kafka(b)
		r := fill(b, c, test.format, test.config, test.elements)
		b.Run(name+", franz-go raw", func(b *testing.B) {
			for b.Loop() {
				franz(b, c, r)
			}
			b.ReportMetric(float64(r.Length)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
		b.Run(name+", decoded", func(b *testing.B) {
			for b.Loop() {
				decode(b, c, r, test.format, test.config, test.elements)
			}
			b.ReportMetric(float64(r.Length)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// fill sends a stream of about 100 MB.
func fill(b *testing.B, c *stream.Cluster, format pipeline.Format, config string, elements int) pipeline.Range {
	b.Helper()
	e, err := codec.NewEncoder(format, json.RawMessage(config))
	if err != nil {
		b.Fatal(err)
	}
	sample, err := e.Sample(nil, codec.Array{DType: codec.Uint8, Data: make([]byte, elements)})
	if err != nil {
		b.Fatal(err)
	}
	label, err := e.Label(nil, codec.Array{DType: codec.Uint8, Data: []byte{1}})
	if err != nil {
		b.Fatal(err)
	}
	s, err := control.NewSink(b.Context(), c, control.SinkConfig{
		Topic: streamtest.Topic(b, c, 1), ControlTopic: streamtest.Topic(b, c, 1), Deployment: 1, Format: format, Config: []byte(config),
	})
	if err != nil {
		b.Fatal(err)
	}
	for range 100_000_000 / len(sample) {
		if err := s.Send(b.Context(), label, sample); err != nil {
			b.Fatal(err)
		}
	}
	done, err := s.Close(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return done.Ranges[0]
}

func franz(b *testing.B, c *stream.Cluster, r pipeline.Range) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Config().Brokers...), kgo.FetchMaxBytes(50<<20), kgo.FetchMaxPartitionBytes(10<<20),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.Topic: {0: kgo.NewOffset().At(r.Offset)}}))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for n := int64(0); n < r.Length; {
		fetches := client.PollFetches(b.Context())
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		n += int64(fetches.NumRecords())
	}
}

func decode(b *testing.B, c *stream.Cluster, r pipeline.Range, format pipeline.Format, config string, elements int) {
	d, err := codec.New(format, json.RawMessage(config), codec.Binding{
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{elements}}}, Labels: []pipeline.Tensor{{Name: "y", DType: "int32"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	x, y := [][]byte{make([]byte, d.Inputs()[0].Bytes())}, [][]byte{make([]byte, d.Labels()[0].Bytes())}
	if err := c.Read(b.Context(), r, func(r stream.Record) error { return d.Record(x, y, r.Key, r.Value) }); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkConsume is a member of a group that works through a backlog of
// 100 MB in few and in many partitions, and the memory that it takes.
func BenchmarkConsume(b *testing.B) {
	for _, size := range []int{12, 784} {
		for _, partitions := range []int{4, 64} {
			b.Run(fmt.Sprintf("%d bytes, %d partitions", size, partitions), func(b *testing.B) {
				c := streamtest.Kafka(b)
				topic := streamtest.Topic(b, c, partitions)
				total := backlog(b, c, topic, partitions, size)
				before, peak, live := heap(), uint64(0), uint64(0)
				for b.Loop() {
					consumeAll(b, c, topic, total, func() {
						var m runtime.MemStats
						runtime.ReadMemStats(&m)
						peak, live = max(peak, m.HeapInuse), max(live, heap())
					})
				}
				b.ReportMetric(float64(total)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
				b.ReportMetric(float64(peak-before)/(1<<20), "MiB-heap")
				b.ReportMetric(float64(live-before)/(1<<20), "MiB-live")
			})
		}
	}
}

// heap is the memory in use after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// backlog fills a topic with 100 MB of records, in batches as producers write
// them, and counts them.
func backlog(b *testing.B, c *stream.Cluster, topic string, partitions, size int) (total int64) {
	b.Helper()
	records := make([]stream.Record, 700_000/(size+20))
	for i := range records {
		records[i] = stream.Record{Key: []byte("k"), Value: make([]byte, size)}
	}
	for range max(1, 100_000_000/partitions/700_000) {
		for p := range partitions {
			if _, err := c.Produce(b.Context(), topic, p, records); err != nil {
				b.Fatal(err)
			}
			total += int64(len(records))
		}
	}
	return total
}

// consumeAll reads a topic by a new group, and calls halfway once.
func consumeAll(b *testing.B, c *stream.Cluster, topic string, total int64, halfway func()) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	var seen atomic.Int64
	config := stream.GroupConfig{ID: streamtest.Name(b), Topics: []string{topic}}
	err := c.Consume(ctx, config, func(ctx context.Context, claim *stream.Claim) error {
		for {
			records, err := claim.Fetch(ctx)
			if err != nil {
				return err
			}
			touched := 0
			for i := range records {
				touched += len(records[i].Value)
			}
			n := seen.Add(int64(len(records)))
			if before := n - int64(len(records)); before < total/2 && n >= total/2 {
				halfway()
			}
			if n == total {
				cancel()
			}
		}
	})
	if err != nil || seen.Load() != total {
		b.Fatalf("%d of %d records, %v", seen.Load(), total, err)
	}
}
