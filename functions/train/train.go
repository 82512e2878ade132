// Package train is the training Job: it reads the ranges of a stream once,
// trains one model on them and stores the trained model. It runs to its end
// in a process of its own and tells how it goes with events:
// training.progressed while it works, then one training.finished or
// training.failed.
//
//	ranges -> decode -> cache -> split -> adapt -> Trainer -> SavedModel, .keras
//
// The stream is read once whatever the number of epochs: decoded records lie
// in a cache, in memory while they are few and else in a file.
package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// Config is what a training process is told.
type Config struct {
	Job        pipeline.TrainingJob
	Frameworks framework.Frameworks // of which the Job names one
	Kafka      stream.Config
	Schemas    schemas.Config
	Artifacts  string        // URL of the store of models
	Words      int           // how many different words of a layer are counted at most; 0: the default
	Stall      time.Duration // that a model may train without a step; 0: the default
	Memory     int64         // bytes that a decoded stream may take in memory; 0: the default
	Scratch    string        // folder for the cache and the models; the system's when empty
	Emitter    *eventing.Emitter
	Parent     string // trace context of what started it
	State      string
	Log        *slog.Logger
}

// ConfigFromEnv reads KAFKAML_JOB (a pipeline.TrainingJob as JSON) or the file
// that KAFKAML_JOB_FILE names, ARTIFACT_URL, the KAFKA_ and the SCHEMA_REGISTRY_
// variables, VOCABULARY_MAX, K_SINK, K_CE_OVERRIDES, KAFKAML_JOB_TOKEN, TRACEPARENT
// and TRACESTATE.
func ConfigFromEnv(getenv func(string) string, frameworks framework.Frameworks, log *slog.Logger) (Config, error) {
	c := Config{
		Frameworks: frameworks, Artifacts: getenv("ARTIFACT_URL"), Log: log,
		Parent: getenv(tracing.ParentVariable), State: getenv(tracing.StateVariable),
	}
	if err := c.readJob(getenv); err != nil {
		return c, err
	}
	if c.Artifacts == "" {
		return c, pipeline.Invalidf("ARTIFACT_URL", "is not set").WithHint("name the store of models, such as file:///var/lib/kafkaml/artifacts")
	}
	var err error
	if c.Emitter, err = eventing.EmitterFromEnv(getenv, nil); err != nil {
		return c, err
	}
	if token := getenv(platform.TokenVariable); token != "" {
		c.Emitter = c.Emitter.As(func() string { return token })
	}
	if c.Schemas, err = schemas.FromEnv(getenv); err != nil {
		return c, err
	}
	if text := getenv("VOCABULARY_MAX"); text != "" {
		if c.Words, err = strconv.Atoi(text); err != nil || c.Words < 1 {
			return c, pipeline.Invalidf("VOCABULARY_MAX", "%q is not a number of words", text)
		}
	}
	c.Kafka, err = stream.FromEnv(getenv)
	return c, err
}

// readJob reads what is to be trained. The framework reads the arguments of fit
// and evaluate, which a person who runs the verb by hand may write as its text.
func (c *Config) readJob(getenv func(string) string) error {
	var d struct {
		pipeline.TrainingJob
		TrainingKwargs   pipeline.Arguments `json:"training_kwargs"`
		ValidationKwargs pipeline.Arguments `json:"validation_kwargs"`
	}
	if err := platform.ReadDescription(getenv, platform.JobVariable, &d); err != nil {
		return err
	}
	c.Job = d.TrainingJob
	f, err := c.Frameworks.Get(c.Job.Framework)
	if err != nil {
		return err
	}
	s := f.Kind().Settings
	if c.Job.TrainingKwargs, err = s.Fit(json.RawMessage(d.TrainingKwargs)); err != nil {
		return err
	}
	c.Job.ValidationKwargs, err = s.Evaluate(json.RawMessage(d.ValidationKwargs))
	return err
}

// outcomeTime bounds how long the outcome is offered to a sink that is away.
const outcomeTime = 10 * time.Minute

// Run trains and tells how it went. Its error is the reason that
// training.failed carried, or that the outcome could not be told. When ctx is
// cancelled the process was told to end: nothing is told then, since who told
// it knows.
func Run(ctx context.Context, c Config) (failure error) {
	began := time.Now()
	ctx, span := tracing.Begin(tracing.With(ctx, c.Parent, c.State), "train", trace.SpanKindConsumer, tracing.AboutAttempt(c.Job.Result, c.Job.Attempt)...)
	defer func() { tracing.End(span, failure) }()
	unread := features.Unread(c.Job.InputConfig)
	if unread != "" {
		c.Job.Warnings = append(slices.Clip(c.Job.Warnings), unread)
	}
	r := newReporter(ctx, c)
	outcome, err := guarded(ctx, c, r)
	r.close()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, errOver) {
		c.Log.InfoContext(ctx, "the trial ends early", "result", c.Job.Result, "attempt", c.Job.Attempt)
		return nil
	}
	outcome.Result, outcome.Attempt, outcome.Seconds = c.Job.Result, c.Job.Attempt, time.Since(began).Seconds()
	telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	var differs errDiverged
	switch {
	case c.Job.Receipt != nil && (err == nil || errors.As(err, &differs)):
		return r.outcome(telling, eventing.TrainingVerified, pipeline.Replay{
			Result: c.Job.Result, Attempt: c.Job.Attempt, Difference: string(differs), Seconds: outcome.Seconds,
		})
	case err != nil:
		outcome.Reason, outcome.Hint = explain(err)
		if unread != "" { // which may be why
			outcome.Hint = strings.TrimPrefix(outcome.Hint+"; "+unread, "; ")
		}
		outcome.Verifies = c.Job.Receipt != nil
		return errors.Join(err, r.outcome(telling, eventing.TrainingFailed, outcome))
	}
	return r.outcome(telling, eventing.TrainingFinished, outcome)
}

// endTime is how long an attempt that was told to end is waited for.
const endTime = 5 * time.Second

// guarded is attempt, but for what never ends: a call of the library that loops goes
// on when it returns, until the process has ended.
func guarded(ctx context.Context, c Config, r *reporter) (pipeline.Outcome, error) {
	type result struct {
		outcome pipeline.Outcome
		err     error
	}
	p, ended := newPulse(c), make(chan result, 1)
	watch, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	go p.watch(watch)
	go func() {
		o, err := attempt(ctx, c, r, p)
		ended <- result{o, err}
	}()
	late := make(chan struct{})
	defer context.AfterFunc(ctx, func() { time.AfterFunc(endTime, func() { close(late) }) })()
	select {
	case got := <-ended:
		return got.outcome, got.err
	case <-p.still:
		return pipeline.Outcome{}, p.stalled()
	case <-late:
		return pipeline.Outcome{}, context.Cause(ctx)
	}
}

// explain is what a person reads of err.
func explain(err error) (reason, hint string) {
	var known *pipeline.Error
	if errors.As(err, &known) {
		return err.Error(), known.Hint
	}
	return err.Error(), ""
}

// attempt runs the training in a scratch folder that it removes.
func attempt(ctx context.Context, c Config, r *reporter, p *pulse) (o pipeline.Outcome, err error) {
	f, err := c.Frameworks.Get(c.Job.Framework)
	if err != nil {
		return o, err
	}
	var loading sync.WaitGroup
	defer loading.Wait()
	opened := []framework.Framework{f}
	if c.Job.Receipt == nil && c.Job.Export.NoONNX == "" { // else nothing is held against what serves
		opened = append(opened, c.Frameworks.Servers(f.Kind())...)
	}
	loading.Go(func() { // while the records are read; opening a model waits for it and says what is wrong
		for _, one := range opened {
			_ = framework.Load(one)
		}
	})
	scratch, err := os.MkdirTemp(c.Scratch, "kafkaml-train-")
	if err != nil {
		return o, &pipeline.Error{Op: "train", Kind: pipeline.Unavailable, Reason: "no scratch folder: " + err.Error(), Hint: "free disk space or set TMPDIR", Err: err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	var store *artifact.Store
	err = r.patiently(ctx, unavailable, func(ctx context.Context) (err error) {
		store, err = artifact.Open(ctx, c.Artifacts)
		return err
	})
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	registry, err := schemas.New(c.Schemas)
	if err != nil {
		return o, err
	}
	t := &training{Config: c, framework: f, report: r, pulse: p, store: store, schemas: registry, scratch: scratch}
	defer func() { err = errors.Join(err, t.close()) }()
	err = t.run(ctx)
	return t.outcome, err
}

// run is the training from the first record to the stored model.
func (t *training) run(ctx context.Context) error {
	type step struct {
		stage pipeline.Stage
		do    func(context.Context) error
	}
	steps := []step{
		{pipeline.StageReading, t.verified(t.prepare, t.sameRecords)},
		{pipeline.StageTraining, traced("fit", t.computes(t.fit))},
		{pipeline.StageEvaluating, t.verified(traced("evaluate", t.computes(t.evaluate)), t.sameModel)},
	}
	if t.Job.Champion != nil {
		steps = append(steps, step{pipeline.StageEvaluating, traced("compare", t.computes(t.contend))})
	}
	if t.Job.Following != nil {
		steps = []step{{pipeline.StageReading, traced("follow", t.follow)}}
	}
	if t.Job.Receipt == nil {
		steps = append(steps, step{pipeline.StageSaving, traced("save", t.save)})
	}
	for _, step := range steps {
		t.report.stage(step.stage)
		began := time.Now()
		if err := step.do(ctx); err != nil {
			return err
		}
		t.Log.InfoContext(ctx, "stage done", "result", t.Job.Result, "attempt", t.Job.Attempt, "stage", step.stage, "seconds", time.Since(began).Seconds())
	}
	return nil
}

// traced is a part of the training as a span of its own.
func traced(name string, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, span := tracing.Start(ctx, name, trace.SpanKindInternal)
		err := do(ctx)
		tracing.End(span, err)
		return err
	}
}

// computes is a step whose trainer has a pulse.
func (t *training) computes(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error { return t.pulse.during(func() error { return do(ctx) }) }
}

// op names the process in errors.
func op(what string, err error) error { return fmt.Errorf("%s: %w", what, err) }
