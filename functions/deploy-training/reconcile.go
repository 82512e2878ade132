package deploytraining

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// maxLost is how often a Job of a result may vanish before the result fails:
// what takes the machine down each time is not started again forever.
const maxLost = 3

// Reconcile makes what runs agree with the registry. A scheduled result whose
// Job is not there gets it; a running one whose Job vanished is started again
// as its next attempt, until it was lost too often; a Job whose result was
// stopped or deleted is stopped.
func (s *Service) Reconcile(ctx context.Context) error {
	rounds, err := registry.Read(ctx, s.Store, queued)
	if err != nil {
		return fmt.Errorf("list the rounds to come: %w", err)
	}
	s.proceed(ctx, rounds...)
	surplus, err := s.startMissing(ctx)
	s.end(ctx, surplus)
	return err
}

// startMissing starts the Jobs that are missing, and names those that no result
// needs.
func (s *Service) startMissing(ctx context.Context) (surplus []string, err error) {
	s.launching.Lock()
	defer s.launching.Unlock()
	names, err := s.Jobs.Running(ctx) // before the rows: what ended since then has reported it
	if err != nil {
		return nil, fmt.Errorf("list the training jobs: %w", err)
	}
	active, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (active []pipeline.Result, err error) {
		active, surplus, err = compare(tx, names)
		return active, err
	})
	if err != nil {
		return nil, fmt.Errorf("compare the training jobs: %w", err)
	}
	missing, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) ([]pipeline.Result, error) { return missingVerifications(tx, names) })
	if err != nil {
		return nil, fmt.Errorf("compare the verifications: %w", err)
	}
	for _, r := range missing {
		if err := s.restartVerification(ctx, r); err != nil {
			s.Log.WarnContext(ctx, "a verification could not be started yet", "result", r.ID, "attempt", r.Verification.Attempt, "error", err)
		}
	}
	for _, r := range active {
		if r.Ending {
			s.tellToEnd(ctx, r.ID)
		}
		if slices.Contains(names, jobName(r)) {
			continue
		}
		if err := s.restart(ctx, r); err != nil {
			s.Log.WarnContext(ctx, "a training could not be started yet", "result", r.ID, "attempt", r.Attempt, "error", err)
		}
	}
	return surplus, nil
}

// compare reads the results that need a Job, and which of the Jobs named no
// result needs.
func compare(tx *registry.Tx, names []string) (active []pipeline.Result, surplus []string, err error) {
	for _, status := range []pipeline.ResultStatus{pipeline.ResultScheduled, pipeline.ResultRunning} {
		page, err := tx.Results(registry.Query{Status: string(status)})
		if err != nil {
			return nil, nil, err
		}
		active = append(active, page.Items...)
	}
	for _, name := range names {
		ok, err := desired(tx, name)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			surplus = append(surplus, name)
		}
	}
	return active, surplus, nil
}

// leaveTime is how long a training process may take to leave after it has
// reported its outcome. One that stays holds a place that others wait for.
const leaveTime = 2 * time.Minute

// desired reports whether a Job may go on. That of a result which ended by
// itself is about to leave on its own.
func desired(tx *registry.Tx, name string) (bool, error) {
	if id, attempt, ok := parseVerify(name); ok {
		return desiredVerifier(tx, id, attempt)
	}
	id, attempt, ok := parseJob(name)
	if !ok {
		return true, nil // not ours
	}
	r, err := tx.Result(id)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return false, nil
	}
	if r.Status.Ended() && r.Finished != nil && time.Since(*r.Finished).Abs() > leaveTime { // or the clock was set back
		return false, err
	}
	return r.Attempt == attempt && r.Status != pipeline.ResultStopped, err
}

// restart starts the Job of an active result that has none.
func (s *Service) restart(ctx context.Context, r pipeline.Result) error {
	if r.Status == pipeline.ResultScheduled {
		return s.start(ctx, r)
	}
	lost := r.Attempt
	err := s.changeAttempt(ctx, r.ID, lost, func(r *pipeline.Result) {
		if !r.Cut {
			r.Lost++
		}
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
	s.discard(ctx, pipeline.ResultArtifact(r.ID, lost))
	r.Attempt++
	return s.start(ctx, r)
}

// Run reconciles at once and then every so often, and every hour removes
// trained models that no result has, until ctx ends. What fails is logged: the
// next round tries again. At its end it marks what still trains, since a
// platform on this machine is about to end it.
func (s *Service) Run(ctx context.Context, every time.Duration) {
	tick, hour := time.NewTicker(every), time.NewTicker(sweepEvery)
	defer tick.Stop()
	defer hour.Stop()
	s.round(ctx, "trainings were not reconciled", s.Reconcile)
	s.round(ctx, "schedules were not looked at", s.retrain)
	s.round(ctx, "the formats of models were not listed", s.listFormats)
	s.aliasMoved()
	for {
		changed := s.Store.Changed()
		s.round(ctx, "trials of studies were not started", s.startTrials)
		s.startBuilt(ctx)
		select {
		case <-changed:
		case <-s.moved:
			s.round(ctx, "the trainings that follow aliases were not looked at", s.succeed)
		case <-ctx.Done():
			s.round(context.WithoutCancel(ctx), "the trainings under way were not marked", s.markCut)
			return
		case <-tick.C:
			s.round(ctx, "trainings were not reconciled", s.Reconcile)
			s.round(ctx, "schedules were not looked at", s.retrain)
			s.aliasMoved() // by another step, or another replica
		case <-hour.C:
			s.round(ctx, "unused trained models were not removed", func(ctx context.Context) error {
				return s.sweep(ctx, time.Now().Add(-orphanAge))
			})
		}
	}
}

// round does one thing that is done again later, and logs that it failed.
func (s *Service) round(ctx context.Context, failure string, do func(context.Context) error) {
	if err := do(ctx); err != nil && ctx.Err() == nil {
		s.Log.WarnContext(ctx, failure, "error", err)
	}
}

// markCut marks running results, so that a training that is cut off with the
// service does not count as lost.
func (s *Service) markCut(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, afterTime)
	defer cancel()
	return s.Store.Do(ctx, func(tx *registry.Tx) error {
		page, err := tx.Results(registry.Query{Status: string(pipeline.ResultRunning)})
		if err != nil {
			return err
		}
		verifying, err := tx.Results(registry.Query{By: map[string]int64{"verifying": 1}})
		if err != nil {
			return err
		}
		for _, r := range verifying.Items {
			r.Verification.Cut = true
		}
		for i := range page.Items {
			page.Items[i].Cut = true
		}
		for _, r := range slices.Concat(page.Items, verifying.Items) {
			if err := tx.UpdateResult(&r); err != nil {
				return err
			}
		}
		return nil
	})
}
