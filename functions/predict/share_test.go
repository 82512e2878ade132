package predict

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// counting is TensorFlow that counts what the first model predicts, and the
// challenger.
type counting struct {
	tensorflow.Framework
	rows *[2]atomic.Int64
}

func (c counting) OpenPredictor(o framework.PredictorOptions) (framework.Predictor, error) {
	p, err := c.Framework.OpenPredictor(o)
	by := &c.rows[0]
	if strings.HasSuffix(o.Dir, "challenger") {
		by = &c.rows[1]
	}
	return &countingPredictor{p, by}, err
}

type countingPredictor struct {
	framework.Predictor
	rows *atomic.Int64
}

func (p *countingPredictor) NewBatch(layout []codec.Tensor) (framework.Batch, error) {
	b, err := p.Predictor.NewBatch(layout)
	return &countingBatch{b, p.rows}, err
}

type countingBatch struct {
	framework.Batch
	rows *atomic.Int64
}

func (b *countingBatch) Predict(ctx context.Context, from, to int) error {
	b.rows.Add(int64(to - from))
	return b.Batch.Predict(ctx, from, to)
}

// Two results share the records: each is predicted by one of them, which its
// prediction names, by either delivery.
func TestTwoResultsShareTheRecords(t *testing.T) {
	c := streamtest.Cluster(t)
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		t.Run(string(delivery), func(t *testing.T) {
			n := 10_000
			if delivery == pipeline.Source {
				n = 1000
			}
			job := newJob(t, c, "small", 2)
			job.Delivery = delivery
			job.Challenger = &pipeline.Challenger{Result: 9, Percent: 10, Export: job.Export}
			dir := modelDir(t, "small")
			if err := os.Rename(modelDir(t, "small"), challengerDir(dir)); err != nil {
				t.Fatal(err)
			}
			var rows [2]atomic.Int64
			s, err := openService(counting{rows: &rows}, Config{Job: job, Suspects: filepath.Join(t.TempDir(), "1"), Watched: true, Log: logTo(t)}, dir, c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.close(); err != nil {
					t.Error(err)
				}
			})
			good := value(t, "small", codec.Float32, 2)
			for p := range 2 {
				records := make([]stream.Record, n/2)
				for i := range records {
					records[i] = stream.Record{Key: fmt.Append(nil, p, "-", i), Value: good}
				}
				if _, err := c.Produce(t.Context(), job.InputTopic, p, records); err != nil {
					t.Fatal(err)
				}
			}
			if delivery == pipeline.Direct {
				consumeUntilEnd(t, s)
			} else {
				defer dispatch(t, c, job.InputTopic, serveHTTP(t, s).URL)()
			}
			by, seen := map[string]int64{}, map[string]bool{}
			for _, out := range await(t, c, job.OutputTopic, int64(n)) {
				result, want := headersOf(out)[pipeline.HeaderResult], "3"
				if pipeline.Challenged(10, out.Key, 0, 0) {
					want = "9"
				}
				if result != want {
					t.Fatalf("key %s: by result %q, want %s", out.Key, result, want)
				}
				if len(seen) < 100 {
					near(t, "small", 2, out.Value)
				}
				by[result]++
				seen[string(out.Key)] = true
			}
			if len(seen) != n || by["3"] != rows[0].Load() || by["9"] != rows[1].Load() {
				t.Errorf("%d records: %v by what they say, %d and %d in truth", len(seen), by, rows[0].Load(), rows[1].Load())
			}
			part := 100 * float64(by["9"]) / float64(n)
			t.Logf("%d records, of which the challenger predicted %.2f %%", n, part)
			if n == 10_000 && (part < 8 || part > 12) {
				t.Errorf("the challenger predicted %g %%, want 10", part)
			}
		})
	}
}
