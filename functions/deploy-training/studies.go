package deploytraining

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// A study is rows as a deployment is. Its trials are results, which model-register
// proposes one after another, since Optuna runs in its worker, and which train as
// all results do; what ends one here may end the study.

// studyFacts names the fact of each state that a study comes to.
var studyFacts = map[pipeline.StudyStatus]string{
	pipeline.StudyRunning:  eventing.StudyProgressed,
	pipeline.StudyFinished: eventing.StudyFinished,
	pipeline.StudyFailed:   eventing.StudyFailed,
	pipeline.StudyStopped:  eventing.StudyStopped,
}

// saveStudy stores a study and publishes the state it came to.
func saveStudy(tx *registry.Tx, st *pipeline.Study) (*event.Event, error) {
	if err := tx.UpdateStudy(st); err != nil {
		return nil, err
	}
	return door.Publish(tx, name, studyFacts[st.Status], st.ID, *st)
}

// createStudy makes a study, which begins at once where it names a datasource, or
// where a stream has waited for its deployment.
func (s *Service) createStudy(ctx context.Context, call *door.Call) error {
	var form pipeline.StudyForm
	if err := eventing.Apply[pipeline.StudyForm](call.Event, &form); err != nil {
		return err
	}
	study, err := studyOf(form)
	if err != nil {
		return err
	}
	asked := draftOfStudy(form)
	if err := asked.check(); err != nil {
		return err
	}
	if s.Allowed != nil {
		if err := s.Allowed(asked.Resources, asked.GPUs); err != nil {
			return err
		}
	}
	asked.Owner = owner(ctx)
	study.Owner = asked.Owner
	return call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		st := study
		if err := s.storeStudy(tx, &st, asked, form.Datasource); err != nil {
			return nil, err
		}
		if st, err = tx.Study(st.ID); err != nil {
			return nil, err
		}
		if _, err := publishDeployment(tx, eventing.DeploymentCreated, st.Deployment); err != nil {
			return nil, err
		}
		return door.Publish(tx, name, eventing.StudyCreated, st.ID, st)
	})
}

// studyOf reads what a form says of the study itself.
func studyOf(form pipeline.StudyForm) (st pipeline.Study, err error) {
	st = pipeline.Study{
		Configuration: form.Configuration, Objective: form.Objective, Direction: form.Direction, Trials: form.Trials, Parallel: form.Parallel,
		Sampler: form.Sampler, Pruner: form.Pruner, Seed: form.Seed, Description: form.Description,
	}
	if st.Space, err = pipeline.ParseSpace(form.Space); err != nil {
		return st, err
	}
	return st, st.Normalize()
}

// draftOfStudy is the deployment of a study.
func draftOfStudy(form pipeline.StudyForm) draft {
	d := draft{
		Deployment: pipeline.Deployment{
			Configuration: form.Configuration, BatchSize: form.BatchSize, Seed: form.Seed, Engine: form.Engine, GPUs: form.GPUs, Description: form.Description,
		},
		TrainingKwargs: form.TrainingKwargs, ValidationKwargs: form.ValidationKwargs,
	}
	if form.Resources != nil {
		d.Resources = *form.Resources
	}
	return d
}

// storeStudy stores a study with its deployment, and begins it where there is a
// stream for it.
func (s *Service) storeStudy(tx *registry.Tx, st *pipeline.Study, asked draft, datasource int64) error {
	d, models, err := s.read(tx, asked)
	if err != nil {
		return err
	}
	if len(models) > 0 { // else there is no such configuration, which the registry says
		if models, err = st.Choose(models); err != nil {
			return err
		}
	}
	for _, m := range models {
		if err := st.Suits(m.Export); err != nil {
			return about(m, err)
		}
	}
	if err := tx.CreateStudy(st, &d); err != nil {
		return err
	}
	if datasource == 0 {
		_, err = s.takeOver(tx, d)
		return err
	}
	source, err := tx.Datasource(datasource)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return pipeline.Invalidf("datasource", "there is no datasource %d", datasource)
	}
	if err != nil {
		return err
	}
	if source.Rejected != nil {
		return pipeline.Invalidf("datasource", "datasource %d was refused: %s", datasource, source.Rejected.Reason)
	}
	return s.beginOn(tx, *st, source)
}

// begin lets a study that waits begin on a datasource that came for it, or keeps
// with the datasource why it does not.
func (s *Service) begin(tx *registry.Tx, study int64, d pipeline.Datasource) error {
	st, err := tx.Study(study)
	if err != nil {
		return err
	}
	if st.Status != pipeline.StudyWaiting {
		if st.Datasource == d.ID {
			return nil
		}
		return mark(tx, d, &pipeline.Rejection{
			Field: "deployment", Reason: fmt.Sprintf("deployment %d is of study %d, which is %s and tries one stream", d.Deployment, st.ID, st.Status),
			Hint: "create another study with this datasource",
		})
	}
	err = s.beginOn(tx, st, d)
	if pipeline.KindOf(err) == pipeline.Invalid {
		return mark(tx, d, pipeline.RejectionOf(err))
	}
	return err
}

// beginOn begins a study on a datasource, or says why it cannot.
func (s *Service) beginOn(tx *registry.Tx, st pipeline.Study, d pipeline.Datasource) error {
	for _, of := range st.Models {
		m, err := tx.ModelVersion(of.ID, of.Version)
		if err != nil {
			return err
		}
		if err := Readable(m.Export, d, s.Registry); err != nil {
			return about(m, err)
		}
	}
	dep, err := tx.Deployment(st.Deployment)
	if err != nil {
		return err
	}
	if err := errors.Join(st.Validates(d), dep.TrainingKwargs.CheckMonitors(d.ValidationRate > 0)); err != nil {
		return err
	}
	if err := mark(tx, d, nil); err != nil {
		return err
	}
	st.Datasource, st.Status = d.ID, pipeline.StudyRunning
	if err := tx.UpdateStudy(&st); err != nil {
		return err
	}
	_, err = door.Publish(tx, name, eventing.StudyStarted, st.ID, st)
	return err
}

// stopStudy ends a study and the trials that train.
func (s *Service) stopStudy(ctx context.Context, call *door.Call) error {
	id, err := door.Target(call.Event)
	if err != nil {
		return err
	}
	var jobs []string
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		st, err := tx.Study(id)
		if err != nil {
			return nil, err
		}
		if st.Status.Ended() {
			return nil, &pipeline.Error{Kind: pipeline.Conflict, Field: "status", Reason: fmt.Sprintf("study %d is %s already", id, st.Status)}
		}
		st.Status, st.Reason, st.Hint = pipeline.StudyStopped, "", ""
		fact, err := saveStudy(tx, &st)
		if err != nil {
			return nil, err
		}
		jobs, _, err = stopAll(tx, st.Deployment)
		return fact, err
	})
	if err != nil {
		return err
	}
	s.end(ctx, jobs)
	s.discard(ctx, pipeline.StudyArtifact(id))
	return nil
}

// removeStudy deletes a study with its trials and their models.
func (s *Service) removeStudy(ctx context.Context, call *door.Call) error {
	id, err := door.Target(call.Event)
	if err != nil {
		return err
	}
	var results []pipeline.Result
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		st, err := tx.Study(id)
		if err != nil {
			return nil, err
		}
		if results, err = resultsOf(tx, st.Deployment); err != nil {
			return nil, err
		}
		if err := tx.DeleteStudy(id); err != nil {
			return nil, err
		}
		if _, err := publishDeleted(tx, st.Deployment, results); err != nil {
			return nil, err
		}
		return door.Publish(tx, name, eventing.StudyDeleted, id, eventing.Deleted{ID: id})
	})
	if err != nil {
		return err
	}
	s.forget(ctx, results)
	s.discard(ctx, pipeline.StudyArtifact(id))
	return nil
}

// ofStudy refuses what would take a deployment or a result away from its study.
func ofStudy(study int64, what string) error {
	if study == 0 {
		return nil
	}
	return &pipeline.Error{
		Kind: pipeline.Conflict, Field: "study", Reason: fmt.Sprintf("it is of study %d", study),
		Hint: fmt.Sprintf("%s the study: studies %s %d", what, what, study),
	}
}

// settle takes the end of a trial into its study, and ends that with the last one.
// It gives the trial its value.
func settle(tx *registry.Tx, r *pipeline.Result) error {
	if r.Trial == nil || !r.Status.Ended() {
		return nil
	}
	st, err := tx.Study(r.Trial.Study)
	if err != nil || st.Status.Ended() {
		return err
	}
	trial := *r.Trial
	if v, ok := st.Value(r.Metrics.Training, r.Metrics.Validation); ok && r.Status != pipeline.ResultFailed {
		trial.Value = &v
	}
	r.Trial = &trial
	st.Epochs += int64(r.EpochsDone)
	switch r.Status {
	case pipeline.ResultFinished:
		st.Finished++
		if v := trial.Value; v != nil && (st.Best == nil || st.Better(*v, st.Best.Value)) {
			st.Best = &pipeline.Best{Result: r.ID, Trial: trial.Number, Value: *v, Parameters: trial.Parameters}
		}
	case pipeline.ResultPruned:
		st.Pruned++
	default:
		if st.Failed++; st.Failed == 1 {
			st.Reason, st.Hint = fmt.Sprintf("trial %d (%s): %s", trial.Number, trial.Said(), r.Reason), r.Hint
		}
	}
	if st.Finished+st.Pruned+st.Failed == st.Trials {
		if st.Status = pipeline.StudyFailed; st.Finished > 0 {
			st.Status, st.Reason, st.Hint = pipeline.StudyFinished, "", ""
		} else if st.Failed > 0 {
			st.Reason = fmt.Sprintf("none of its trials has finished, %d failed: %s", st.Failed, st.Reason)
		}
	}
	_, err = saveStudy(tx, &st)
	return err
}

// judge looks at the epochs that a trial has reported, and prunes it where others
// did better: by what was told until then, in the order of the registry.
func judge(tx *registry.Tx, r *pipeline.Result, p pipeline.Progress, added []pipeline.Epoch) error {
	if r.Trial == nil {
		return nil
	}
	st, err := tx.Study(r.Trial.Study)
	if err != nil || st.Status.Ended() {
		return err
	}
	if read := len(added) > 0 || p.Stage == pipeline.StageTraining; read && !st.Read {
		st.Read = true
		if _, err := saveStudy(tx, &st); err != nil {
			return err
		}
	}
	for _, e := range added {
		if !st.Pruner.Judges(e.Epoch) || e.Epoch >= r.EpochsTotal {
			continue
		}
		why, err := prunes(tx, st, *r, e)
		if err != nil || why != "" {
			r.Reason, r.Hint, r.SecondsLeft = why, "", 0
			setStatus(r, pipeline.ResultPruned)
			return err
		}
	}
	return nil
}

// startTrials starts the trials that were proposed since.
func (s *Service) startTrials(ctx context.Context) error {
	fresh, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (registry.Page[pipeline.Result], error) {
		return tx.Results(registry.Query{Status: string(pipeline.ResultScheduled), By: map[string]int64{"trials": 1}})
	})
	if err != nil || len(fresh.Items) == 0 {
		return err
	}
	known := map[string]bool{}
	var unknown []pipeline.Result
	for _, r := range fresh.Items {
		known[jobName(r)] = true
		if !s.started[jobName(r)] {
			unknown = append(unknown, r)
		}
	}
	s.started = known // by this process; Reconcile finds what became of the others
	s.launch(ctx, unknown)
	return nil
}

// triable refuses the model of a trial that its values have made one that the study
// cannot compare: one that reads other records, or does not report the objective.
func triable(tx *registry.Tx, st pipeline.Study, r pipeline.Result, e pipeline.Export) error {
	m, err := tx.ModelVersion(r.Model, r.ModelVersion)
	if err != nil {
		return err
	}
	label := func(a, b pipeline.Tensor) bool { return a.DType == b.DType && slices.Equal(a.Shape, b.Shape) } // its name may count layers
	if !reflect.DeepEqual(m.Inputs, e.Inputs) || !slices.EqualFunc(m.Labels, e.Labels, label) {
		return pipeline.Invalidf("space", "with these values the model has other inputs or labels than the one that is registered, whose records all trials read").
			WithHint("let hp change what lies between inputs and outputs")
	}
	return st.Suits(e)
}

// tidy removes the tensors of a study whose last trial has ended.
func (s *Service) tidy(ctx context.Context, r pipeline.Result) {
	if r.Trial == nil || !r.Status.Ended() {
		return
	}
	st, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Study, error) { return tx.Study(r.Trial.Study) })
	if err == nil && st.Status.Ended() {
		s.discard(ctx, pipeline.StudyArtifact(st.ID))
	}
}

// sweepStudies removes the tensors from before a time of studies that have ended.
func (s *Service) sweepStudies(ctx context.Context, before time.Time) error {
	folders, err := s.Artifacts.List(ctx, "studies")
	if err != nil {
		return fmt.Errorf("sweep tensors of studies: %w", err)
	}
	for _, folder := range folders {
		var id int64
		if n, err := fmt.Sscanf(folder.Key, "studies/%d", &id); n != 1 || err != nil {
			continue // not ours
		}
		st, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Study, error) { return tx.Study(id) })
		gone := pipeline.KindOf(err) == pipeline.NotFound
		if err != nil && !gone {
			return fmt.Errorf("sweep tensors of study %d: %w", id, err)
		}
		if (gone || st.Status.Ended()) && folder.Modified.Before(before) {
			s.discard(ctx, folder.Key)
		}
	}
	return nil
}
