package streaming

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// inputTimes looks up when input records were made. It gives up on a topic
// that cannot be read.
type inputTimes struct {
	cluster *stream.Cluster
	failed  map[string]bool
}

func newInputTimes(cluster *stream.Cluster) *inputTimes {
	return &inputTimes{cluster: cluster, failed: map[string]bool{}}
}

// widest is the longest run of input records that is read for one batch of
// predictions.
const widest = 20_000

// fill sets the latency of the predictions whose input record it can read.
func (t *inputTimes) fill(ctx context.Context, predictions []Prediction) {
	inputs := map[origin][]int{} // offset 0: the partition; positions in predictions
	for i, p := range predictions {
		if p.input.topic == "" || t.failed[p.input.topic] {
			continue
		}
		partition := p.input
		partition.offset = 0
		inputs[partition] = append(inputs[partition], i)
	}
	for partition, positions := range inputs {
		slices.SortFunc(positions, func(a, b int) int { return int(predictions[a].input.offset - predictions[b].input.offset) })
		if err := t.read(ctx, partition, predictions, positions); err != nil {
			t.failed[partition.topic] = true
		}
	}
}

// read reads the input records of one partition once, in order.
func (t *inputTimes) read(ctx context.Context, from origin, predictions []Prediction, positions []int) error {
	first, last := predictions[positions[0]].input.offset, predictions[positions[len(positions)-1]].input.offset
	if last-first >= widest {
		return nil
	}
	r := pipeline.Range{Topic: from.topic, Partition: from.partition, Offset: first, Length: last - first + 1}
	return t.cluster.Read(ctx, r, func(record stream.Record) error {
		for len(positions) > 0 && predictions[positions[0]].input.offset == record.Offset {
			p := &predictions[positions[0]]
			ms := float64(p.Time.Sub(record.Time)) / float64(time.Millisecond)
			p.Latency = &ms
			positions = positions[1:]
		}
		return nil
	})
}

// totals sums up a tail. Latencies and ids are kept for the last million
// predictions only.
type totals struct {
	first, last   time.Time // of the predictions
	count, errors int64
	twice         int64
	seed          maphash.Seed
	seen          map[uint64]struct{}
	latencies     []float64
}

const mostKept = 1 << 20

func (t *totals) start() {
	t.seed = maphash.MakeSeed()
	t.seen = map[uint64]struct{}{}
}

func (t *totals) add(p Prediction) {
	t.count++
	if t.first.IsZero() || p.Time.Before(t.first) {
		t.first = p.Time
	}
	if p.Time.After(t.last) {
		t.last = p.Time
	}
	if p.Error != "" {
		t.errors++
	}
	if p.ID != "" && len(t.seen) < mostKept {
		h := maphash.String(t.seed, p.ID)
		if _, ok := t.seen[h]; ok {
			t.twice++
		}
		t.seen[h] = struct{}{}
	}
	if p.Latency != nil && len(t.latencies) < mostKept {
		t.latencies = append(t.latencies, *p.Latency)
	}
}

// String is the totals on one line.
func (t *totals) String() string {
	line := terminal.Count(t.count) + " predictions"
	if t.errors > 0 {
		line += ", " + terminal.Count(t.errors) + " of them errors"
	}
	if t.twice > 0 {
		line += ", " + terminal.Count(t.twice) + " of them twice"
	}
	if spent := t.last.Sub(t.first); t.count > 1 && spent > 0 {
		line += fmt.Sprintf(", %s/s", terminal.Count(int64(float64(t.count-1)/spent.Seconds())))
	}
	if len(t.latencies) > 0 {
		slices.Sort(t.latencies)
		line += fmt.Sprintf(", latency p50 %.1f ms, p99 %.1f ms", quantile(t.latencies, 0.5), quantile(t.latencies, 0.99))
	}
	return line
}

// quantile is the value below which a share of the sorted values lies (nearest
// rank).
func quantile(sorted []float64, share float64) float64 {
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}
