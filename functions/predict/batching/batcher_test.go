package batching

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// open opens a test model, whose records are stored in its own types, and
// closes it with the test.
func open(t *testing.T, model string) (p framework.Predictor, layout []codec.Tensor) {
	t.Helper()
	m := tensorflowtest.Load(t, model)
	for _, in := range m.Export.Inputs {
		d, err := codec.ParseDType(in.DType)
		if err != nil {
			t.Fatal(err)
		}
		layout = append(layout, codec.Tensor{Name: in.Name, DType: d, Shape: in.Shape})
	}
	f := tensorflow.Framework{}
	dir := t.TempDir()
	if err := os.Symlink(m.SavedModel(), filepath.Join(dir, f.Kind().Bundle.Served[0].Path)); err != nil {
		t.Fatal(err)
	}
	p, err := f.OpenPredictor(framework.PredictorOptions{Dir: dir, Export: m.Export, Stored: layout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, layout
}

// gathered is what collect makes of items that come at the given times while
// some batches are under way, and how long the first one waited.
func gathered(p framework.Predictor, active int64, arrivals []time.Duration, rows int) (n int, waited time.Duration, left bool) {
	b := &Batcher{Config: Config{Predictor: p}, queue: make(chan *Item, queueLength), ended: make(chan struct{}, 1)}
	b.active.Store(active)
	var all sync.WaitGroup
	for _, at := range arrivals {
		all.Go(func() {
			<-time.After(at)
			b.queue <- &Item{Rows: rows}
		})
	}
	first := <-b.queue
	began := time.Now()
	items, next := b.collect(first, time.After(longestWait))
	waited = time.Since(began)
	all.Wait()
	return len(items), waited, next != nil
}

func TestCollect(t *testing.T) {
	p, _ := open(t, "small") // a fresh model's limit is 64 rows
	limit := p.Limit()
	every := func(step time.Duration, n int) (all []time.Duration) {
		for i := range n {
			all = append(all, time.Duration(i)*step)
		}
		return all
	}
	cases := map[string]struct {
		active   int64
		arrivals []time.Duration
		rows     int
		n        int
		waited   time.Duration
		left     bool
	}{
		"idle: at once":                   {0, every(time.Millisecond, 3), 1, 1, 0, false},
		"one under way: at once":          {1, every(time.Millisecond, 3), 1, 1, 0, false},
		"busy: what comes in 2 ms":        {quietBatches, every(600*time.Microsecond, 10), 1, 4, longestWait, false},
		"busy: alone after 2 ms":          {quietBatches, every(time.Second, 2), 1, 1, longestWait, false},
		"busy: full at once":              {quietBatches, every(0, 100), 1, limit, 0, false},
		"many rows do not fit: the next":  {quietBatches, every(0, 3), limit/2 + 1, 1, 0, true},
		"rows beyond the limit are alone": {quietBatches, every(0, 2), limit + 1, 1, 0, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, waited, left := gathered(p, c.active, c.arrivals, c.rows)
				if n != c.n || waited != c.waited || left != c.left {
					t.Errorf("%d items after %v, one left: %v; want %d after %v, %v", n, waited, left, c.n, c.waited, c.left)
				}
			})
		})
	}
}

// What comes while the queue is full, or after the end, is turned away.
func TestTurnedAway(t *testing.T) {
	full := &Batcher{queue: make(chan *Item), closed: make(chan struct{})}
	if err := full.Do(t.Context(), &Item{}); pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("a full queue: %v", err)
	}
	p, layout := open(t, "small")
	b, err := New(Config{Predictor: p, Layout: layout, Observe: func(int) {}})
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	b.Run(ended)
	if err := b.Do(t.Context(), &Item{Rows: 1, Data: b.Row()}); pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("a batcher at its end: %v", err)
	}
}

// One record at fault among many is found, whatever its place.
func TestRowsAtFault(t *testing.T) {
	p, layout := open(t, "words")
	for _, n := range []int{1, 2, 7, 16} {
		for at := range n {
			batch, err := p.NewBatch(layout)
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				row := batch.Next()[0]
				clear(row)
				if i == at {
					row[0] = 99
				}
			}
			var predicted, refused []int
			Predict(t.Context(), batch, 0, n, func(_ []framework.Output, _, row int) { predicted = append(predicted, row) },
				func(row int, err error) {
					refused = append(refused, row)
					var known *pipeline.Error
					if !errors.As(err, &known) || known.Kind != pipeline.Invalid || known.Hint == "" {
						t.Errorf("refused with %v", err)
					}
				})
			if len(predicted) != n-1 || len(refused) != 1 || refused[0] != at {
				t.Errorf("of %d rows with %d at fault: predicted %v, refused %v", n, at, predicted, refused)
			}
		}
	}
}
