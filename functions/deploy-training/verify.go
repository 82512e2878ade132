package deploytraining

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// verifyName names the Job of an attempt to verify a result.
func verifyName(result int64, attempt int) string {
	return fmt.Sprintf("verify-%d-%d", result, attempt)
}

// parseVerify reads such a name; ok is false for any other.
func parseVerify(name string) (result int64, attempt int, ok bool) {
	n, err := fmt.Sscanf(name, "verify-%d-%d", &result, &attempt)
	return result, attempt, n == 2 && err == nil
}

// verifications are the Jobs that verify results.
func verifications(results []pipeline.Result) (names []string) {
	for _, r := range results {
		if r.Verification.Active() {
			names = append(names, verifyName(r.ID, r.Verification.Attempt))
		}
	}
	return names
}

// verificationFacts names the fact of each state that a verification comes to.
var verificationFacts = map[pipeline.VerificationStatus]string{
	pipeline.VerificationScheduled: eventing.ResultVerifying,
	pipeline.VerificationRunning:   eventing.ResultVerifying,
	pipeline.VerificationVerified:  eventing.ResultVerified,
	pipeline.VerificationDiverged:  eventing.ResultDiverged,
	pipeline.VerificationFailed:    eventing.ResultUnverified,
}

// saveVerification stores a result and publishes the state of its verification.
func saveVerification(tx *registry.Tx, r *pipeline.Result) (*event.Event, error) {
	if err := tx.UpdateResult(r); err != nil {
		return nil, err
	}
	return door.Publish(tx, name, verificationFacts[r.Verification.Status], r.ID, *r)
}

// verify trains a finished result again, in a Job of its own that keeps nothing,
// and holds what comes of it against the receipt. A result that is being verified
// is answered as it is.
func (s *Service) verify(ctx context.Context, call *door.Call) error {
	id, err := door.Target(call.Event)
	if err != nil {
		return err
	}
	var scheduled pipeline.Result
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		r, err := tx.Result(id)
		if err != nil {
			return nil, err
		}
		if !r.Verification.Active() {
			if err := verifiable(tx, r); err != nil {
				return nil, err
			}
			next := &pipeline.Verification{Status: pipeline.VerificationScheduled, Attempt: 1, Owner: owner(ctx), Asked: time.Now().UTC()}
			if r.Verification != nil {
				next.Attempt = r.Verification.Attempt + 1
			}
			r.Verification = next
		}
		scheduled = r
		return saveVerification(tx, &r)
	})
	if err != nil {
		return err
	}
	s.launchVerification(ctx, scheduled)
	return nil
}

// verifiable is nil where the training of a result can be repeated, as far as the
// registry knows, else the reason why it cannot.
func verifiable(tx *registry.Tx, r pipeline.Result) error {
	refuse := func(field, hint, format string, args ...any) error {
		return &pipeline.Error{Kind: pipeline.Conflict, Field: field, Reason: fmt.Sprintf(format, args...), Hint: hint}
	}
	switch {
	case r.Imported != nil:
		return refuse("imported", "what trained it is not known here", "result %d was imported: it has no receipt of a training", r.ID)
	case r.Status != pipeline.ResultFinished:
		return refuse("status", "a result can be verified once it is finished", "result %d is %s", r.ID, r.Status)
	case r.Lineage.ContentHash == "" || r.Lineage.WeightsHash == "":
		return refuse("lineage", "train it again with this version", "the receipt of result %d lacks the hash of its records or weights", r.ID)
	}
	dep, err := tx.Deployment(r.Deployment)
	if err != nil {
		return err
	}
	if dep.Mode == pipeline.ModeStream {
		return refuse("deployment", "only trainings of a stream that ends can be repeated", "result %d is of deployment %d, which follows a topic without an end", r.ID, dep.ID)
	}
	if r.Parent != 0 {
		if _, err = tx.Result(r.Parent); pipeline.KindOf(err) == pipeline.NotFound {
			return refuse("parent", "its weights were what the training began with", "result %d, which result %d went on from, was deleted", r.Parent, r.ID)
		}
		if err != nil {
			return err
		}
	}
	d, err := tx.Datasource(r.Datasource)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return refuse("datasource", "nothing says how its stream is to be read", "the datasource of result %d was deleted", r.ID)
	}
	if err != nil {
		return err
	}
	_, err = tx.ModelOf(r)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return refuse("model", "", "version %d of its model is no longer kept", r.ModelVersion)
	}
	if err != nil {
		return err
	}
	if d.Retention.State == pipeline.PartlyExpired {
		return refuse("datasource", "what has expired does not come back", "the log no longer holds all records of datasource %d: %s", d.ID, d.Retention.Reason)
	}
	return nil
}

// launchVerification starts the Job of a verification that was committed. One that
// cannot be started now stays scheduled, for Reconcile.
func (s *Service) launchVerification(ctx context.Context, r pipeline.Result) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterTime)
	defer cancel()
	s.launching.Lock()
	defer s.launching.Unlock()
	if err := s.startVerification(ctx, r); err != nil {
		s.Log.WarnContext(ctx, "a verification could not be started yet", "result", r.ID, "attempt", r.Verification.Attempt, "error", err)
	}
}

// startVerification starts the Job of r's verification. The caller holds
// launching.
func (s *Service) startVerification(ctx context.Context, r pipeline.Result) error {
	job, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (*platform.Job, error) { return s.verification(tx, r) })
	if err == nil && job != nil {
		err = s.Jobs.Start(ctx, *job)
	}
	if kind := pipeline.KindOf(err); kind == pipeline.Invalid || kind == pipeline.NotFound { // it will not start later either
		return s.changeVerification(ctx, r.ID, r.Verification.Attempt, func(r *pipeline.Result) { unverified(r, err) })
	}
	return err
}

// verification describes the Job that verifies a result: nil where it is no longer
// the scheduled one. It keeps no checkpoint, since those of the result are its own,
// and takes the records of the ranges whichever topic they lie in: their hash tells
// whether they are the same.
func (s *Service) verification(tx *registry.Tx, scheduled pipeline.Result) (*platform.Job, error) {
	r, err := tx.Result(scheduled.ID)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return nil, nil
	}
	if err != nil || !r.Verification.Active() || r.Verification.Attempt != scheduled.Verification.Attempt {
		return nil, err
	}
	job, err := s.describe(tx, r)
	if err != nil {
		return nil, err
	}
	v, spec := r.Verification, &job.Spec
	spec.Attempt, spec.Output, spec.Checkpoint, spec.TrainingKwargs.Checkpoint = v.Attempt, "", "", nil
	spec.Champion, spec.Tensors, spec.Pruner = nil, "", "" // a trial's records are read again, too, and nobody prunes it
	spec.Ranges, spec.TopicIDs, spec.Engine, spec.EngineReason = r.Lineage.Ranges, nil, r.Engine, ""
	spec.Receipt = &pipeline.Receipt{
		ContentHash: r.Lineage.ContentHash, Records: r.Lineage.Records, Split: r.Split,
		WeightsHash: r.Lineage.WeightsHash, Metrics: r.Metrics, Trainer: r.Lineage.Libraries["trainer"],
	}
	job.Name, job.Owner = verifyName(r.ID, v.Attempt), v.Owner
	job.Env = append(slices.Clone(s.Env), platform.TokenVariable+"="+s.Signer.Token(identity.VerifyJob(r.ID, v.Attempt), 0))
	return job, nil
}

// missingVerifications gives the results under verification whose Jobs are not
// among those that run.
func missingVerifications(tx *registry.Tx, running []string) ([]pipeline.Result, error) {
	page, err := tx.Results(registry.Query{By: map[string]int64{"verifying": 1}})
	return slices.DeleteFunc(page.Items, func(r pipeline.Result) bool {
		return slices.Contains(running, verifyName(r.ID, r.Verification.Attempt))
	}), err
}

// restartVerification starts the Job of a verification that has none, as its next
// attempt where the one before vanished.
func (s *Service) restartVerification(ctx context.Context, r pipeline.Result) error {
	if r.Verification.Status == pipeline.VerificationRunning {
		err := s.changeVerification(ctx, r.ID, r.Verification.Attempt, func(r *pipeline.Result) {
			v := r.Verification
			if !v.Cut {
				v.Lost++
			}
			if v.Lost >= maxLost {
				unverified(r, &pipeline.Error{
					Reason: fmt.Sprintf("its process vanished %d times", v.Lost), Hint: "look at the machine's memory and the log, then verify it again",
				})
				return
			}
			v.Status, v.Cut, v.EpochsDone = pipeline.VerificationScheduled, false, 0
			v.Attempt++
		})
		if err != nil {
			return err
		}
		r.Verification.Attempt++
	}
	return s.startVerification(ctx, r)
}

// changeVerification changes the verification of a result and tells of it, if the
// attempt is its present one and not over.
func (s *Service) changeVerification(ctx context.Context, id int64, attempt int, change func(*pipeline.Result)) error {
	return s.Store.Do(ctx, func(tx *registry.Tx) error {
		r, err := tx.Result(id)
		if pipeline.KindOf(err) == pipeline.NotFound {
			return nil
		}
		if err != nil || !r.Verification.Active() || r.Verification.Attempt != attempt {
			return err
		}
		change(&r)
		_, err = saveVerification(tx, &r)
		return err
	})
}

// dueVerifier is nil where a report comes from the process of the attempt that it
// is about.
func dueVerifier(ctx context.Context, result int64, attempt int) error {
	return identity.Be(ctx, identity.VerifyJob(result, attempt), fmt.Sprintf("what becomes of attempt %d to verify result %d", attempt, result))
}

// replaying records how far a repetition is.
func (s *Service) replaying(ctx context.Context, p pipeline.Progress) error {
	if err := dueVerifier(ctx, p.Result, p.Attempt); err != nil {
		return err
	}
	return s.changeVerification(ctx, p.Result, p.Attempt, func(r *pipeline.Result) {
		v := r.Verification
		v.Status, v.Cut = pipeline.VerificationRunning, false
		v.Reason, v.Hint = keptBy(p.Waiting)
		for _, e := range p.Epochs {
			v.EpochsDone = max(v.EpochsDone, e.Epoch)
		}
	})
}

// replayed ends a verification as its repetition compares with the receipt.
func (s *Service) replayed(ctx context.Context, e event.Event) (*event.Event, error) {
	var p pipeline.Replay
	if err := eventing.Data(e, &p); err != nil {
		return nil, err
	}
	if err := dueVerifier(ctx, p.Result, p.Attempt); err != nil {
		return nil, err
	}
	return nil, s.changeVerification(ctx, p.Result, p.Attempt, func(r *pipeline.Result) {
		status := pipeline.VerificationVerified
		if p.Difference != "" {
			status = pipeline.VerificationDiverged
		}
		r.Verification.Difference, r.Verification.Seconds, r.Verification.Reason, r.Verification.Hint = p.Difference, p.Seconds, "", ""
		endVerification(r, status)
	})
}

// unreplayed ends a verification whose training could not be repeated.
func (s *Service) unreplayed(ctx context.Context, o pipeline.Outcome) error {
	if err := dueVerifier(ctx, o.Result, o.Attempt); err != nil {
		return err
	}
	return s.changeVerification(ctx, o.Result, o.Attempt, func(r *pipeline.Result) {
		r.Verification.Seconds = o.Seconds
		unverified(r, &pipeline.Error{Reason: o.Reason, Hint: o.Hint})
	})
}

// unverified ends a verification that came to no comparison, for the reason in err.
func unverified(r *pipeline.Result, err error) {
	v := r.Verification
	v.Reason, v.Hint = err.Error(), ""
	var e *pipeline.Error
	if errors.As(err, &e) {
		v.Hint = e.Hint
	}
	endVerification(r, pipeline.VerificationFailed)
}

func endVerification(r *pipeline.Result, status pipeline.VerificationStatus) {
	now := time.Now().UTC()
	r.Verification.Status, r.Verification.Ended, r.Verification.Cut = status, &now, false
}

// desiredVerifier reports whether a Job that verifies a result may go on. One that
// ended by itself is about to leave on its own.
func desiredVerifier(tx *registry.Tx, id int64, attempt int) (bool, error) {
	r, err := tx.Result(id)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return false, nil
	}
	v := r.Verification
	if err != nil || v == nil || v.Attempt != attempt {
		return false, err
	}
	return v.Ended == nil || time.Since(*v.Ended).Abs() <= leaveTime, nil
}
