package main

import (
	"context"
	"time"
)

// trainSmall trains the 3-4-2 net: 22 steps of 10 records, 1,000 times. The
// work is nearly all overhead.
func trainSmall(ctx context.Context, b *bench) ([]finding, error) {
	const records = 220
	epochs := b.scaled(1000, 20)
	d := points(records)
	return b.compare(ctx, contest{
		what:     "small net 3-4-2, 22 steps of 10, 1,000 epochs",
		fitting:  fitting{model: "small", batch: 10, epochs: epochs, kwargs: ", steps_per_epoch=22"},
		data:     d,
		settings: []string{"steps_per_execution=22", "steps_per_execution=22 jit_compile=1", "steps_per_execution=22 jit_compile=0", "steps_per_execution=11 jit_compile=1"},
		trial:    d, epochs: b.scaled(200, 5),
		defaults: 1, bestMark: 10,
	})
}

// trainShort trains it for 22 steps, over and over: the time is that of all but steps.
func trainShort(ctx context.Context, b *bench) ([]finding, error) {
	const records, again = 220, 3
	s, err := b.send(ctx, points(records), 1, records)
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	for range b.runs * again {
		t, err := b.trainOnce(ctx, s, fitting{model: "small", batch: 10, epochs: 1, short: true})
		if err != nil {
			return nil, err
		}
		took = append(took, t)
	}
	return []finding{atMost("small net 3-4-2, 22 steps, from the message to the result", seconds(median(took)), "0.4 s", float64(400*time.Millisecond)/float64(median(took)))}, nil
}

// trainMNIST trains a dense net on MNIST.
func trainMNIST(ctx context.Context, b *bench) ([]finding, error) {
	d, err := digits()
	if err != nil {
		return nil, err
	}
	d = d.first(b.scaled(60_000, 3_200))
	return b.compare(ctx, contest{
		what:    "MNIST dense 128, batch 32, 60,000 records, 5 epochs",
		fitting: fitting{model: "mnist", batch: 32, epochs: b.scaled(5, 2)},
		data:    d,
		settings: []string{
			"steps_per_execution=22", "steps_per_execution=100", "steps_per_execution=1875", "steps_per_execution=100 jit_compile=0", "steps_per_execution=100 jit_compile=1", "steps_per_execution=1875 jit_compile=0",
		},
		trial: d, epochs: 1,
		defaults: b.runs, mark: 2, bestMark: 1.3,
	})
}

// trainCNN trains a small convolutional net on MNIST.
func trainCNN(ctx context.Context, b *bench) ([]finding, error) {
	d, err := digits()
	if err != nil {
		return nil, err
	}
	d = d.first(b.scaled(60_000, 640))
	return b.compare(ctx, contest{
		what:     "small CNN on MNIST, batch 32, 60,000 records, 2 epochs",
		fitting:  fitting{model: "cnn", batch: 32, epochs: 2},
		data:     d,
		settings: []string{"jit_compile=0", "jit_compile=1", "steps_per_execution=100 jit_compile=0", "steps_per_execution=100 jit_compile=1"},
		trial:    d.first(16_000), epochs: 1,
		defaults: 1, bestMark: 1.3,
	})
}
