package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"time"
)

// fitted measures what checkpoints cost, and how well the time left is told after a
// tenth of a training.
func fitted(ctx context.Context, b *bench) ([]finding, error) {
	d, err := digits()
	if err != nil {
		return nil, err
	}
	mnist, err := b.send(ctx, d.first(b.scaled(60_000, 2_000)), 1, b.scaled(60_000, 2_000))
	if err != nil {
		return nil, err
	}
	few, err := b.send(ctx, d.first(b.scaled(6_000, 640)), 1, b.scaled(6_000, 640))
	if err != nil {
		return nil, err
	}
	net, err := b.send(ctx, points(220), 1, 220)
	if err != nil {
		return nil, err
	}
	all, err := b.checkpointed(ctx, mnist)
	if err != nil {
		return nil, err
	}
	for _, c := range []struct {
		stream *streamed
		fit    fitting
	}{
		{net, fitting{model: "small", batch: 10, epochs: b.scaled(20_000, 2000)}},
		{mnist, fitting{model: "mnist", batch: 32, epochs: b.scaled(20, 10)}},
		{few, fitting{model: "cnn", batch: 32, epochs: 20}},
	} {
		f, err := b.left(ctx, c.stream, c.fit)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// checkpointed trains with the default checkpoints and without, in turn.
func (b *bench) checkpointed(ctx context.Context, s *streamed) ([]finding, error) {
	f := fitting{model: "mnist", batch: 32, epochs: b.scaled(30, 10)}
	var with, without []float64
	for range b.runs {
		for _, kept := range []bool{true, false} {
			took := &without
			if f.kwargs = ""; kept {
				took, f.kwargs = &with, ", checkpoint={}"
			}
			_, results, err := b.trained(ctx, s, f, f.model)
			if err != nil {
				return nil, err
			}
			*took = append(*took, results[0].Seconds)
		}
	}
	fmt.Fprintf(os.Stderr, "    with checkpoints %.2f s, without %.2f s\n", with, without)
	ours, theirs := time.Duration(median(with)*1e9), time.Duration(median(without)*1e9)
	found := faster(fmt.Sprintf("MNIST dense, %d epochs, checkpoints by default", f.epochs), ours, "without", theirs, 0.98)
	return []finding{found}, nil
}

// left compares the time left that is told after a tenth of a training with what
// passes then.
func (b *bench) left(ctx context.Context, s *streamed, f fitting) (finding, error) {
	d, err := b.deploy(ctx, f, f.model)
	if err != nil {
		return finding{}, err
	}
	if err := b.control(ctx, s, d.ID); err != nil {
		return finding{}, err
	}
	var told time.Duration
	var at time.Time
	took := time.Duration(0)
	err = poll(ctx, 5*time.Millisecond, func() (bool, error) {
		r, err := b.client.Results().Get(ctx, d.Results[0])
		if err != nil || r.Status.Ended() && r.EpochsDone < f.epochs {
			return true, err
		}
		if told == 0 && r.EpochsDone >= f.epochs/10 && r.SecondsLeft > 0 {
			told, at = time.Duration(r.SecondsLeft*1e9), time.Now()
		}
		if r.EpochsDone < f.epochs {
			return false, nil
		}
		took = time.Since(at)
		return true, nil
	})
	if err == nil && (told == 0 || took == 0) {
		err = fmt.Errorf("%s: no time left was told", f.model)
	}
	if err != nil {
		return finding{}, err
	}
	if _, err := b.finish(ctx, d, f.asked()); err != nil {
		return finding{}, err
	}
	near := 0.0
	if off := math.Abs(float64(told-took)) / float64(took); off <= 0.2 {
		near = 1
	}
	return finding{
		what: fmt.Sprintf("time left of %s after a tenth of %d epochs", f.model, f.epochs), ours: seconds(told), against: "what passed", theirs: seconds(took),
		ratio: near, mark: 1, rule: "within 20 %", note: "1 run",
	}, nil
}
