package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// widePartitions is how many partitions a topic may well have, against the few
// of the other rows.
const widePartitions = 64

// wide compares direct delivery of one process from many partitions with that
// from few: neither its rate nor its memory is to depend on their number.
func wide(ctx context.Context, b *bench) ([]finding, error) {
	v, err := b.serve(ctx, "mnist")
	if err != nil {
		return nil, err
	}
	n := b.scaled(400_000, 40_000)
	inputs := map[int]string{}
	for _, p := range []int{partitions, widePartitions} {
		if inputs[p], err = b.topic(ctx, "in", p); err != nil {
			return nil, err
		}
		if err := b.fill(ctx, inputs[p], p, v.data, n); err != nil {
			return nil, err
		}
	}
	speed, private := map[int][]float64{}, map[int][]int64{}
	for range b.runs {
		for p, in := range inputs {
			perSecond, bytes, err := b.workOffPrivately(ctx, v, in, p, n)
			if err != nil {
				return nil, fmt.Errorf("%d partitions: %w", p, err)
			}
			speed[p], private[p] = append(speed[p], perSecond), append(private[p], bytes)
		}
	}
	few, many := fmt.Sprintf("%d partitions", partitions), median(private[widePartitions])
	const bound = 256 << 20
	return []finding{
		more(fmt.Sprintf("direct, %d partitions", widePartitions), median(speed[widePartitions]), few, median(speed[partitions]), 0.85),
		{
			what: fmt.Sprintf("its private memory after %d records", n), ours: mebibytes(many), against: few, theirs: mebibytes(median(private[partitions])),
			ratio: float64(bound) / float64(many), mark: 1, rule: "at most " + mebibytes(bound),
		},
	}, nil
}

// workOffPrivately is workOff by direct delivery, and what the process then
// holds in memory that is its own alone.
func (b *bench) workOffPrivately(ctx context.Context, v *served, in string, partitions, n int) (perSecond float64, private int64, err error) {
	out, err := b.topic(ctx, "out", partitions)
	if err != nil {
		return 0, 0, err
	}
	r, err := direct.start(ctx, b, v, in, out)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	if perSecond, err = b.paceOf(ctx, out, n); err != nil {
		return 0, 0, err
	}
	private, err = resident(r.pid, "RssAnon")
	fmt.Fprintf(os.Stderr, "    %d partitions: %s, private memory %s\n", partitions, rate(perSecond), mebibytes(private))
	return perSecond, private, err
}
