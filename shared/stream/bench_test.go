package stream_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

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
