package train

import (
	"math"
	"testing"
	"time"
)

// TestTimeLeft holds the time left, after a tenth of a training and later, to
// within a fifth of what then passes.
func TestTimeLeft(t *testing.T) {
	steady := func(int64) time.Duration { return 10 * time.Millisecond }
	cases := []struct {
		name  string
		steps int64
		from  int64                          // where it is looked at first
		takes func(done int64) time.Duration // the step that follows so many
		pause int64                          // after so many steps one as long as 100 of them
	}{
		{"steady", 1000, 100, steady, 0},
		{"few", 20, 2, steady, 0},
		{"a slow first call", 1000, 100, func(done int64) time.Duration {
			if done == 0 {
				return 5 * time.Second
			}
			return steady(done)
		}, 0},
		{"a validation every 50 steps", 1000, 100, func(done int64) time.Duration {
			if done%50 == 49 {
				return 300 * time.Millisecond
			}
			return steady(done)
		}, 0},
		{"faster soon", 10_000, 1400, func(done int64) time.Duration {
			if done < 300 {
				return time.Second
			}
			return steady(done)
		}, 0},
		{"a first pass in the graph", 1000, 100, func(done int64) time.Duration {
			if done < 50 {
				return 3 * steady(done)
			}
			return steady(done)
		}, 0},
		{"an engine is chosen after the first pass", 1000, 60, steady, 50},
		{"one epoch of a million", 1_000_000, 100_000, steady, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			clock := time.Unix(0, 0)
			ends := make([]time.Time, c.steps+1)
			left := make([]time.Duration, c.steps+1)
			r := remaining{now: func() time.Time { return clock }}
			for done := int64(1); done <= c.steps; done++ {
				if c.pause > 0 && done == c.pause+1 {
					r.pause()
					clock = clock.Add(100 * steady(done))
					r.resume()
				}
				clock = clock.Add(c.takes(done - 1))
				ends[done], left[done] = clock, r.step(int((done-1)*20/c.steps), done, c.steps)
			}
			for done := c.from; done < c.steps*9/10; done++ {
				if want := clock.Sub(ends[done]); math.Abs(float64(left[done]-want)) > 0.2*float64(want) {
					t.Fatalf("%v are left after %d steps, told are %v", want, done, left[done])
				}
			}
			if left[c.steps] != 0 {
				t.Errorf("%v are left at the end", left[c.steps])
			}
		})
	}
}
