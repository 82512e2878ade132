package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// study searches MNIST's learning rate and batch size by 20 trials, as Optuna and
// Keras do with the same sampler and seed; then once more with ASHA.
func study(ctx context.Context, b *bench) ([]finding, error) {
	const (
		epochs, seed = 4, 1
		validation   = 0.1
	)
	trials := b.scaled(20, 3)
	d, err := digits()
	if err != nil {
		return nil, err
	}
	d = d.first(b.scaled(60_000, 2_000))
	s, err := b.send(ctx, d, 1, d.count)
	if err != nil {
		return nil, err
	}
	npz, err := b.arrays(d)
	if err != nil {
		return nil, err
	}
	form := pipeline.StudyForm{
		Space: "learning_rate=log(1e-4,1e-1), batch_size=[32,64,128]", Objective: "val_accuracy", Trials: trials, Parallel: 2, Seed: seed,
		TrainingKwargs: pipeline.ArgumentsOf(fitting{epochs: epochs}.text()),
	}
	before, err := b.logged()
	if err != nil {
		return nil, err
	}
	took, ours, err := b.searched(ctx, s, form, validation)
	if err != nil {
		return nil, err
	}
	grown, err := b.grown(before)
	if err != nil {
		return nil, err
	}
	form.Pruner = pipeline.PrunerASHA
	pruned, asha, err := b.searched(ctx, s, form, validation)
	if err != nil {
		return nil, err
	}
	var theirs struct {
		Best       float64        `json:"best"`
		Parameters map[string]any `json:"parameters"`
	}
	long, err := times(func() error {
		out, err := b.printed(ctx, "study.py", "mnist", npz, fmt.Sprint(epochs), fmt.Sprint(trials), fmt.Sprint(seed), fmt.Sprint(validation))
		if err == nil {
			err = json.Unmarshal(out, &theirs)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "    best: %.4f by %v; Optuna + Keras: %.4f by %v; ASHA: %.4f in %s, %d pruned\n",
		ours.Best.Value, ours.Best.Parameters, theirs.Best, theirs.Parameters, asha.Best.Value, seconds(pruned), asha.Pruned)
	what := fmt.Sprintf("study of %d trials, MNIST dense, %d epochs, 2 at once", trials, epochs)
	near := 0.0
	if math.Abs(ours.Best.Value-theirs.Best) <= 0.002 || ours.Best.Value > theirs.Best {
		near = 1
	}
	return []finding{
		faster(what, took, "Optuna + Keras, "+keepBest, long, 3).with("1 run"),
		{
			what: "its best val_accuracy", ours: fmt.Sprintf("%.4f", ours.Best.Value), against: "Optuna + Keras", theirs: fmt.Sprintf("%.4f", theirs.Best),
			ratio: near, mark: 1, rule: "at most 0.2 points below", note: "same sampler and seed; 1 run",
		},
		{
			what: "bytes produced for it", ours: fmt.Sprintf("%d and a control message of %d", grown.others, grown.control), against: "the stream once", theirs: fmt.Sprint(before[s.topic]),
			ratio: once(grown), mark: 1, rule: "no record", note: "the log's files; 1 run",
		},
		{
			what: "epochs with ASHA", ours: fmt.Sprintf("%d, best %.4f", asha.Epochs, asha.Best.Value), against: "without", theirs: fmt.Sprint(ours.Epochs),
			ratio: float64(ours.Epochs) / float64(asha.Epochs), mark: 2, note: "1 run",
		},
	}, nil
}

// searched measures a study from the control message to its end.
func (b *bench) searched(ctx context.Context, s *streamed, form pipeline.StudyForm, validation float64) (took time.Duration, st pipeline.Study, err error) {
	model, err := b.model(ctx, "mnist")
	if err != nil {
		return 0, st, err
	}
	b.named++
	c, err := client.Do[pipeline.Configuration](ctx, b.client, b.client.CreateConfiguration(pipeline.ConfigurationForm{
		Name: fmt.Sprintf("bench-%d", b.named), Models: []int64{model},
	}))
	if err != nil {
		return 0, st, err
	}
	form.Configuration = c.ID
	if st, err = client.Do[pipeline.Study](ctx, b.client, b.client.CreateStudy(form)); err != nil {
		return 0, st, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Minute, errors.New("a study takes more than half an hour"))
	defer cancel()
	took, err = times(func() error {
		if err := b.controlValidated(ctx, s, st.Deployment, validation); err != nil {
			return err
		}
		return poll(ctx, 50*time.Millisecond, func() (bool, error) {
			st, err = b.client.Studies().Get(ctx, st.ID)
			return st.Status.Ended(), err
		})
	})
	if err == nil && st.Status != pipeline.StudyFinished {
		err = fmt.Errorf("study %d: %s: %s", st.ID, st.Status, st.Reason)
	}
	return took, st, err
}
