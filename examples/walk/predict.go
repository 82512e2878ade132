package walk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// predict feeds the inference with digits that no model has seen and reads
// what comes out.
func (w *Walk) predict(ctx context.Context) (Report, error) {
	digits, err := w.openDigits("t10k")
	if err != nil {
		return Report{}, err
	}
	defer digits.Close()
	_, before, err := w.Cluster.Offsets(ctx, topicOutput)
	if err != nil {
		return Report{}, err
	}
	n := min(w.Predictions, int(digits.Total()))
	if err := w.feed(ctx, digits, n); err != nil {
		return Report{}, err
	}
	w.done("sent %d unseen digits to %s at %d a second", n, topicInput, w.Rate)
	report, err := w.collect(ctx, before, n)
	if err != nil {
		return report, err
	}
	w.done("read %d predictions from %s: %d right (%.1f %%), latency p50 %.0f ms, p99 %.0f ms", report.Predictions, topicOutput, report.Correct,
		100*float64(report.Correct)/float64(report.Predictions), 1e3*report.P50.Seconds(), 1e3*report.P99.Seconds())
	return report, nil
}

// feed sends n digits, each with its label as the key, at Rate a second.
func (w *Walk) feed(ctx context.Context, digits *files.Reader, n int) error {
	writer := w.Cluster.Writer()
	tick := time.NewTicker(time.Second / time.Duration(w.Rate))
	defer tick.Stop()
	var failed error
	writer.Async = true
	writer.Completion = func(_ []kafka.Message, err error) {
		if err != nil {
			failed = err
		}
	}
	writer.Balancer = &kafka.RoundRobin{} // the key is the label here, and labels are few
	for range n {
		label, image, err := digits.Next()
		if err != nil {
			return errors.Join(err, writer.Close())
		}
		sent := strconv.FormatInt(time.Now().UnixNano(), 10)
		if err := writer.WriteMessages(ctx, kafka.Message{
			Topic: topicInput, Key: slices.Clone(label), Value: slices.Clone(image), Headers: []kafka.Header{{Key: pipeline.HeaderSent, Value: []byte(sent)}},
		}); err != nil {
			return errors.Join(err, writer.Close())
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), writer.Close())
		case <-tick.C:
		}
	}
	if err := writer.Close(); err != nil { // waits for the acknowledgements
		return err
	}
	return failed
}

// collect waits for n predictions after the offsets before, and judges them.
func (w *Walk) collect(ctx context.Context, before map[int]int64, n int) (Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("fewer than %d predictions came within a minute", n))
	defer cancel()
	after := map[int]int64{}
	err := until(ctx, 100*time.Millisecond, func() (bool, error) {
		_, next, err := w.Cluster.Offsets(ctx, topicOutput)
		came := int64(0)
		for p, offset := range next {
			came += offset - before[p]
		}
		after = next
		return came >= int64(n), err
	})
	if err != nil {
		return Report{}, err
	}
	var report Report
	var latencies []time.Duration
	seen := map[string]bool{} // by event id: a prediction that was repeated counts once
	for p, offset := range after {
		err := w.Cluster.Read(ctx, pipeline.Range{Topic: topicOutput, Partition: p, Offset: before[p], Length: offset - before[p]}, func(r stream.Record) error {
			id, took, right, err := judge(r)
			if err != nil || seen[id] {
				return err
			}
			seen[id] = true
			latencies = append(latencies, took)
			report.Predictions++
			if right {
				report.Correct++
			}
			return nil
		})
		if err != nil {
			return report, err
		}
	}
	if len(latencies) == 0 {
		return report, errors.New("no predictions came out of " + topicOutput)
	}
	slices.Sort(latencies)
	report.P50, report.P99 = latencies[len(latencies)/2], latencies[len(latencies)*99/100]
	report.Accuracy = w.best().Metrics.Test["accuracy"]
	return report, nil
}

// judge reads one prediction: its event's id, its latency to the millisecond,
// and whether the likeliest class is the label in its key.
func judge(r stream.Record) (id string, took time.Duration, right bool, err error) {
	for _, h := range r.Headers {
		switch h.Key {
		case "ce_id":
			id = string(h.Value)
		case pipeline.HeaderSent:
			nanos, err := strconv.ParseInt(string(h.Value), 10, 64)
			if err != nil {
				return "", 0, false, fmt.Errorf("header %s: %w", pipeline.HeaderSent, err)
			}
			took = r.Time.Sub(time.Unix(0, nanos))
		}
	}
	var prediction struct {
		Values []float64 `json:"values"`
	}
	if err := json.Unmarshal(r.Value, &prediction); err != nil {
		return "", 0, false, fmt.Errorf("prediction at offset %d: %w", r.Offset, err)
	}
	if len(prediction.Values) != 10 || len(r.Key) != 1 {
		return "", 0, false, fmt.Errorf("prediction at offset %d has %d values and a key of %d bytes, not 10 and 1", r.Offset, len(prediction.Values), len(r.Key))
	}
	best := slices.Index(prediction.Values, slices.Max(prediction.Values))
	return id, took, best == int(r.Key[0]), nil
}
