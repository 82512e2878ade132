package deploytraining

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// maxLost is how often a Job of a result may vanish before the result fails:
// what takes the machine down each time is not started for ever.
const maxLost = 3

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

// start starts the Job of r, if r still is to be started. The caller holds
// launching.
func (s *Service) start(ctx context.Context, r pipeline.Result) error {
	job, wanted, err := s.job(ctx, r)
	if err != nil || !wanted {
		return err
	}
	err = s.Jobs.Start(ctx, job)
	if pipeline.KindOf(err) == pipeline.Invalid { // it will not start later either
		return s.settle(ctx, r.ID, r.Attempt, func(r *pipeline.Result) { fail(r, err) })
	}
	return err
}

// job describes the Job of a result as it stands in the registry; wanted is
// false where the result has moved on meanwhile.
func (s *Service) job(ctx context.Context, want pipeline.Result) (job platform.Job, wanted bool, err error) {
	err = s.Store.View(ctx, func(tx *registry.Tx) error {
		r, err := tx.Result(want.ID)
		if pipeline.KindOf(err) == pipeline.NotFound {
			return nil
		}
		if err != nil || r.Attempt != want.Attempt || r.Status != pipeline.ResultScheduled {
			return err
		}
		dep, err := tx.Deployment(r.Deployment)
		if err != nil {
			return err
		}
		d, err := tx.Datasource(r.Datasource)
		if err != nil {
			return err
		}
		m, err := tx.ModelVersion(r.Model, r.ModelVersion)
		if err != nil {
			return err
		}
		job = platform.Job{
			Name: jobName(r), Spec: specOf(r, dep, d, m), Env: s.Env, Resources: dep.Resources, GPUs: dep.GPUs,
		}
		wanted = true
		return nil
	})
	return job, wanted, err
}

// specOf is what the training process is told.
func specOf(r pipeline.Result, dep pipeline.Deployment, d pipeline.Datasource, m pipeline.Model) pipeline.TrainingJob {
	return pipeline.TrainingJob{
		Result: r.ID, Attempt: r.Attempt, Deployment: dep.ID,
		Model: m.ID, ModelName: r.ModelName, ModelVersion: m.Version, SourceHash: m.SourceHash,
		Artifact: m.Artifact, Output: pipeline.ResultArtifact(r.ID, r.Attempt), Export: m.Export,
		BatchSize: dep.BatchSize, TrainingKwargs: dep.TrainingKwargs, ValidationKwargs: dep.ValidationKwargs,
		Seed: dep.Seed, Engine: dep.Engine, GPUs: dep.GPUs,
		Datasource: d.ID, Ranges: d.Ranges, InputFormat: d.InputFormat, InputConfig: d.InputConfig,
		ValidationRate: d.ValidationRate, TestRate: d.TestRate,
		ShuffleStream: d.Shuffle, StreamSeed: d.Seed,
	}
}

// end stops Jobs whose results are over, all at once since each may take its
// time, and keeps their logs. One that cannot be stopped now is found by
// Reconcile.
func (s *Service) end(ctx context.Context, jobs []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterTime)
	defer cancel()
	var all sync.WaitGroup
	for _, name := range jobs {
		all.Go(func() {
			log, _ := s.Jobs.Log(ctx, name) // a Job that never began has none
			if err := s.Jobs.Stop(ctx, name); err != nil {
				s.Log.WarnContext(ctx, "a training could not be stopped yet", "job", name, "error", err)
			}
			if id, attempt, ok := parseJob(name); ok && log != "" {
				s.keepLog(ctx, id, attempt, log)
			}
		})
	}
	all.Wait()
}

// Reconcile makes what runs agree with the registry. A scheduled result whose
// Job is not there gets it; a running one whose Job vanished is started again
// as its next attempt, until it was lost too often; a Job whose result was
// stopped or deleted is stopped.
func (s *Service) Reconcile(ctx context.Context) error {
	s.launching.Lock()
	defer s.launching.Unlock()
	names, err := s.Jobs.Running(ctx)
	if err != nil {
		return fmt.Errorf("list the training jobs: %w", err)
	}
	running := make(map[string]bool, len(names))
	for _, name := range names {
		running[name] = true
	}
	if err := s.sweep(ctx, names); err != nil {
		return err
	}
	active, err := s.active(ctx)
	if err != nil {
		return err
	}
	for _, r := range active {
		if running[jobName(r)] {
			continue
		}
		if err := s.revive(ctx, r); err != nil {
			s.Log.WarnContext(ctx, "a training could not be started yet", "result", r.ID, "attempt", r.Attempt, "error", err)
		}
	}
	return nil
}

// revive starts the Job of an active result that has none.
func (s *Service) revive(ctx context.Context, r pipeline.Result) error {
	if r.Status == pipeline.ResultScheduled {
		return s.start(ctx, r)
	}
	lost := r.Attempt
	err := s.settle(ctx, r.ID, lost, func(r *pipeline.Result) {
		r.Lost++
		if r.Lost >= maxLost {
			fail(r, &pipeline.Error{
				Reason: fmt.Sprintf("its training process vanished %d times", r.Lost),
				Hint:   "look at the machine's memory and the log, then try again",
			})
			return
		}
		renew(r)
	})
	if err != nil {
		return err
	}
	s.discard(ctx, r)
	r.Attempt++
	return s.start(ctx, r)
}

// sweep stops the training Jobs that no result wants any more. Those of
// results that ended by themselves are about to leave on their own.
func (s *Service) sweep(ctx context.Context, names []string) error {
	var unwanted []string
	err := s.Store.View(ctx, func(tx *registry.Tx) error {
		for _, name := range names {
			id, attempt, ok := parseJob(name)
			if !ok {
				continue
			}
			r, err := tx.Result(id)
			gone := pipeline.KindOf(err) == pipeline.NotFound
			if err != nil && !gone {
				return err
			}
			if gone || r.Attempt != attempt || r.Status == pipeline.ResultStopped {
				unwanted = append(unwanted, name)
			}
		}
		return nil
	})
	s.end(ctx, unwanted)
	return err
}

// Run reconciles at once and then every so often, until ctx ends. What fails
// is logged: the next round tries again.
func (s *Service) Run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := s.Reconcile(ctx); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "trainings were not reconciled", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// active are the results for which a Job shall exist.
func (s *Service) active(ctx context.Context) (active []pipeline.Result, err error) {
	err = s.Store.View(ctx, func(tx *registry.Tx) error {
		active = nil
		for _, status := range []pipeline.ResultStatus{pipeline.ResultScheduled, pipeline.ResultRunning} {
			page, err := tx.Results(registry.Query{Status: string(status)})
			if err != nil {
				return err
			}
			active = append(active, page.Items...)
		}
		return nil
	})
	return active, err
}
