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
	"github.com/kafkaml/kafkaml/shared/registry"
)

// create makes a deployment with one waiting result a model, at the versions
// the models have now. A stream that was sent before counts: the last usable
// datasource that has named the deployment's id within pipeline.StreamWait
// starts the training at once.
func (s *Service) create(ctx context.Context, call *door.Call) error {
	draft, err := draftOf(call.Event)
	if err == nil && s.Allowed != nil {
		err = s.Allowed(draft.Resources, draft.GPUs)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(s.beginning(ctx, &draft.Deployment), s.goesOn(ctx, draft.Deployment)); err != nil {
		return err
	}
	draft.Owner = owner(ctx)
	var scheduled []pipeline.Result
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		d, err := s.store(tx, draft)
		if err != nil {
			return nil, err
		}
		if scheduled, err = s.takeOver(tx, d); err != nil {
			return nil, err
		}
		return publishDeployment(tx, eventing.DeploymentCreated, d.ID)
	})
	if err != nil {
		return err
	}
	s.launch(ctx, scheduled)
	return nil
}

// store stores a deployment and its waiting results.
func (s *Service) store(tx *registry.Tx, asked draft) (pipeline.Deployment, error) {
	d, models, err := s.read(tx, asked)
	if err == nil && d.Mode != pipeline.ModeStream { // which has no epochs
		err = d.TrainingKwargs.CheckCallbacks()
	}
	if err != nil {
		return d, err
	}
	var parent pipeline.Result
	if d.From != 0 { // it may have gone since goesOn looked
		if parent, err = finished(tx, d.From); err != nil {
			return d, err
		}
	}
	if err := errors.Join(mayFollow(tx, d, len(models)), contestants(d, models), watched(tx, d)); err != nil {
		return d, err
	}
	if d.Scheduled() || d.Alias != "" {
		d.Retraining = &pipeline.Retraining{Decisions: []pipeline.Decision{}}
	}
	if err := tx.CreateDeployment(&d); err != nil {
		return d, err
	}
	for _, m := range models {
		r := pipeline.Result{
			Deployment: d.ID, Configuration: d.Configuration, Model: m.ID, ModelName: m.Name, ModelVersion: m.Version,
			EpochsTotal: d.TrainingKwargs.Epochs, Parent: d.From, Follows: d.Follows,
			Lineage: pipeline.Lineage{SourceHash: m.SourceHash, ModelVersion: m.Version, Seed: d.Seed},
		}
		if r.Variation, err = vary(tx, d, m, parent); err != nil {
			return d, about(m, err)
		}
		if err := tx.CreateResult(&r); err != nil {
			return d, err
		}
	}
	return d, nil
}

// owner is who asks, empty where that is not known.
func owner(ctx context.Context) string {
	if who := identity.Of(ctx); who.ID != identity.AnonymousID {
		return who.ID
	}
	return ""
}

// read has the frameworks of a draft's models read its engine and arguments.
// Each must take them.
func (s *Service) read(tx *registry.Tx, asked draft) (d pipeline.Deployment, models []pipeline.Model, err error) {
	d = asked.Deployment
	c, err := tx.Configuration(d.Configuration)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return d, nil, nil // to be refused by the registry, as a reference
	}
	if err != nil {
		return d, nil, err
	}
	for _, id := range c.Models {
		m, err := tx.Model(id)
		if err != nil {
			return d, nil, err
		}
		kind, err := s.Kinds.Get(m.Framework)
		if err != nil {
			return d, nil, about(m, err)
		}
		if d, err = asked.deployment(kind.Settings); err != nil {
			return d, nil, err
		}
		if err := kind.Settings.Suit(d.TrainingKwargs, m.Export); err != nil {
			return d, nil, about(m, err)
		}
		if err := detectable(d, m.Export); err != nil {
			return d, nil, about(m, err)
		}
		if d.Change, err = changeOf(d, m.Export); err != nil {
			return d, nil, about(m, err)
		}
		if d.Unsupervised {
			if err := m.CheckUnsupervised(); err != nil {
				return d, nil, about(m, err)
			}
		}
		models = append(models, m)
	}
	return d, models, nil
}

// about names the model that an error is about.
func about(m pipeline.Model, err error) error {
	var e *pipeline.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("model %q: %w", m.Name, err)
	}
	named := *e
	named.Reason = fmt.Sprintf("model %q: %s", m.Name, e.Message())
	return &named
}

// takeOver lets a deployment that was just made train on the last stream that
// has waited for it, and says of the others that it does not.
func (s *Service) takeOver(tx *registry.Tx, dep pipeline.Deployment) (scheduled []pipeline.Result, err error) {
	used, found, err := latest(tx, dep.ID)
	if err != nil || !found {
		return nil, err
	}
	if found = time.Since(used.Received) <= pipeline.StreamWait; found {
		if scheduled, err = s.schedule(tx, dep, used); err != nil {
			return nil, err
		}
	}
	page, err := tx.Datasources(registry.Query{By: map[string]int64{"deployment": dep.ID}})
	for _, d := range page.Items {
		if err != nil || d.Rejected != nil || found && d.ID == used.ID {
			continue
		}
		why := &pipeline.Rejection{
			Field: "deployment", Reason: fmt.Sprintf("deployment %d was created more than %.0f hours after this stream was sent", dep.ID, pipeline.StreamWait.Hours()),
			Hint: fmt.Sprintf("to train on it, send it again: datasources resend %d --deployment %d", d.ID, dep.ID),
		}
		if found {
			why.Reason = fmt.Sprintf("deployment %d was created after this stream was sent, and trains on a later one, datasource %d", dep.ID, used.ID)
		}
		err = mark(tx, d, why)
	}
	return scheduled, err
}

// latest is the last datasource that names a deployment, was not refused, and
// whose records the log still held when it was looked at.
func latest(tx *registry.Tx, deployment int64) (pipeline.Datasource, bool, error) {
	page, err := tx.Datasources(registry.Query{By: map[string]int64{"deployment": deployment}})
	for _, d := range page.Items { // newest first
		if d.Rejected == nil && d.Retention.State != pipeline.Expired {
			return d, true, err
		}
	}
	return pipeline.Datasource{}, false, err
}

// received lets the deployment that a datasource names train on it, or keeps with
// the datasource why it does not. Without such a deployment it waits: create
// finds it.
func (s *Service) received(ctx context.Context, e event.Event) (*event.Event, error) {
	if err := identity.Be(ctx, identity.Step(pipeline.StepControlLog), "to say that a stream has come"); err != nil {
		return nil, err
	}
	id, err := eventing.ID(e)
	if err != nil {
		return nil, err
	}
	var scheduled []pipeline.Result
	err = s.Store.Do(ctx, func(tx *registry.Tx) error {
		d, err := tx.Datasource(id)
		if err != nil || d.Scheduled { // it began with its window, see Service.begins
			return err
		}
		why, err := tx.Unused(d)
		if err != nil {
			return err
		}
		if why != nil {
			return mark(tx, d, why)
		}
		dep, err := tx.Deployment(d.Deployment)
		if err == nil {
			scheduled, err = s.schedule(tx, dep, d)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("train on datasource %d: %w", id, err)
	}
	s.launch(ctx, scheduled)
	return nil, nil
}

// mark keeps with a datasource why no training began on it; nil: one does. It
// publishes what is new.
func mark(tx *registry.Tx, d pipeline.Datasource, why *pipeline.Rejection) error {
	if d.Unused == nil && why == nil || d.Unused != nil && why != nil && *d.Unused == *why {
		return nil
	}
	d.Unused = why
	if err := tx.UpdateDatasource(&d); err != nil || why == nil {
		return err
	}
	return tx.Emit(eventing.UnusedDatasource(door.Source(name), d))
}

// stop ends every training of a deployment that is not over.
func (s *Service) stop(ctx context.Context, call *door.Call) error {
	id, err := door.Target(call.Event)
	if err != nil {
		return err
	}
	var jobs []string
	var ending []int64
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		d, err := tx.Deployment(id)
		if err == nil {
			err = ofStudy(d.Study, "stop")
		}
		if err == nil {
			jobs, ending, err = stopAll(tx, id)
		}
		if err == nil {
			err = unschedule(tx, d)
		}
		if err != nil {
			return nil, err
		}
		return publishDeployment(tx, eventing.DeploymentStopped, id)
	})
	if err != nil {
		return err
	}
	s.tellToEnd(ctx, ending...)
	s.end(ctx, jobs)
	return nil
}

// stopAll stops the results of a deployment that have not ended, and names the Jobs
// that may run for them; ending are those that are to be told to end by themselves.
func stopAll(tx *registry.Tx, deployment int64) (jobs []string, ending []int64, err error) {
	results, err := resultsOf(tx, deployment)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range results {
		if r.Status.Ended() {
			continue
		}
		fact, err := endsItself(tx, &r)
		if err != nil {
			return nil, nil, err
		}
		if fact != nil {
			ending = append(ending, r.ID)
			continue
		}
		jobs = append(jobs, jobsOf([]pipeline.Result{r})...)
		setStatus(&r, pipeline.ResultStopped)
		if _, err := save(tx, &r); err != nil {
			return nil, nil, err
		}
	}
	return jobs, ending, nil
}

// remove deletes a deployment with its results and their trained models. The
// registry refuses it while one of them trains or is served by an inference.
func (s *Service) remove(ctx context.Context, call *door.Call) error {
	id, err := door.Target(call.Event)
	if err != nil {
		return err
	}
	var results []pipeline.Result
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		d, err := tx.Deployment(id)
		if err == nil {
			err = ofStudy(d.Study, "delete")
		}
		if err != nil {
			return nil, err
		}
		if results, err = resultsOf(tx, id); err != nil {
			return nil, err
		}
		if err := tx.DeleteDeployment(id); err != nil {
			return nil, err
		}
		return publishDeleted(tx, id, results)
	})
	if err != nil {
		return err
	}
	s.forget(ctx, results)
	return nil
}

// publishDeleted publishes that a deployment is gone with its results.
func publishDeleted(tx *registry.Tx, deployment int64, results []pipeline.Result) (*event.Event, error) {
	for _, r := range results {
		if _, err := door.Publish(tx, name, eventing.ResultDeleted, r.ID, eventing.Deleted{ID: r.ID}); err != nil {
			return nil, err
		}
	}
	return door.Publish(tx, name, eventing.DeploymentDeleted, deployment, eventing.Deleted{ID: deployment})
}

// publishDeployment publishes a fact about a deployment as it now is.
func publishDeployment(tx *registry.Tx, typ string, id int64) (*event.Event, error) {
	d, err := tx.Deployment(id)
	if err != nil {
		return nil, err
	}
	return door.Publish(tx, name, typ, id, d)
}

// resultsOf are the results of a deployment in the order in which they were
// made.
func resultsOf(tx *registry.Tx, deployment int64) ([]pipeline.Result, error) {
	page, err := tx.Results(registry.Query{By: map[string]int64{"deployment": deployment}})
	slices.Reverse(page.Items)
	return page.Items, err
}
