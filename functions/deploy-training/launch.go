package deploytraining

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// jobName names the Job of an attempt. It is the key by which starting twice
// is starting once.
func jobName(r pipeline.Result) string { return fmt.Sprintf("train-%d-%d", r.ID, r.Attempt) }

// parseJob reads a Job's name; ok is false for a name that is not ours.
func parseJob(name string) (result int64, attempt int, ok bool) {
	n, err := fmt.Sscanf(name, "train-%d-%d", &result, &attempt)
	return result, attempt, n == 2 && err == nil
}

// jobsOf are the Jobs that may run for results.
func jobsOf(results []pipeline.Result) []string {
	var names []string
	for _, r := range results {
		if r.Status.Active() {
			names = append(names, jobName(r))
		}
	}
	return names
}

// launch starts the Jobs of results that were scheduled and committed. One
// that cannot be started now stays scheduled, for Reconcile.
func (s *Service) launch(ctx context.Context, results []pipeline.Result) {
	if len(results) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterTime)
	defer cancel()
	s.launching.Lock()
	defer s.launching.Unlock()
	for _, r := range results {
		if err := s.start(ctx, r); err != nil {
			s.Log.WarnContext(ctx, "a training could not be started yet", "result", r.ID, "attempt", r.Attempt, "error", err)
		}
	}
}

// start starts the Job of r, if r is still to be started. The caller holds
// launching.
func (s *Service) start(ctx context.Context, r pipeline.Result) error {
	job, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (*platform.Job, error) { return s.job(tx, r) })
	if err != nil || job == nil {
		return s.failUnfit(ctx, r, err)
	}
	ctx, span := tracing.Start(tracing.With(ctx, r.Traceparent, r.Tracestate), "start training", trace.SpanKindProducer, tracing.AboutAttempt(r.ID, r.Attempt)...)
	job.Env = append(job.Env, tracing.Environment(ctx)...)
	err = s.Jobs.Start(ctx, *job)
	tracing.End(span, err)
	return s.failUnfit(ctx, r, err)
}

// failUnfit fails a result for an error that would come again.
func (s *Service) failUnfit(ctx context.Context, r pipeline.Result, err error) error {
	if pipeline.KindOf(err) != pipeline.Invalid {
		return err
	}
	return s.changeAttempt(ctx, r.ID, r.Attempt, func(r *pipeline.Result) { fail(r, err) })
}

// job describes the Job of a result as it stands in the registry: nil where the
// result is no longer the scheduled one, or where its model is yet to be built. The
// caller holds launching.
func (s *Service) job(tx *registry.Tx, scheduled pipeline.Result) (*platform.Job, error) {
	r, err := tx.Result(scheduled.ID)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return nil, nil
	}
	if err != nil || r.Attempt != scheduled.Attempt || r.Status != pipeline.ResultScheduled {
		return nil, err
	}
	job, err := s.describe(tx, r)
	if pipeline.KindOf(err) == pipeline.Unavailable {
		if s.unbuilt == nil {
			s.unbuilt = map[string]pipeline.Result{}
		}
		s.unbuilt[jobName(r)] = r
		return nil, nil
	}
	return job, err
}

// describe gives the Job that trains r as its deployment, its datasource and its
// version of the model say.
func (s *Service) describe(tx *registry.Tx, r pipeline.Result) (*platform.Job, error) {
	dep, err := tx.Deployment(r.Deployment)
	if err != nil {
		return nil, err
	}
	d, err := tx.Datasource(r.Datasource)
	if err != nil {
		return nil, err
	}
	m, err := tx.ModelOf(r)
	if err != nil {
		return nil, err
	}
	spec := specOf(r, dep, d, m)
	if t := r.Trial; t != nil {
		st, err := tx.Study(t.Study)
		if err != nil {
			return nil, err
		}
		if err := triable(tx, st, r, m.Export); err != nil {
			return nil, err
		}
		dep, rate := t.With(dep)
		spec.BatchSize, spec.TrainingKwargs, spec.LearningRate = dep.BatchSize, dep.TrainingKwargs, rate
		spec.Pruner, spec.Tensors = st.Pruner, st.Tensors(m.Export)
	}
	if spec.Parent, err = ancestor(tx, r); err != nil {
		return nil, err
	}
	if spec.Champion, err = championOf(tx, dep, r); err != nil {
		return nil, err
	}
	if err := repeat(tx, &spec, d); err != nil {
		return nil, err
	}
	token := platform.TokenVariable + "=" + s.Signer.Token(identity.Job(r.ID, r.Attempt), 0)
	return &platform.Job{
		Name: jobName(r), Owner: dep.Owner, Spec: spec, Env: append(slices.Clone(s.Env), token), Resources: dep.Resources, GPUs: dep.GPUs,
	}, nil
}

// specOf is what the training process gets to know.
func specOf(r pipeline.Result, dep pipeline.Deployment, d pipeline.Datasource, m pipeline.Model) pipeline.TrainingJob {
	spec := pipeline.TrainingJob{
		Result: r.ID, Attempt: r.Attempt, Deployment: dep.ID,
		Model: m.ID, ModelName: r.ModelName, ModelVersion: m.Version, SourceHash: m.SourceHash,
		Framework: m.Framework, Artifact: m.Artifact, Output: pipeline.ResultArtifact(r.ID, r.Attempt), Export: m.Export,
		BatchSize: dep.BatchSize, TrainingKwargs: dep.TrainingKwargs, ValidationKwargs: dep.ValidationKwargs,
		Seed: dep.Seed, Engine: dep.Engine, OnNaN: dep.OnNaN, GPUs: dep.GPUs, DeadlineSecs: dep.Resources.DeadlineSecs,
		Datasource: d.ID, Ranges: d.Ranges, InputFormat: d.InputFormat, InputConfig: d.InputConfig,
		ValidationRate: d.ValidationRate, TestRate: d.TestRate,
		ShuffleStream: d.Shuffle, StreamSeed: d.Seed, Split: d.Split, Order: d.Order, TopicIDs: d.TopicIDs, Warnings: ineffective(d, dep),
	}
	if dep.Unsupervised && d.Unsupervised != nil {
		spec.Unlabelled = &pipeline.Unsupervised{Ranges: d.Unlabelled(), Rounds: dep.UnsupervisedRounds, Confidence: *dep.Confidence}
	}
	if dep.Mode == pipeline.ModeStream {
		spec.Following = followingOf(r, dep, d)
		spec.ValidationRate, spec.TestRate = 0, 0
		if d.ValidationRate+d.TestRate > 0 {
			spec.Warnings = append(spec.Warnings, "the rates of the stream keep nothing back: each record is predicted before it is learned from")
		}
	}
	if dep.TrainingKwargs.Checkpoint != nil || dep.Mode == pipeline.ModeStream {
		spec.Checkpoint = pipeline.ResultCheckpoint(r.ID)
	}
	return spec
}

// ineffective warns of members of a control message by which a producer of
// Kafka-ML asks for what is not done here, or that are spelt wrong.
func ineffective(d pipeline.Datasource, dep pipeline.Deployment) (warnings []string) {
	switch {
	case dep.Unsupervised && d.Unsupervised == nil:
		warnings = append(warnings, "the stream names no unsupervised_topic: the training took the records that have labels, and no others")
	case !dep.Unsupervised && d.Unsupervised != nil:
		warnings = append(warnings, "unsupervised_topic of the control message has no effect: the deployment is not unsupervised")
	}
	for _, name := range []string{"unsupervised_topic", "incremental", "dataset_restrictions"} {
		if name == "incremental" && dep.Mode == pipeline.ModeStream {
			continue
		}
		if !control.Blank(d.Extra[name]) {
			warnings = append(warnings, fmt.Sprintf("%s of the control message has no effect: the training took the records of its ranges, and no others", name))
		}
	}
	for _, m := range control.Misspelt(d) {
		warnings = append(warnings, fmt.Sprintf("%s of the control message has no effect: is %s meant?", m.Name, m.Meant))
	}
	return warnings
}

// end stops Jobs whose results are over, all at once since each may take its
// time, and stores their logs: as they are now, and with what they say to the
// end where that can still be read. One that cannot be stopped now is found by
// Reconcile.
func (s *Service) end(ctx context.Context, jobs []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterTime)
	defer cancel()
	var all sync.WaitGroup
	for _, name := range jobs {
		all.Go(func() {
			before := s.storeLog(ctx, name, "")
			if err := s.Jobs.Stop(ctx, name); err != nil {
				s.Log.WarnContext(ctx, "a training could not be stopped yet", "job", name, "error", err)
			}
			s.storeLog(ctx, name, before)
		})
	}
	all.Wait()
}

// storeLog stores the log of a Job where it says more than before, and gives it.
// A Job that never began has none, nor has one that its platform has removed.
func (s *Service) storeLog(ctx context.Context, job, before string) string {
	log, _ := s.Jobs.Log(ctx, job)
	if id, attempt, ok := parseJob(job); ok && log != "" && log != before {
		s.persistLog(ctx, id, attempt, log)
	}
	return log
}
