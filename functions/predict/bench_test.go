package predict

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// BenchmarkDirect works through a backlog, from topic to topic over Apache
// Kafka, one call an iteration.
func BenchmarkDirect(b *testing.B) {
	cases := []struct {
		model      string
		size       int
		records    int
		partitions int
	}{{"small", 12, 400_000, 4}, {"small", 12, 400_000, 64}, {"mnist", 784, 400_000, 4}, {"mnist", 784, 400_000, 64}}
	for _, bc := range cases {
		b.Run(fmt.Sprintf("%s/%d", bc.model, bc.partitions), func(b *testing.B) {
			c := streamtest.Kafka(b)
			job := newJob(b, c, bc.model, bc.partitions)
			job.Delivery = pipeline.Direct
			fill(b, c, job.InputTopic, bc.partitions, bc.records, bc.size)
			for b.Loop() {
				job.OutputTopic, job.Group = streamtest.Topic(b, c, bc.partitions), streamtest.Name(b)
				s := start(b, c, bc.model, job)
				stop := consumeUntilEnd(b, s)
				had := awaitCount(b, c, job.OutputTopic, int64(bc.records/10)) // joining the group does not count
				began := time.Now()
				have := awaitCount(b, c, job.OutputTopic, int64(bc.records))
				b.ReportMetric(float64(have-had)/time.Since(began).Seconds(), "records/s")
				stop()
			}
		})
	}
}

// fill writes records of zeros.
func fill(b *testing.B, c *stream.Cluster, topic string, partitions, records, size int) {
	b.Helper()
	value := make([]byte, size)
	batch := make([]stream.Record, min(records/partitions, 800_000/(size+20)))
	for i := range batch {
		batch[i] = stream.Record{Key: []byte("k"), Value: value}
	}
	for sent, p := 0, 0; sent < records; p = (p + 1) % partitions {
		n := min(len(batch), records-sent)
		if _, err := c.Produce(b.Context(), topic, p, batch[:n]); err != nil {
			b.Fatal(err)
		}
		sent += n
	}
}

func awaitCount(b *testing.B, c *stream.Cluster, topic string, n int64) (have int64) {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		_, next, err := c.Offsets(b.Context(), topic)
		if pipeline.KindOf(err) == pipeline.Unavailable {
			continue // a partition that has no leader yet
		}
		if err != nil {
			b.Fatal(err)
		}
		have = 0
		for _, at := range next {
			have += at
		}
		if have >= n {
			break
		}
	}
	return have
}

// BenchmarkSource is BenchmarkDirect over the dispatcher and HTTP, a record a
// request.
func BenchmarkSource(b *testing.B) {
	for model, size := range map[string]int{"small": 12, "mnist": 784} {
		b.Run(model, func(b *testing.B) {
			c := streamtest.Kafka(b)
			const partitions, records = 4, 30_000
			job := newJob(b, c, model, partitions)
			fill(b, c, job.InputTopic, partitions, records, size)
			for b.Loop() {
				job.OutputTopic = streamtest.Topic(b, c, partitions)
				url := serveHTTP(b, start(b, c, model, job)).URL
				began := time.Now()
				stop := dispatch(b, c, job.InputTopic, url)
				awaitCount(b, c, job.OutputTopic, records)
				b.ReportMetric(records/time.Since(began).Seconds(), "records/s")
				stop()
			}
		})
	}
}

// dispatch delivers a topic's records to url, as the manifest of an inference
// asks.
func dispatch(b testing.TB, c *stream.Cluster, topic, url string) (stop func()) {
	b.Helper()
	d := eventing.NewDispatcher(c, nil, logTo(b))
	err := d.Apply(b.Context(), eventing.KafkaSource{
		APIVersion: eventing.SourceAPIVersion, Kind: eventing.SourceKind,
		Metadata: eventing.Metadata{Name: "bench", Namespace: "default", Labels: map[string]string{eventing.KeyTypeLabel: eventing.KeyByteArray}},
		Spec: eventing.KafkaSourceSpec{
			ConsumerGroup: streamtest.Name(b), BootstrapServers: c.Config().Brokers, Topics: []string{topic},
			InitialOffset: eventing.Earliest, Ordering: eventing.Unordered, Sink: eventing.Destination{URI: url},
			Delivery: &eventing.Delivery{DeadLetterSink: &eventing.Destination{URI: url}},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if err := d.Close(); err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkLatency is the time from a record's acknowledgement in the input
// topic to its prediction's appearance in the output topic, at a steady rate.
func BenchmarkLatency(b *testing.B) {
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		for _, rate := range []int{50, 500} {
			b.Run(fmt.Sprintf("%s/%d", delivery, rate), func(b *testing.B) {
				c := streamtest.Kafka(b)
				job := newJob(b, c, "mnist", 1)
				job.Delivery = delivery
				s := start(b, c, "mnist", job)
				if delivery == pipeline.Direct {
					consumeUntilEnd(b, s)
				} else {
					b.Cleanup(dispatch(b, c, job.InputTopic, serveHTTP(b, s).URL))
				}
				var took []float64
				for b.Loop() {
					took = pace(b, c, job, rate, 4*rate)
				}
				slices.Sort(took)
				b.ReportMetric(took[len(took)/2], "p50-ms")
				b.ReportMetric(took[len(took)*99/100], "p99-ms")
			})
		}
	}
}

// pace produces n records at a rate and gives the milliseconds that each took:
// broker timestamps are too coarse, so a reader of the output topic keeps time.
func pace(b *testing.B, c *stream.Cluster, job pipeline.PredictJob, rate, n int) []float64 {
	b.Helper()
	sent := make([]time.Time, n+rate)
	took := make([]float64, 0, n)
	arrived := make(chan struct{})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	ready := make(chan struct{})
	go func() {
		defer close(arrived)
		_ = c.Consume(ctx, stream.GroupConfig{ID: streamtest.Name(b), Topics: []string{job.OutputTopic}, Latest: true}, func(ctx context.Context, claim *stream.Claim) error {
			close(ready)
			for {
				records, err := claim.Fetch(ctx)
				if err != nil {
					return err
				}
				now := time.Now()
				for i := range records {
					k, _ := strconv.Atoi(string(records[i].Key))
					if k < n {
						took = append(took, float64(now.Sub(sent[k]).Microseconds())/1000)
					}
					if len(took) == n {
						return nil
					}
				}
			}
		})
	}()
	<-ready
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	record := make([]byte, 784)
	for k := range sent { // those after n only keep the consumer awake while the group settles
		<-tick.C
		sent[k] = time.Now()
		if _, err := c.Produce(b.Context(), job.InputTopic, 0, []stream.Record{{Key: strconv.AppendInt(nil, int64(k), 10), Value: record}}); err != nil {
			b.Fatal(err)
		}
	}
	select {
	case <-arrived:
	case <-time.After(20 * time.Second):
		b.Fatalf("%d of %d records arrived", len(took), n)
	}
	return took[len(took)/10:]
}

// BenchmarkDecode is what one record costs before it is predicted: a record as a
// row, and the window of 24 records that it ends, of 1,000 keys.
func BenchmarkDecode(b *testing.B) {
	for name, config := range map[string]string{"record": `{"data_type":"float32","data_reshape":"10"}`, "window": `{"data_type":"float32","data_reshape":"10","window":{"by":"key","size":24}}`} {
		b.Run(name, func(b *testing.B) {
			inputs := []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{10}}}
			if name == "window" {
				inputs[0].Shape = []int{24, 10}
			}
			m := &model{job: pipeline.PredictJob{Export: pipeline.Export{Inputs: inputs}}}
			var err error
			if m.decoder, err = features.New(pipeline.RAW, json.RawMessage(config), codec.Binding{Inputs: inputs}); err != nil {
				b.Fatal(err)
			}
			var windows *sequences
			if m.decoder.Window() != nil {
				windows = m.newSequences()
			}
			records := make([]stream.Record, 1000)
			for i := range records {
				records[i] = stream.Record{Key: fmt.Appendf(nil, "key-%d", i), Value: make([]byte, 40)}
			}
			row := [][]byte{make([]byte, m.decoder.Inputs()[0].Bytes())}
			one := func(i int) {
				if err := m.decode(b.Context(), windows, row, &records[i%len(records)], nil); err != nil && !errors.Is(err, errWaits) {
					b.Fatal(err)
				}
			}
			for i := range 24 * len(records) {
				one(i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				one(i)
			}
		})
	}
}
