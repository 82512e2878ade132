package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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
// from: the records a second of batches of Keras' default size and of larger ones, and
// how many of Phishing's are predicted right by a net of one unit that learns from each
// by itself, as River does.
func follow(ctx context.Context, b *bench) ([]finding, error) {
	d, err := b.phishing(ctx)
	if err != nil {
		return nil, err
	}
	npz, err := b.arrays(d)
	if err != nil {
		return nil, err
	}
	s, err := b.send(ctx, d, 1, b.scaled(4_000_000, 20_000))
	if err != nil {
		return nil, err
	}
	found, err := b.progressive(ctx, d, npz)
	if err != nil {
		return nil, err
	}
	all := []finding{found}
	for _, batch := range []int{32, 128} {
		var ours, river, keras []float64
		for range b.runs {
			perSecond, err := b.followed(ctx, s, batch)
			if err != nil {
				return nil, err
			}
			ours = append(ours, perSecond)
			peers := fmt.Sprint(b.scaled(100_000, 2_000)) // records of their loops
			if perSecond, _, err = b.learn(ctx, "river", npz, peers); err != nil {
				return nil, err
			}
			river = append(river, perSecond)
			if perSecond, _, err = b.learn(ctx, "keras", npz, peers, fmt.Sprint(batch)); err != nil {
				return nil, err
			}
			keras = append(keras, perSecond)
			last := len(ours) - 1
			fmt.Fprintf(os.Stderr, "    follow by %d: kafkaml %s, River %s, train_on_batch %s\n", batch, rate(ours[last]), rate(river[last]), rate(keras[last]))
		}
		const mark = 10
		what := fmt.Sprintf("follow a stream, %d floats, batches of %d", d.shape[0], batch)
		all = append(all,
			more(what, median(ours), "River's logistic regression, one by one", median(river), mark),
			more(what, median(ours), "Keras train_on_batch", median(keras), mark))
	}
	return all, nil
}

// followed is the records a second of a training that follows a stream, its start and
// end left out, as those of the loops are: what the last four fifths of it take.
func (b *bench) followed(ctx context.Context, s *streamed, batch int) (float64, error) {
	part := *s
	part.ranges = slices.Clone(s.ranges)
	part.ranges[0].Length /= 5
	f := fitting{model: "phishing", batch: batch, epochs: 1, mode: pipeline.ModeStream}
	short, _, err := b.trained(ctx, &part, f, f.model)
	if err != nil {
		return 0, err
	}
	long, _, err := b.trained(ctx, s, f, f.model)
	return float64(s.ranges[0].Length-part.ranges[0].Length) / (long - short).Seconds(), err
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

// progressive compares the accuracy of a training that follows Phishing once, each
// record predicted and then learned from by itself, with River's.
func (b *bench) progressive(ctx context.Context, d *dataset, npz string) (finding, error) {
	once, err := b.send(ctx, d, 1, d.count)
	if err != nil {
		return finding{}, err
	}
	_, results, err := b.trained(ctx, once, fitting{model: "phishing", batch: 1, epochs: 1, mode: pipeline.ModeStream}, "phishing")
	if err != nil {
		return finding{}, err
	}
	_, theirs, err := b.learn(ctx, "river", npz, fmt.Sprint(d.count))
	ours := 100 * results[0].Metrics.Training["accuracy"]
	const allowed = 0.5
	return finding{
		what: "Phishing, progressive accuracy", ours: fmt.Sprintf("%.2f %%", ours), against: "River's logistic regression", theirs: fmt.Sprintf("%.2f %%", theirs),
		ratio: ours / theirs, mark: (theirs - allowed) / theirs, rule: fmt.Sprintf("theirs - %.1f", allowed),
	}, err
}
