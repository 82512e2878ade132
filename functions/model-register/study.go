package modelregister

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// sampling is what the sampler of a study goes on from, with the trials that it has
// proposed already.
type sampling struct {
	State json.RawMessage  `json:"state"`
	Queue []map[string]any `json:"queue"`
}

// whenever does what the rows ask for until ctx ends: it looks at them when something
// has changed. What fails is logged, and tried again some time later.
func (s *Service) whenever(ctx context.Context, failure string, do func(context.Context) error) {
	for {
		changed := s.Store.Changed()
		if err := do(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, failure, "error", err)
			changed = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(completeEvery):
		}
	}
}

// propose gives each study that runs the trials that it lacks.
func (s *Service) propose(ctx context.Context) error {
	running, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (registry.Page[pipeline.Study], error) {
		return tx.Studies(registry.Query{Status: string(pipeline.StudyRunning)})
	})
	if err != nil {
		return err
	}
	var all error
	for _, st := range slices.Backward(running.Items) { // the oldest first
		if !lacksTrial(st) {
			continue
		}
		if err := s.fillStudy(ctx, st.ID); err != nil {
			all = errors.Join(all, fmt.Errorf("study %d: %w", st.ID, err))
		}
	}
	return all
}

// fillStudy proposes trials until as many train as the study wants. A sampler that
// cannot go on fails the study.
func (s *Service) fillStudy(ctx context.Context, id int64) error {
	for {
		more, err := s.proposeOne(ctx, id)
		switch kind := pipeline.KindOf(err); {
		case err == nil && !more:
			return nil
		case err == nil:
		case kind != pipeline.Internal && kind != pipeline.Invalid:
			return err
		default:
			return s.failStudy(ctx, id, err)
		}
	}
}

// due is a study that lacks a trial, and what its sampler goes on from.
type due struct {
	study    pipeline.Study
	model    pipeline.Model // of its next trial
	sampling sampling
	told     []framework.Told  // where the sampler is to be asked
	variant  *pipeline.Variant // that was built for the trial; nil: there is one, or it needs none
}

// proposeOne proposes the next trial of a study, where it lacks one.
func (s *Service) proposeOne(ctx context.Context, id int64) (bool, error) {
	d, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (*due, error) { return dueOf(tx, id) })
	if err != nil || d == nil {
		return false, err
	}
	if len(d.sampling.Queue) == 0 {
		if err := s.sample(ctx, d); err != nil {
			return false, err
		}
	}
	of := d.study.ModelOf(d.trial())
	d.model, err = registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Model, error) { return tx.ModelVersion(of.ID, of.Version) })
	if err != nil {
		return false, err
	}
	if d.variant, err = s.variant(ctx, d.model, variationOf(d.trial())); err != nil {
		return false, err
	}
	used := false
	err = s.Store.Do(ctx, func(tx *registry.Tx) (err error) {
		used, err = commitTrial(tx, *d)
		return err
	})
	if v := d.variant; err == nil && v != nil && v.Artifact != "" && !used {
		s.discard(ctx, v.Artifact)
	}
	return true, err
}

// sample asks the sampler of a study's framework for the trials that follow.
func (s *Service) sample(ctx context.Context, d *due) error {
	of := d.study.Models[0] // whose framework is as good as those of the others: no source is run
	m, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Model, error) { return tx.ModelVersion(of.ID, of.Version) })
	if err != nil {
		return err
	}
	sampler, ok := s.Builders[m.Framework].(framework.Sampler)
	if !ok {
		return pipeline.Invalidf("sampler", "nothing samples for models of %q here", m.Framework)
	}
	p, err := sampler.Propose(ctx, framework.Sampling{Study: d.study, Told: d.told, State: d.sampling.State})
	if err != nil {
		return err
	}
	d.sampling = sampling{State: p.State, Queue: p.Trials}
	return nil
}

// trial is the next one.
func (d due) trial() pipeline.StudyTrial {
	return pipeline.StudyTrial{Study: d.study.ID, Number: d.study.Proposed, Parameters: d.sampling.Queue[0]}
}

// variationOf is what a trial's model is built with.
func variationOf(t pipeline.StudyTrial) pipeline.Variation {
	return pipeline.Variation{Hyperparameters: t.Hyperparameters()}
}

// variant builds a variation of a model; nil where that was done, or there is none.
func (s *Service) variant(ctx context.Context, m pipeline.Model, of pipeline.Variation) (*pipeline.Variant, error) {
	if of.Unvaried() {
		return nil, nil // there is none
	}
	known, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (*pipeline.Variant, error) { return tx.Variant(m.ID, m.Version, of) })
	if err != nil || known != nil {
		return nil, err
	}
	return s.vary(ctx, m, of)
}

// lacksTrial reports whether a study lacks a trial. Until the stream was read, one trial
// reads it for all.
func lacksTrial(st pipeline.Study) bool {
	most := st.Parallel
	if !st.Read {
		most = 1
	}
	active := st.Proposed - st.Finished - st.Pruned - st.Failed
	return st.Status == pipeline.StudyRunning && st.Proposed < st.Trials && active < most
}

// dueOf reads a study that lacks a trial; nil where it does not.
func dueOf(tx *registry.Tx, id int64) (*due, error) {
	st, err := tx.Study(id)
	if err != nil {
		return nil, err
	}
	if !lacksTrial(st) {
		return nil, nil
	}
	d := &due{study: st}
	state, err := tx.Sampler(id)
	if err == nil && state != nil {
		err = json.Unmarshal(state, &d.sampling)
	}
	if err != nil || len(d.sampling.Queue) > 0 {
		return d, err
	}
	page, err := tx.Results(registry.Query{By: map[string]int64{"deployment": st.Deployment}})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(page.Items, func(a, b pipeline.Result) int { return a.Trial.Number - b.Trial.Number })
	for _, r := range page.Items {
		d.told = append(d.told, toldOf(r))
	}
	return d, nil
}

// toldOf is what a sampler hears of a trial.
func toldOf(r pipeline.Result) framework.Told {
	t := framework.Told{State: "running", Parameters: r.Trial.Parameters, Value: r.Trial.Value}
	switch r.Status {
	case pipeline.ResultFinished:
		t.State = "complete"
	case pipeline.ResultPruned:
		t.State, t.Epoch = "pruned", r.EpochsDone
	case pipeline.ResultFailed, pipeline.ResultStopped:
		t.State = "fail"
	}
	return t
}

// commitTrial stores the first trial of a queue as a result whose training is asked
// for, unless the study has changed meanwhile. It reports whether what was built for
// it is used.
func commitTrial(tx *registry.Tx, d due) (used bool, err error) {
	st, err := tx.Study(d.study.ID)
	if err != nil || st.Status != pipeline.StudyRunning || st.Proposed != d.study.Proposed {
		return false, err
	}
	dep, err := tx.Deployment(st.Deployment)
	if err != nil {
		return false, err
	}
	trial := d.trial()
	kept, used, err := keepVariant(tx, d, variationOf(trial))
	if err != nil || !kept {
		return false, err
	}
	return used, storeTrial(tx, d, st, dep, trial)
}

// keepVariant stores what was built for a trial unless another has brought it
// meanwhile. It is not kept where it was there and the sweep has taken it away: then
// it is to be built.
func keepVariant(tx *registry.Tx, d due, of pipeline.Variation) (kept, used bool, err error) {
	if of.Unvaried() {
		return true, false, nil
	}
	known, err := tx.Variant(d.model.ID, d.model.Version, of)
	if err != nil || known != nil || d.variant == nil {
		return known != nil, false, err
	}
	return true, true, tx.CreateVariant(d.model.ID, d.model.Version, *d.variant)
}

// storeTrial stores a trial as a result, and what its study goes on from.
func storeTrial(tx *registry.Tx, d due, st pipeline.Study, dep pipeline.Deployment, trial pipeline.StudyTrial) error {
	as, _ := trial.With(dep)
	r := pipeline.Result{
		Deployment: st.Deployment, Configuration: st.Configuration, Model: d.model.ID, ModelName: d.model.Name, ModelVersion: d.model.Version,
		Datasource: st.Datasource, Status: pipeline.ResultScheduled, Attempt: 1, EpochsTotal: as.TrainingKwargs.Epochs, Trial: &trial,
		Variation: variationOf(trial),
		Lineage:   pipeline.Lineage{SourceHash: d.model.SourceHash, ModelVersion: d.model.Version, Seed: dep.Seed},
	}
	if err := tx.CreateResult(&r); err != nil {
		return err
	}
	d.sampling.Queue = d.sampling.Queue[1:]
	rest, err := json.Marshal(d.sampling)
	if err != nil {
		return err
	}
	if err := tx.SetSampler(st.ID, rest); err != nil {
		return err
	}
	st.Proposed++
	if err := tx.UpdateStudy(&st); err != nil {
		return err
	}
	if _, err := door.Publish(tx, name, eventing.ResultScheduled, r.ID, r); err != nil {
		return err
	}
	_, err = door.Publish(tx, name, eventing.StudyProgressed, st.ID, st)
	return err
}

// failStudy ends a study whose sampler cannot go on.
func (s *Service) failStudy(ctx context.Context, id int64, why error) error {
	var e *pipeline.Error
	if !errors.As(why, &e) {
		e = &pipeline.Error{Reason: why.Error()}
	}
	return s.Store.Do(ctx, func(tx *registry.Tx) error {
		st, err := tx.Study(id)
		if err != nil || st.Status != pipeline.StudyRunning {
			return err
		}
		st.Status, st.Reason, st.Hint = pipeline.StudyFailed, e.Message(), e.Hint
		if err := tx.UpdateStudy(&st); err != nil {
			return err
		}
		_, err = door.Publish(tx, name, eventing.StudyFailed, st.ID, st)
		return err
	})
}
