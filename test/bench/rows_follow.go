package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// phishing is River's data set of that name: nine floats, and one of two classes.
func (b *bench) phishing(ctx context.Context) (*dataset, error) {
	if _, err := b.printed(ctx, "stream.py", "data", b.dir); err != nil {
		return nil, err
	}
	x, err := os.ReadFile(filepath.Join(b.dir, "x.bin"))
	if err != nil {
		return nil, err
	}
	y, err := os.ReadFile(filepath.Join(b.dir, "y.bin"))
	return &dataset{name: "phishing", dtype: codec.Float32, shape: []int{9}, count: len(y), values: x, labels: y}, err
}

// follow compares learning from a stream, each record predicted before it is learned
// from: the records a second of batches of 32, from the control message to the stored
// model, and how many of Phishing's are predicted right by a net of one unit that
// learns from each by itself, as River does.
func follow(ctx context.Context, b *bench) ([]finding, error) {
	const batch = 32
	d, err := b.phishing(ctx)
	if err != nil {
		return nil, err
	}
	npz, err := b.arrays(d)
	if err != nil {
		return nil, err
	}
	s, err := b.send(ctx, d, 1, b.scaled(500_000, 10_000))
	if err != nil {
		return nil, err
	}
	peers := b.scaled(50_000, 2_000) // records of their loops
	var ours, river, keras []float64
	for range b.runs {
		took, _, err := b.trained(ctx, s, fitting{model: "phishing", batch: batch, epochs: 1, mode: pipeline.ModeStream}, "phishing")
		if err != nil {
			return nil, err
		}
		ours = append(ours, float64(s.records)/took.Seconds())
		for _, peer := range []struct {
			rates *[]float64
			args  []string
		}{{&river, []string{"river", npz, fmt.Sprint(peers)}}, {&keras, []string{"keras", npz, fmt.Sprint(peers), fmt.Sprint(batch)}}} {
			perSecond, _, err := b.learn(ctx, peer.args...)
			if err != nil {
				return nil, err
			}
			*peer.rates = append(*peer.rates, perSecond)
		}
		last := len(ours) - 1
		fmt.Fprintf(os.Stderr, "    follow: kafkaml %s, River %s, train_on_batch %s\n", rate(ours[last]), rate(river[last]), rate(keras[last]))
	}
	right, err := b.progressive(ctx, d)
	if err != nil {
		return nil, err
	}
	_, theirs, err := b.learn(ctx, "river", npz, fmt.Sprint(d.count))
	if err != nil {
		return nil, err
	}
	const mark, allowed = 10, 0.5
	what := fmt.Sprintf("follow a stream, %d floats, batches of %d", d.shape[0], batch)
	return []finding{
		more(what, median(ours), "River's logistic regression, the loop alone", median(river), mark),
		more(what, median(ours), "Keras train_on_batch, the loop alone", median(keras), mark),
		{
			what: "Phishing, progressive accuracy", ours: fmt.Sprintf("%.2f %%", right), against: "River's logistic regression", theirs: fmt.Sprintf("%.2f %%", theirs),
			ratio: right / theirs, mark: (theirs - allowed) / theirs, rule: fmt.Sprintf("theirs - %.1f", allowed),
		},
	}, nil
}

// learn runs one of the loops of stream.py, and gives its records a second and its
// accuracy in percent.
func (b *bench) learn(ctx context.Context, args ...string) (perSecond, right float64, err error) {
	out, err := b.printed(ctx, "stream.py", args...)
	if err == nil {
		_, err = fmt.Sscan(string(out), &perSecond, &right)
	}
	return perSecond, right, err
}

// progressive is the accuracy in percent of a training that follows Phishing once,
// each record predicted and then learned from by itself.
func (b *bench) progressive(ctx context.Context, d *dataset) (float64, error) {
	once, err := b.send(ctx, d, 1, d.count)
	if err != nil {
		return 0, err
	}
	_, results, err := b.trained(ctx, once, fitting{model: "phishing", batch: 1, epochs: 1, mode: pipeline.ModeStream}, "phishing")
	if err != nil {
		return 0, err
	}
	return 100 * results[0].Metrics.Training["accuracy"], nil
}
