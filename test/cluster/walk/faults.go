package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// gone is how long the API server and the node are away.
const gone = time.Minute

// faults are what goes wrong in the cluster, one after the other, each under load.
var faults = []step{
	{"the API server stopped for a minute", false, struck(stopped(apiServer, gone))},
	{"the API server killed whenever it comes, for a minute", false, struck(down(apiServer, gone))},
	{"Knative's activator: kill -9", false, struck(killed(program("/activator")))},
	{"KafkaSource's data plane: kill -9", false, struck(killed(program("/dispatcher")))},
	{"deploy-training in the middle of commands: kill -9", false, struck(killed(service(pipeline.StepDeployTraining, "serve")))},
	{"the page in the middle of commands: kill -9", false, struck(killed(service("page", "serve")))},
	{"a replica of each inference: kill -9", false, struck((*walk).killReplicas)},
	{"a training: kill -9", false, struck(killed(verb("train")))},
	{"another training out of memory", false, struck(func(w *walk, ctx context.Context) error { return w.jobMemory(ctx, new(row)) })},
	{"one node drained, then the other", false, struck((*walk).drain)},
	{"PostgreSQL: kill -9, and on again", false, struck(killed(database("data")))},
	{"PostgreSQL: kill -9, and its standby takes over", false, struck((*walk).failOver)},
}

// faultSteps are what leads to the faults whose names hold which, and these.
func faultSteps(which string) []step {
	all := []step{
		{"install by one apply: six functions ready", true, (*walk).install},
		{"register two models by CloudEvent, configure", true, (*walk).register},
		{"control message before its deployment, control-log at 0", true, (*walk).early},
		{"deploy: two Jobs run and finish", true, (*walk).train},
		{"an inference of each delivery, 2 replicas", true, (*walk).load},
	}
	all = append(all, tenants...)
	all = append(all, step{"the nightly backup, once, and read back", false, (*walk).backup})
	for _, f := range faults {
		if strings.Contains(f.name, which) {
			all = append(all, f)
		}
	}
	return all
}

// load serves a model by both deliveries, and configures it for the trainings
// under faults.
func (w *walk) load(ctx context.Context, r *row) error {
	for _, delivery := range []pipeline.Delivery{pipeline.Source, pipeline.Direct} {
		i, err := w.infer(ctx, pipeline.InferenceForm{Result: w.results[0].ID, Replicas: 2, Delivery: delivery}, 2)
		if err != nil {
			return err
		}
		w.served = append(w.served, i)
	}
	c, err := client.Do[pipeline.Configuration](ctx, w.client, w.client.CreateConfiguration(pipeline.ConfigurationForm{Name: "faults" + w.run, Models: w.models[:1]}))
	w.configuration, w.results = c.ID, w.results[:1]
	return err
}

// struck makes a step of a fault: records are predicted by both deliveries, a
// training is under way and commands are sent twice each while it lasts. It fails
// where a record, a command or the training is lost, or a command had two effects.
func struck(strike func(*walk, context.Context) error) func(*walk, context.Context, *row) error {
	return func(w *walk, ctx context.Context, r *row) error {
		results, err := w.trainAgain(ctx, "epochs=6000", nil, func(ctx context.Context, deployment int64, want int) ([]pipeline.Result, error) {
			if _, err := w.underWay(ctx, deployment); err != nil {
				return nil, err
			}
			if err := w.during(ctx, r, strike); err != nil {
				return nil, err
			}
			return w.finished(ctx, deployment, want)
		})
		for _, result := range results {
			r.notef("the training finished, attempt %d", result.Attempt)
		}
		return err
	}
}

// during keeps up the load from before a strike until after it.
func (w *walk) during(ctx context.Context, r *row, strike func(*walk, context.Context) error) error {
	const rate, before, after = 50, 3 * time.Second, 5 * time.Second
	over := make(chan struct{})
	load, ctx := errgroup.WithContext(ctx)
	rows := make([]row, len(w.served))
	for n, i := range w.served {
		load.Go(func() error { return w.flow(ctx, i, rate, over, &rows[n]) })
	}
	load.Go(func() error { return w.commands(ctx, over, r) })
	load.Go(func() error {
		defer close(over)
		began := time.Now()
		if err := pause(ctx, before); err != nil {
			return err
		}
		if err := strike(w, ctx); err != nil {
			return err
		}
		r.notef("lasted %.0f s", (time.Since(began) - before).Seconds())
		return pause(ctx, after)
	})
	err := load.Wait()
	r.records, r.lost, r.duplicated = 0, 0, 0
	for n, one := range rows {
		r.records, r.lost, r.duplicated, r.silent = r.records+one.records, r.lost+one.lost, r.duplicated+one.duplicated, max(r.silent, one.silent)
		r.notef("%s silent for %.1f s", w.served[n].Delivery, one.silent.Seconds())
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// flow sends records to an inference until over, and collects their predictions.
func (w *walk) flow(ctx context.Context, i pipeline.Inference, rate int, over <-chan struct{}, r *row) error {
	before, err := w.ends(ctx, i)
	if err != nil {
		return err
	}
	sent, err := w.feed(ctx, i.InputTopic, rate, func(int) (bool, error) {
		select {
		case <-over:
			return false, nil
		default:
			return true, nil
		}
	})
	if err != nil {
		return err
	}
	return w.collect(ctx, i, before, sent, r)
}

// commands makes deployments until over, ten at least, each by a command that is sent twice
// under one id, and again until it is answered, and wants one effect of each.
func (w *walk) commands(ctx context.Context, over <-chan struct{}, r *row) error {
	before, err := w.deployments(ctx)
	if err != nil {
		return err
	}
	sent, told := 0, map[string]bool{}
	for on := true; on; sent++ {
		subject, err := w.command(ctx)
		if err != nil {
			return fmt.Errorf("command %d: %w", sent+1, err)
		}
		told[subject] = true
		select {
		case <-over:
			on = sent < 10
		case <-time.After(time.Second / 2):
		}
	}
	after, err := w.deployments(ctx)
	r.notef("%d commands sent twice, %d effects", sent, after-before)
	if err == nil && (after-before != sent || len(told) != sent) {
		err = fmt.Errorf("%d commands had %d effects and told of %d", sent, after-before, len(told))
	}
	return err
}

// commandBatch is the batch size by which the deployments of commands are known.
const commandBatch = 77

// command sends one twice and gives what both answers tell of.
func (w *walk) command(ctx context.Context) (subject string, err error) {
	m := w.client.CreateDeployment(pipeline.DeploymentForm{Configuration: w.configuration, BatchSize: commandBatch})
	m.ID = uuid.NewString()
	for range 2 {
		var one string
		err := until(ctx, func() (bool, error) {
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // a connection to what is gone may hang
			defer cancel()
			e, err := w.client.Send(ctx, m)
			if away(err) || ctx.Err() != nil {
				return false, nil
			}
			one = e.Subject()
			return err == nil, err
		})
		if err != nil {
			return "", err
		}
		if subject != "" && one != subject {
			return "", fmt.Errorf("%s is answered by %s, then by %s", m.ID, subject, one)
		}
		subject = one
	}
	return subject, nil
}

// deployments counts those of commands, asking until it is answered.
func (w *walk) deployments(ctx context.Context) (n int, err error) {
	err = until(ctx, func() (bool, error) {
		n = 0
		for d, err := range w.client.Deployments().All(ctx, client.Query{}) {
			if away(err) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			if d.BatchSize == commandBatch {
				n++
			}
		}
		return true, nil
	})
	return n, err
}
