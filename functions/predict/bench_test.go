package predict

import (
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// BenchmarkDirect works through a backlog in 4 partitions, from topic to topic
// over Apache Kafka, one call an iteration.
func BenchmarkDirect(b *testing.B) {
	cases := []struct {
		model   string
		size    int
		records int
	}{{"small", 12, 400_000}, {"mnist", 784, 200_000}}
	for _, bc := range cases {
		b.Run(bc.model, func(b *testing.B) {
			c := streamtest.Kafka(b)
			const partitions = 4
			job := newJob(b, c, bc.model, partitions)
			job.Delivery = pipeline.Direct
			fill(b, c, job.InputTopic, partitions, bc.records, bc.size)
			for b.Loop() {
				job.OutputTopic, job.Group = streamtest.Topic(b, c, partitions), streamtest.Name(b)
				s := start(b, c, bc.model, job)
				began := time.Now()
				stop := consumeUntilEnd(b, s)
				awaitCount(b, c, job.OutputTopic, int64(bc.records))
				b.ReportMetric(float64(bc.records)/time.Since(began).Seconds(), "records/s")
				stop()
			}
		})
	}
}

// fill writes records of zeros.
func fill(b *testing.B, c *stream.Cluster, topic string, partitions, records, size int) {
	b.Helper()
	value := make([]byte, size)
	batch := make([]stream.Record, min(records, 700_000/(size+20)))
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

func awaitCount(b *testing.B, c *stream.Cluster, topic string, n int64) {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		_, next, err := c.Offsets(b.Context(), topic)
		if err != nil {
			b.Fatal(err)
		}
		have := int64(0)
		for _, at := range next {
			have += at
		}
		if have >= n {
			return
		}
	}
}
