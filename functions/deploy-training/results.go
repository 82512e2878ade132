package deploytraining

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// facts names the fact of each state that a result comes to.
var facts = map[pipeline.ResultStatus]string{
	pipeline.ResultScheduled: eventing.ResultScheduled,
	pipeline.ResultFinished:  eventing.ResultFinished,
	pipeline.ResultFailed:    eventing.ResultFailed,
	pipeline.ResultStopped:   eventing.ResultStopped,
	pipeline.ResultPruned:    eventing.ResultPruned,
}

// save stores a result and publishes the state it came to.
func save(tx *registry.Tx, r *pipeline.Result) (*event.Event, error) {
	if err := settle(tx, r); err != nil {
		return nil, err
	}
	if err := tx.UpdateResult(r); err != nil {
		return nil, err
	}
	return door.Publish(tx, name, facts[r.Status], r.ID, *r)
}

// retry trains a failed or stopped result again: on its datasource, or on the
// last one of the deployment where it never had one.
func (s *Service) retry(ctx context.Context, call *door.Call) error {
	id, err := door.Target(call.Event)
	if err != nil {
		return err
	}
	var scheduled []pipeline.Result
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		r, err := tx.Result(id)
		if err != nil {
			return nil, err
		}
		if err := s.again(tx, &r); err != nil {
			return nil, err
		}
		scheduled = []pipeline.Result{r}
		return save(tx, &r)
	})
	if err != nil {
		return err
	}
	for _, r := range scheduled {
		s.discard(ctx, pipeline.ResultArtifact(id, r.Attempt-1))
		s.discard(ctx, pipeline.EndingMark(pipeline.ResultCheckpoint(id)))
	}
	s.launch(ctx, scheduled)
	return nil
}

// again makes r its next attempt, or says why it cannot be.
func (s *Service) again(tx *registry.Tx, r *pipeline.Result) error {
	if r.Trial != nil {
		return &pipeline.Error{
			Kind: pipeline.Conflict, Field: "study", Reason: fmt.Sprintf("result %d is trial %d of study %d, which is not repeated", r.ID, r.Trial.Number, r.Trial.Study),
			Hint: "deploy the configuration with its values: " + r.Trial.Said(),
		}
	}
	if r.Status != pipeline.ResultFailed && r.Status != pipeline.ResultStopped {
		return &pipeline.Error{
			Kind: pipeline.Conflict, Field: "status", Reason: fmt.Sprintf("result %d is %s", r.ID, r.Status),
			Hint: "only a failed or stopped result can be tried again",
		}
	}
	d, err := sourceOf(tx, *r)
	if err != nil {
		return err
	}
	m, err := readAs(tx, *r)
	if err != nil {
		return err
	}
	if err := turn(tx, r); err != nil {
		return err
	}
	dep, err := tx.Deployment(r.Deployment)
	if err != nil {
		return err
	}
	if err := s.startable(tx, dep, *r, m.Export, d); err != nil {
		return err
	}
	r.Datasource, r.Lost, r.Ending = d.ID, 0, false
	renew(r)
	r.Traceparent, r.Tracestate = tracing.Of(tx.Context())
	return mark(tx, d, nil)
}

// turn gives a round that is tried again its parent, where it never had one. It is a
// Conflict while another round of its model is under way.
func turn(tx *registry.Tx, r *pipeline.Result) error {
	dep, err := tx.Deployment(r.Deployment)
	if err != nil || dep.Mode != pipeline.ModeRounds {
		return err
	}
	results, err := resultsOf(tx, dep.ID)
	for _, other := range results {
		if other.Model == r.Model && other.Status.Active() {
			return &pipeline.Error{
				Kind: pipeline.Conflict, Field: "status", Reason: fmt.Sprintf("result %d, another round of the model, is %s", other.ID, other.Status),
				Hint: "rounds of a model train one at a time: try again once it has ended",
			}
		}
	}
	if r.Parent == 0 {
		r.Parent = parentOf(results, *r, dep.From)
	}
	return err
}

// sourceOf is the datasource to train a result on.
func sourceOf(tx *registry.Tx, r pipeline.Result) (pipeline.Datasource, error) {
	if r.Datasource != 0 {
		return tx.Datasource(r.Datasource)
	}
	d, found, err := latest(tx, r.Deployment)
	if err == nil && !found {
		err = &pipeline.Error{
			Kind: pipeline.Conflict, Field: "datasource", Reason: fmt.Sprintf("deployment %d was sent no stream yet", r.Deployment),
			Hint: "send one, then try again",
		}
	}
	return d, err
}

// stopResult ends one training.
func (s *Service) stopResult(ctx context.Context, call *door.Call) error {
	id, err := door.Target(call.Event)
	if err != nil {
		return err
	}
	var jobs []string
	var stopped pipeline.Result
	var ending []int64
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		r, err := tx.Result(id)
		if err != nil {
			return nil, err
		}
		if jobs = verifications([]pipeline.Result{r}); len(jobs) > 0 {
			unverified(&r, &pipeline.Error{Reason: "it was stopped", Hint: "verify it again"})
			return saveVerification(tx, &r)
		}
		if r.Trial != nil {
			return nil, ofStudy(r.Trial.Study, "stop")
		}
		if r.Status.Ended() {
			return nil, &pipeline.Error{
				Kind: pipeline.Conflict, Field: "status", Reason: fmt.Sprintf("result %d is %s already", id, r.Status),
			}
		}
		if fact, err := endsItself(tx, &r); fact != nil || err != nil {
			ending = []int64{r.ID}
			return fact, err
		}
		jobs = jobsOf([]pipeline.Result{r})
		setStatus(&r, pipeline.ResultStopped)
		stopped = r
		return save(tx, &r)
	})
	if err != nil {
		return err
	}
	s.tellToEnd(ctx, ending...)
	s.end(ctx, jobs)
	s.proceed(ctx, stopped.Deployment)
	return nil
}

// removeResult deletes one result and its trained model. The registry refuses
// it while the result trains or is served by an inference.
func (s *Service) removeResult(ctx context.Context, call *door.Call) error {
	id, err := door.Target(call.Event)
	if err != nil {
		return err
	}
	var r pipeline.Result
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		var err error
		if r, err = tx.Result(id); err != nil {
			return nil, err
		}
		if r.Trial != nil {
			st, err := tx.Study(r.Trial.Study)
			if err != nil {
				return nil, err
			}
			if !st.Status.Ended() { // which goes on from what its trials told
				return nil, ofStudy(st.ID, "stop")
			}
		}
		if err := tx.DeleteResult(id); err != nil {
			return nil, err
		}
		return door.Publish(tx, name, eventing.ResultDeleted, id, eventing.Deleted{ID: id})
	})
	if err != nil {
		return err
	}
	s.forget(ctx, []pipeline.Result{r})
	return nil
}

// afterTime bounds what goes on after a command was carried out in the
// registry: its client may be gone.
const afterTime = 30 * time.Second

// discard removes what lies under a key that no result refers to any more. That
// it failed is logged only: it costs space, nothing else.
func (s *Service) discard(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterTime)
	defer cancel()
	if err := s.Artifacts.Delete(ctx, key); err != nil {
		s.Log.WarnContext(ctx, "an unused trained model was not removed", "key", key, "error", err)
	}
}

// forget ends what verifies results that were deleted, and removes what any attempt of
// theirs stored.
func (s *Service) forget(ctx context.Context, results []pipeline.Result) {
	s.end(ctx, verifications(results))
	for _, r := range results {
		s.discard(ctx, path.Dir(pipeline.ResultArtifact(r.ID, 1)))
		if r.Interim > 0 {
			s.discard(ctx, r.Artifact)
		}
	}
}
