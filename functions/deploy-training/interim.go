package deploytraining

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// changeOf is the way in which the metric that a deployment monitors gets better,
// empty where it monitors none.
func changeOf(d pipeline.Deployment, e pipeline.Export) (pipeline.Change, error) {
	if d.Monitor == "" {
		return "", nil
	}
	if of, ok := strings.CutPrefix(d.Monitor, pipeline.ValidationPrefix); ok {
		return "", pipeline.Invalidf("monitor", "a stream that is followed has no validation split, and so no %q", d.Monitor).
			WithHint("monitor %s: each record is predicted and scored before it is learned from", of)
	}
	better, err := pipeline.Sought{
		Metric: d.Monitor, Mode: map[pipeline.Change]pipeline.MetricMode{pipeline.ChangeUp: pipeline.ModeMax, pipeline.ChangeDown: pipeline.ModeMin}[d.Change],
		Field: "monitor", ModeField: "change", Hint: "say up where a high one is better, else down",
	}.In(e)
	if err != nil {
		return "", err
	}
	if better == pipeline.ModeMax {
		return pipeline.ChangeUp, nil
	}
	return pipeline.ChangeDown, nil
}

// yielded makes a result of a model that a training has stored on its way, once for
// each of its numbers, and deletes those before the last 20 that nobody has a use for.
func (s *Service) yielded(ctx context.Context, e event.Event) (*event.Event, error) {
	var y pipeline.Yield
	if err := eventing.Data(e, &y); err != nil {
		return nil, err
	}
	if err := due(ctx, y.Result, y.Attempt); err != nil {
		return nil, err
	}
	key := pipeline.InterimArtifact(y.Result, y.Number, y.By)
	formats, err := s.stored(ctx, y.Outcome, key)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return nil, over(y.Result, y.Attempt)
	}
	if err != nil {
		return nil, fmt.Errorf("take a result of training %d: %w", y.Result, err)
	}
	var deleted []pipeline.Result
	err = s.Store.Do(ctx, func(tx *registry.Tx) error {
		deleted = nil
		r, current, err := currentAttempt(tx, y.Result, y.Attempt)
		if err == nil && !current {
			err = over(y.Result, y.Attempt)
		}
		if err != nil || y.Number <= r.Interims { // it has come before
			return err
		}
		r.Interims = y.Number
		if err := tx.UpdateResult(&r); err != nil || formats == nil {
			return err
		}
		if err := create(tx, r, y, key, formats); err != nil {
			return err
		}
		deleted, err = spare(tx, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take a result of training %d: %w", y.Result, err)
	}
	if formats == nil {
		s.Log.WarnContext(ctx, "a training told of a model that is not in the store", "result", y.Result, "key", key)
	}
	s.forget(ctx, deleted)
	return nil, nil
}

// create stores and publishes the result that r's training gives.
func create(tx *registry.Tx, r pipeline.Result, y pipeline.Yield, key string, formats []pipeline.ModelFormat) error {
	given := pipeline.Result{
		Deployment: r.Deployment, Configuration: r.Configuration, Model: r.Model, ModelName: r.ModelName, ModelVersion: r.ModelVersion,
		Datasource: r.Datasource, Parent: r.ID, Interim: y.Number, Variation: r.Variation, Attempt: 1, EpochsDone: r.EpochsDone, Started: r.Started,
		Artifact: key, Formats: formats, Lineage: r.Lineage, Traceparent: r.Traceparent, Tracestate: r.Tracestate,
	}
	learn(&given, y.Outcome)
	setStatus(&given, pipeline.ResultFinished)
	if err := tx.CreateResult(&given); err != nil {
		return err
	}
	_, err := door.Publish(tx, name, eventing.ResultFinished, given.ID, given)
	return err
}

// spare deletes the older results that r's training has given, but for those that are
// served, named, tagged or noted, or that a training goes on from.
func spare(tx *registry.Tx, r pipeline.Result) (deleted []pipeline.Result, err error) {
	page, err := tx.Results(registry.Query{By: map[string]int64{"parent": r.ID}})
	if err != nil {
		return nil, err
	}
	kept := 0
	for _, old := range page.Items { // newest first
		if old.Interim == 0 {
			continue
		}
		if kept++; kept <= pipeline.KeptInterims {
			continue
		}
		gone, err := unused(tx, old)
		if err != nil {
			return nil, err
		}
		if gone {
			deleted = append(deleted, old)
		}
	}
	return deleted, nil
}

// unused deletes a result, but for one that is served, named, tagged or noted, or that a
// training goes on from.
func unused(tx *registry.Tx, r pipeline.Result) (deleted bool, err error) {
	if len(r.Tags) > 0 || r.Notes != "" {
		return false, nil
	}
	err = tx.DeleteResult(r.ID)
	if kind := pipeline.KindOf(err); kind == pipeline.InUse || kind == pipeline.Conflict {
		return false, nil
	}
	if err == nil {
		_, err = door.Publish(tx, name, eventing.ResultDeleted, r.ID, eventing.Deleted{ID: r.ID})
	}
	return err == nil, err
}

// sweepInterim removes, of what the training of parent has stored on its way, the
// models from before a time that no result has and none will get.
func (s *Service) sweepInterim(ctx context.Context, parent int64, before time.Time) error {
	goes, keep := false, map[string]bool{}
	_, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (none struct{}, err error) {
		r, err := tx.Result(parent)
		if goes = err == nil && !r.Status.Ended(); goes || err != nil && pipeline.KindOf(err) != pipeline.NotFound {
			return none, err
		}
		page, err := tx.Results(registry.Query{By: map[string]int64{"parent": parent}})
		for _, r := range page.Items {
			keep[r.Artifact] = true
		}
		return none, err
	})
	if err != nil || goes { // one that goes on may yet tell of it
		return err
	}
	stored, err := s.Artifacts.List(ctx, pipeline.InterimFolder(parent))
	for _, one := range stored {
		if !keep[one.Key] && one.Modified.Before(before) {
			s.discard(ctx, one.Key)
		}
	}
	return err
}
