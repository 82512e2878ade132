package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// partitions of every input and output topic of the rows about inference.
const partitions = 4

// pace is a rate at which latency is measured, and for how many records. (a)
// falls behind at either rate: the longer it is fed, the later its answers; it
// gets fewer.
type pace struct {
	perSecond, records, single int
}

var paces = []pace{{50, 1000, 150}, {500, 3000, 300}}

// quantiles are the medians over the runs.
type quantiles struct{ p50, p99 []time.Duration }

func (q quantiles) String() string {
	return fmt.Sprintf("p50 %s, p99 %s", seconds(median(q.p50)), seconds(median(q.p99)))
}

// latency compares how long a record takes from the sender by the model to the
// reader of the output topic, MNIST dense.
func latency(ctx context.Context, b *bench) ([]finding, error) {
	v, err := b.serve(ctx, "mnist")
	if err != nil {
		return nil, err
	}
	// A broker compiles its code while it runs it: for seconds that takes more than one
	// of two cores, and whoever came first would be measured beside it.
	fmt.Fprintln(os.Stderr, "    until the broker is warm, not counted:")
	if err := b.feel(ctx, v, pipelined, map[int]*quantiles{}); err != nil {
		return nil, fmt.Errorf("warm up: %w", err)
	}
	figures := map[string]map[int]*quantiles{}
	for run := range b.runs {
		for _, c := range []contender{direct, source, batched, pipelined, single} {
			if c.name == single.name && run > 0 {
				continue // it is slower by orders of magnitude
			}
			if figures[c.name] == nil {
				figures[c.name] = map[int]*quantiles{}
			}
			if err := b.feel(ctx, v, c, figures[c.name]); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	var all []finding
	for _, p := range paces {
		for _, ours := range []contender{direct, source} {
			what := fmt.Sprintf("latency of MNIST dense, %d records/s, %s", p.perSecond, ours.name)
			our := figures[ours.name][p.perSecond]
			for _, against := range []contender{single, batched, pipelined} {
				their := figures[against.name][p.perSecond]
				f := finding{what: what, ours: our.String(), against: against.name, theirs: their.String()}
				f.ratio = float64(median(their.p50)) / float64(median(our.p50))
				f.mark, f.rule = 1, "p50 no higher"
				switch {
				case against.name == single.name:
					f.mark, f.rule = 15, "p50 15x lower"
					f = f.with("1 run of (a), fed %d records", p.single)
				case against.name == pipelined.name && ours.name == direct.name && p.perSecond == 500:
					f.mark, f.rule = 2, "p50 2x lower"
				}
				all = append(all, f)
				if ours.name == direct.name && against.name != single.name {
					tail := finding{what: what + ": p99", ours: seconds(median(our.p99)), against: against.name, theirs: seconds(median(their.p99))}
					tail.ratio = float64(median(their.p99)) / float64(median(our.p99))
					tail.mark, tail.rule = 1, "no higher"
					all = append(all, tail)
				}
			}
		}
	}
	return all, nil
}

// feel measures one contender at each pace, in a process of its own.
func (b *bench) feel(ctx context.Context, v *served, c contender, into map[int]*quantiles) (err error) {
	in, out, err := b.ways(ctx, partitions)
	if err != nil {
		return err
	}
	t, err := b.newTraffic(in, out, partitions, v.data)
	if err != nil {
		return err
	}
	defer t.close()
	r, err := c.start(ctx, b, v, in, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	if _, err := t.run(ctx, 10, 20); err != nil { // until all is warm
		return err
	}
	for _, p := range paces {
		n := b.scaled(p.records, p.perSecond)
		if c.name == single.name {
			n = b.scaled(p.single, 10)
		}
		took, err := t.run(ctx, p.perSecond, n)
		if err != nil {
			return err
		}
		if into[p.perSecond] == nil {
			into[p.perSecond] = &quantiles{}
		}
		q := into[p.perSecond]
		q.p50, q.p99 = append(q.p50, median(took)), append(q.p99, quantile(took, 0.99))
		fmt.Fprintf(os.Stderr, "    %s at %d/s: p50 %s, p99 %s\n", c.name, p.perSecond, seconds(median(took)), seconds(quantile(took, 0.99)))
	}
	return nil
}
