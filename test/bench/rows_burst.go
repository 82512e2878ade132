package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// burst compares how fast a full input topic is worked off.
func burst(ctx context.Context, b *bench) ([]finding, error) {
	small, err := b.blast(ctx, "small", b.scaled(2_000_000, 100_000))
	if err != nil {
		return nil, err
	}
	mnist, err := b.blast(ctx, "mnist", b.scaled(400_000, 40_000))
	if err != nil {
		return nil, err
	}
	return append(small.findings("small net", 2.5, 3), mnist.findings("MNIST dense", 1.3, 2.5)...), nil
}

// rates are the records a second of each contender, by run.
type rates map[string][]float64

// findings are held to two marks: against (b) and against (c).
func (r rates) findings(model string, mark, markC float64) []finding {
	what := func(c contender) string { return "burst, 4 partitions, " + model + ", " + c.name }
	a, bb := median(r[single.name]), median(r[batched.name])
	return []finding{
		more(what(direct), median(r[direct.name]), batched.name, bb, mark),
		more(what(direct), median(r[direct.name]), pipelined.name, median(r[pipelined.name]), markC),
		more(what(direct), median(r[direct.name]), single.name, a, 0).with("1 run of (a)"),
		more(what(source), median(r[source.name]), single.name, a, 500).with("1 run of (a)"),
		more(what(source), median(r[source.name]), batched.name, bb, 0),
	}
}

// blast measures each contender in turn on n records of a model; those that
// hand over single records on fewer.
func (b *bench) blast(ctx context.Context, model string, n int) (rates, error) {
	v, err := b.serve(ctx, model)
	if err != nil {
		return nil, err
	}
	in, err := b.filled(ctx, v, n)
	if err != nil {
		return nil, err
	}
	all := rates{}
	for run := range b.runs {
		for _, c := range []struct {
			contender
			n int
		}{{direct, n}, {batched, n}, {pipelined, n}, {source, b.scaled(400_000, 40_000)}, {single, b.scaled(150, 20)}} {
			if c.name == single.name && run > 0 {
				continue // it is slower by orders of magnitude
			}
			rate, err := b.workOff(ctx, v, c.contender, in, c.n)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", model, c.name, err)
			}
			all[c.name] = append(all[c.name], rate)
		}
	}
	return all, nil
}

func (b *bench) filled(ctx context.Context, v *served, n int) (string, error) {
	in, err := b.topic(ctx, "in", partitions)
	if err != nil {
		return "", err
	}
	return in, b.fill(ctx, in, partitions, v.data, n)
}

// workOff starts a contender on a filled topic and gives its records a second.
func (b *bench) workOff(ctx context.Context, v *served, c contender, in string, n int) (perSecond float64, err error) {
	out, err := b.topic(ctx, "out", partitions)
	if err != nil {
		return 0, err
	}
	r, err := c.start(ctx, b, v, in, out)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	perSecond, err = b.paceOf(ctx, out, n)
	if err == nil {
		fmt.Fprintf(os.Stderr, "    %s, %s: %s\n", v.model, c.name, rate(perSecond))
	}
	return perSecond, err
}

// paceOf is how many records a second come to a topic, from when a tenth of n is
// there until all are: the start of who writes them does not count.
func (b *bench) paceOf(ctx context.Context, topic string, n int) (perSecond float64, err error) {
	const every = 10 * time.Millisecond
	from, had, err := b.reached(ctx, topic, int64(n/10), every)
	if err != nil {
		return 0, err
	}
	to, have, err := b.reached(ctx, topic, int64(n), every)
	if err != nil {
		return 0, err
	}
	if have == had {
		return 0, fmt.Errorf("%s was filled between two looks: %d records are too few", topic, have)
	}
	return float64(have-had) / to.Sub(from).Seconds(), nil
}
