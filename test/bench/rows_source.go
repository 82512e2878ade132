package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// perRecord is what a record by source takes of the processors: of the dispatcher,
// which is a part of kafkaml run, and of the replica.
func perRecord(ctx context.Context, b *bench) ([]finding, error) {
	const mark = 80 * time.Microsecond
	var all []finding
	for _, m := range []struct{ model, name string }{{"small", "small net"}, {"mnist", "MNIST dense"}} {
		v, err := b.serve(ctx, m.model)
		if err != nil {
			return nil, err
		}
		n := b.scaled(100_000, 40_000)
		in, err := b.filled(ctx, v, n)
		if err != nil {
			return nil, err
		}
		var sums []time.Duration
		var ends [][2]time.Duration
		for range b.runs {
			e, err := b.costOf(ctx, v, in, n)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(os.Stderr, "    %s: dispatcher %s, predict %s\n", m.name, seconds(e[0]), seconds(e[1]))
			sums, ends = append(sums, e[0]+e[1]), append(ends, e)
		}
		sum := median(sums)
		for i, e := range ends {
			if sums[i] == sum {
				all = append(all, finding{
					what: "CPU a record by source, " + m.name, ours: seconds(sum), against: "dispatcher, predict", theirs: seconds(e[0]) + ", " + seconds(e[1]),
					ratio: float64(mark) / float64(sum), mark: 1, rule: "at most " + seconds(mark),
				})
				break
			}
		}
	}
	return all, nil
}

// costOf is the time that the processors spend on a record in kafkaml run and in the
// replica, from when a tenth of n are predicted until all are.
func (b *bench) costOf(ctx context.Context, v *served, in string, n int) (ends [2]time.Duration, err error) {
	const every = 10 * time.Millisecond
	out, err := b.topic(ctx, "out", partitions)
	if err != nil {
		return ends, err
	}
	r, err := source.start(ctx, b, v, in, out)
	if err != nil {
		return ends, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	_, from, err := b.reached(ctx, out, int64(n/10), every)
	if err != nil {
		return ends, err
	}
	pids := [2]int{b.product.Process.Pid, r.pid}
	for i, pid := range pids {
		if ends[i], err = busy(pid); err != nil {
			return ends, err
		}
	}
	_, to, err := b.reached(ctx, out, int64(n), every)
	if err != nil {
		return ends, err
	}
	for i, pid := range pids {
		until, err := busy(pid)
		if err != nil {
			return ends, err
		}
		ends[i] = ((until - ends[i]) / time.Duration(to-from)).Round(100 * time.Nanosecond)
	}
	return ends, nil
}
