package predict

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// gathered is what collect makes of items that come at the given times while
// some batches are under way, and how long the first one waited.
func gathered(s *Service, active int64, arrivals []time.Duration, rows int) (n int, waited time.Duration, left bool) {
	b := &batcher{s: s, queue: make(chan *item, queueLength), ended: make(chan struct{}, 1)}
	b.active.Store(active)
	var all sync.WaitGroup
	for _, at := range arrivals {
		all.Go(func() {
			<-time.After(at)
			b.queue <- &item{rows: rows}
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
	s := start(t, nil, "small", newJob(t, nil, "small", 0)) // a fresh model's limit is 64 rows
	limit := s.predictor.Limit()
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
				n, waited, left := gathered(s, c.active, c.arrivals, c.rows)
				if n != c.n || waited != c.waited || left != c.left {
					t.Errorf("%d items after %v, one left: %v; want %d after %v, %v", n, waited, left, c.n, c.waited, c.left)
				}
			})
		})
	}
}

// What comes while the queue is full, or after the end, is turned away.
func TestTurnedAway(t *testing.T) {
	full := &batcher{queue: make(chan *item), closed: make(chan struct{})}
	if err := full.do(t.Context(), &item{}); pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("a full queue: %v", err)
	}
	s, err := New(newJob(t, nil, "small", 0), modelDir(t, "small"), nil, logTo(t))
	if err != nil {
		t.Fatal(err)
	}
	data := s.records.rows()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.records.do(t.Context(), &item{rows: 1, data: data}); pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("a closed service: %v", err)
	}
}

// One record at fault among many is found, whatever its place.
func TestRowsAtFault(t *testing.T) {
	s := start(t, nil, "words", newJob(t, nil, "words", 0))
	for _, n := range []int{1, 2, 7, 16} {
		for at := range n {
			batch, err := s.predictor.NewBatch()
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
			var took, refused []int
			s.predict(t.Context(), batch, func(_ []tensorflow.Output, _, row int) { took = append(took, row) },
				func(row int, err error) {
					refused = append(refused, row)
					var known *pipeline.Error
					if !errors.As(err, &known) || known.Kind != pipeline.Invalid {
						t.Errorf("refused with %v", err)
					}
				})
			if len(took) != n-1 || len(refused) != 1 || refused[0] != at {
				t.Errorf("of %d rows with %d at fault: predicted %v, refused %v", n, at, took, refused)
			}
		}
	}
}
