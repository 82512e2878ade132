package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// fitting is a training that both sides do.
type fitting struct {
	model  string // of models.py
	batch  int
	epochs int
	kwargs string // beside epochs and shuffle
	mode   pipeline.Mode
	short  bool // it is asked for more often whether it is over: each time takes of the processor what it trains on
}

// asked is how often it is asked for.
func (f fitting) asked() time.Duration {
	if f.short {
		return 5 * time.Millisecond
	}
	return 100 * time.Millisecond
}

func (f fitting) text() string {
	return fmt.Sprintf("epochs=%d, shuffle=True, verbose=0%s", f.epochs, f.kwargs)
}

// deploy makes a configuration of models and deploys it for training.
func (b *bench) deploy(ctx context.Context, f fitting, models ...string) (pipeline.Deployment, error) {
	b.named++
	form := pipeline.ConfigurationForm{Name: fmt.Sprintf("bench-%d", b.named)}
	for _, name := range models {
		id, err := b.model(ctx, name)
		if err != nil {
			return pipeline.Deployment{}, err
		}
		form.Models = append(form.Models, id)
	}
	c, err := client.Do[pipeline.Configuration](ctx, b.client, b.client.CreateConfiguration(form))
	if err != nil {
		return pipeline.Deployment{}, err
	}
	return client.Do[pipeline.Deployment](ctx, b.client, b.client.CreateDeployment(pipeline.DeploymentForm{
		Configuration: c.ID, BatchSize: f.batch, TrainingKwargs: pipeline.ArgumentsOf(f.text()), Mode: f.mode,
	}))
}

// finish waits until every result of a deployment is finished, for which it asks every
// so often.
func (b *bench) finish(ctx context.Context, d pipeline.Deployment, asked time.Duration) ([]pipeline.Result, error) {
	results := make([]pipeline.Result, len(d.Results))
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Minute, errors.New("a training takes more than a quarter of an hour"))
	defer cancel()
	err := poll(ctx, asked, func() (bool, error) {
		for i, id := range d.Results {
			if results[i].Status == pipeline.ResultFinished {
				continue
			}
			r, err := b.client.Results().Get(ctx, id)
			if err != nil || !r.Status.Ended() {
				return false, err
			}
			if r.Status != pipeline.ResultFinished {
				return false, fmt.Errorf("result %d of %s: %s: %s", r.ID, r.ModelName, r.Status, r.Reason)
			}
			results[i] = r
		}
		return true, nil
	})
	return results, err
}

// trained measures one training from the control message to the finished
// results.
func (b *bench) trained(ctx context.Context, s *streamed, f fitting, models ...string) (time.Duration, []pipeline.Result, error) {
	d, err := b.deploy(ctx, f, models...)
	if err != nil {
		return 0, nil, err
	}
	var results []pipeline.Result
	took, err := times(func() error {
		if err := b.control(ctx, s, d.ID); err != nil {
			return err
		}
		results, err = b.finish(ctx, d, f.asked())
		return err
	})
	return took, results, err
}

// fit measures Keras fit of the arrays in a file, process start included.
func (b *bench) fit(ctx context.Context, npz string, f fitting, settings string) (time.Duration, error) {
	args := append([]string{f.model, npz, fmt.Sprint(f.batch), fmt.Sprint(f.epochs)}, strings.Fields(settings)...)
	var out []byte
	took, err := times(func() (err error) {
		out, err = b.printed(ctx, "fit.py", args...)
		return err
	})
	fmt.Fprintf(os.Stderr, "    Keras %s, %d epochs [%s]: %s, %s\n", f.model, f.epochs, settings, seconds(took), strings.TrimSpace(string(out)))
	return took, err
}

// best tries Keras' performance settings on fewer epochs, once each, and gives
// the fastest.
func (b *bench) best(ctx context.Context, npz string, f fitting, epochs int, settings []string) (string, error) {
	best, least := "", time.Duration(0)
	f.epochs = epochs
	for _, s := range settings {
		took, err := b.fit(ctx, npz, f, s)
		if err != nil {
			return "", err
		}
		if least == 0 || took < least {
			best, least = s, took
		}
	}
	return best, nil
}

// arrays writes a dataset for Python.
func (b *bench) arrays(d *dataset) (string, error) {
	path := filepath.Join(b.dir, d.name+fmt.Sprint(d.count)+".npz")
	return path, d.npz(path)
}

// contest is a training that is measured against Keras' defaults and its best
// settings.
type contest struct {
	what     string
	fitting  fitting
	data     *dataset
	settings []string // of Keras, to choose the best from
	trial    *dataset // what the settings are tried on
	epochs   int      // and for how long
	defaults int      // runs with Keras' defaults
	mark     float64  // against the defaults; 0: none
	bestMark float64
}

// compare runs both sides of a contest in turn.
func (b *bench) compare(ctx context.Context, c contest) ([]finding, error) {
	s, err := b.send(ctx, c.data, 1, c.data.count)
	if err != nil {
		return nil, err
	}
	npz, err := b.arrays(c.data)
	if err != nil {
		return nil, err
	}
	trial, err := b.arrays(c.trial)
	if err != nil {
		return nil, err
	}
	settings, err := b.best(ctx, trial, c.fitting, c.epochs, c.settings)
	if err != nil {
		return nil, err
	}
	var ours, best, defaults []time.Duration
	for run := range b.runs {
		took, err := b.trainOnce(ctx, s, c.fitting)
		if err != nil {
			return nil, err
		}
		ours = append(ours, took)
		if took, err = b.fit(ctx, npz, c.fitting, settings); err != nil {
			return nil, err
		}
		best = append(best, took)
		if run >= c.defaults {
			continue
		}
		if took, err = b.fit(ctx, npz, c.fitting, ""); err != nil {
			return nil, err
		}
		defaults = append(defaults, took)
	}
	return []finding{
		faster(c.what, median(ours), "Keras fit, defaults", median(defaults), c.mark).with("runs of defaults: %d", len(defaults)),
		faster(c.what, median(ours), "Keras fit, best settings: "+settings, median(best), c.bestMark),
	}, nil
}

// trainOnce trains once and prints how it went.
func (b *bench) trainOnce(ctx context.Context, s *streamed, f fitting) (time.Duration, error) {
	took, results, err := b.trained(ctx, s, f, f.model)
	if err == nil {
		r := results[0]
		fmt.Fprintf(os.Stderr, "    kafkaml %s: %s, of which the process %.2f s; %s (%s); %v\n", f.model, seconds(took), r.Seconds, r.Engine, r.EngineReason, r.Metrics.Training)
	}
	return took, err
}
