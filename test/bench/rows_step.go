package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
)

// steps compares a training step, all that feeds it included, with one of the same loop
// of the same SavedModel, run by Python on tensors that are there already.
func steps(ctx context.Context, b *bench) ([]finding, error) {
	d, err := digits()
	if err != nil {
		return nil, err
	}
	var all []finding
	for _, c := range []struct {
		fitting
		records      int
		intra, inter int     // threads of Python, as ours
		mark         float64 // how long ours may take, in steps of Python
	}{
		{fitting{model: "mnist", batch: 32, epochs: 5}, b.scaled(60_000, 3_200), 1, 1, 130. / 112},
		{fitting{model: "cnn", batch: 32, epochs: 3}, b.scaled(16_000, 640), runtime.NumCPU(), 2, 1.05},
	} {
		f, err := b.step(ctx, d.first(c.records), c.fitting, c.intra, c.inter)
		if err != nil {
			return nil, err
		}
		f.mark, f.rule = 1/c.mark, fmt.Sprintf("at most %.2fx the time", c.mark)
		all = append(all, f)
	}
	return all, nil
}

func (b *bench) step(ctx context.Context, d *dataset, f fitting, intra, inter int) (finding, error) {
	s, err := b.send(ctx, d, 1, d.count)
	if err != nil {
		return finding{}, err
	}
	npz, err := b.arrays(d)
	if err != nil {
		return finding{}, err
	}
	of := float64(d.count / f.batch)
	var ours, theirs []time.Duration
	var engine string
	for range b.runs {
		_, results, err := b.trained(ctx, s, f, f.model)
		if err != nil {
			return finding{}, err
		}
		r := results[0]
		epochs, err := b.client.Epochs(ctx, r.ID, 0)
		if err != nil {
			return finding{}, err
		}
		least := time.Duration(1<<63 - 1)
		for _, e := range epochs[1:] { // the first one runs in the graph
			least = min(least, time.Duration(e.Seconds/of*float64(time.Second)))
		}
		ours, engine = append(ours, least), string(r.Engine)
		v := &served{model: f.model, result: r}
		zip := filepath.Join(b.dir, f.model+"-step.zip")
		if err := b.download(ctx, v, "savedmodel", zip); err != nil {
			return finding{}, err
		}
		signature := "train"
		switch {
		case r.Engine == kerasmodel.XLA:
			signature = "train_xla"
		case strings.Contains(r.EngineReason, "half of a batch"):
			signature, intra, inter = "train_halves", max(1, runtime.NumCPU()/2), 2
		}
		out, err := b.printed(ctx, "step.py", zip, npz, strconv.Itoa(f.batch), strconv.Itoa(f.epochs-1), signature, strconv.Itoa(intra), strconv.Itoa(inter))
		if err != nil {
			return finding{}, err
		}
		took, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil {
			return finding{}, err
		}
		theirs = append(theirs, time.Duration(took*float64(time.Second)))
		fmt.Fprintf(os.Stderr, "    %s, a step in %s: kafkaml %s, Python %s\n", f.model, engine, seconds(least), seconds(theirs[len(theirs)-1]))
	}
	return faster(fmt.Sprintf("%s, a step of %d (%s)", f.model, f.batch, engine), median(ours), "the same loop in Python", median(theirs), 0), nil
}
