package deploytraining

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// A deployment with a schedule trains again by itself, on a window of the topics of
// the last stream that was sent to it. That a training is due is found without a lock;
// the datasource of its window, the results that train on it and the state of the
// schedule are then one transaction, which takes only the state that was looked at: of
// several replicas one begins the training, and one that is killed has begun it or not.

// defaultTest is the share of a window that is kept back to compare on, where the
// stream that was sent keeps none back.
const defaultTest = 0.2

// retrain lets the deployments train again whose schedule says so.
func (s *Service) retrain(ctx context.Context) error {
	page, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (registry.Page[pipeline.Deployment], error) {
		return tx.Deployments(registry.Query{By: map[string]int64{"scheduled": 1}})
	})
	if err != nil {
		return err
	}
	for _, dep := range page.Items {
		scheduled, err := s.retrainOne(ctx, dep)
		if err != nil {
			s.Log.WarnContext(ctx, "the schedule of a deployment was not looked at", "deployment", dep.ID, "error", err)
			continue
		}
		s.launch(ctx, scheduled)
	}
	return nil
}

// retrainOne looks whether a deployment is to train again, and notes what it found.
func (s *Service) retrainOne(ctx context.Context, dep pipeline.Deployment) ([]pipeline.Result, error) {
	if dep.Status == pipeline.DeploymentTraining {
		return nil, nil
	}
	source, found, err := s.sourceOf(ctx, dep)
	if err != nil || !found {
		return nil, err
	}
	look, err := s.look(ctx, dep, source, time.Now().UTC())
	if err != nil {
		return nil, err
	}
	var scheduled []pipeline.Result
	return scheduled, s.Store.Do(ctx, func(tx *registry.Tx) error {
		scheduled = nil
		now, err := tx.Deployment(dep.ID)
		if pipeline.KindOf(err) == pipeline.NotFound {
			return nil
		}
		if err != nil || !now.Scheduled() || now.Retraining.Runs != dep.Retraining.Runs || now.Retraining.Source != dep.Retraining.Source || now.Status == pipeline.DeploymentTraining {
			return err
		}
		if look.window == nil {
			return look.note(tx, now)
		}
		scheduled, err = s.begins(tx, now, source, look)
		return err
	})
}

// sourceOf is the stream whose topics, format and split a schedule takes: the last that
// was sent to the deployment, else the one in which it waits for a drift.
func (s *Service) sourceOf(ctx context.Context, dep pipeline.Deployment) (d pipeline.Datasource, found bool, err error) {
	d, err = registry.Read(ctx, s.Store, func(tx *registry.Tx) (d pipeline.Datasource, err error) {
		switch {
		case dep.Retraining.Source != 0:
			found = true
			return tx.Datasource(dep.Retraining.Source)
		case dep.OnDriftOf != 0:
			d, found, err = latest(tx, dep.OnDriftOf)
		}
		return d, err
	})
	return d, found, err
}

// outlook is what was found of a schedule.
type outlook struct {
	new     int64 // records since those of the training before
	due     *time.Time
	blocked *pipeline.Rejection
	ends    []pipeline.Range // where the log ends
	window  []pipeline.Range // to train on; nil: nothing is due, or it is blocked
}

// look finds out whether a training is due, and on what. The error is one that may
// pass; what will not pass by itself blocks the schedule.
func (s *Service) look(ctx context.Context, dep pipeline.Deployment, source pipeline.Datasource, now time.Time) (o outlook, err error) {
	if o.ends, err = s.endsOf(ctx, source); err != nil {
		return o.or(err)
	}
	begun := source.Received
	if last := dep.Retraining.Last; last != nil && last.After(begun) {
		begun = *last
	}
	for _, end := range o.ends {
		o.new += max(0, end.Offset-trainedTo(dep, source, end))
	}
	ready := dep.Retraining.Drifted
	if dep.Every != "" {
		records, span, err := dep.Every.Parse("every")
		if err != nil {
			return o, err
		}
		if span > 0 {
			due := begun.Add(span)
			o.due, ready = &due, ready || !now.Before(due)
		} else {
			ready = ready || o.new >= records
		}
	}
	switch {
	case !ready:
		return o, nil
	case o.new == 0:
		o.blocked = &pipeline.Rejection{Field: "every", Reason: "a training is due, but no record has come since the last one", Hint: "it begins as soon as there is one"}
		return o, nil
	}
	o.window, err = s.windowOf(ctx, dep, source, o.ends, now)
	return o.or(err)
}

// or is o, blocked by an error that does not pass.
func (o outlook) or(err error) (outlook, error) {
	switch pipeline.KindOf(err) {
	case pipeline.Invalid, pipeline.Conflict, pipeline.NotFound:
		o.blocked, o.window = pipeline.RejectionOf(err), nil
		return o, nil
	}
	return o, err
}

// endsOf gives where the log of a stream's partitions ends now.
func (s *Service) endsOf(ctx context.Context, source pipeline.Datasource) ([]pipeline.Range, error) {
	kafka, err := s.Kafka(ctx)
	if err != nil {
		return nil, err
	}
	if err := kafka.SameTopics(ctx, source.TopicIDs); err != nil {
		return nil, err
	}
	return kafka.Ends(ctx, source.Ranges)
}

// trainedTo is the offset up to which the partition of end was trained on.
func trainedTo(dep pipeline.Deployment, source pipeline.Datasource, end pipeline.Range) (to int64) {
	for _, r := range slices.Concat(source.Ranges, dep.Retraining.Ends) {
		if r.Topic == end.Topic && r.Partition == end.Partition {
			to = max(to, r.Offset+r.Length)
		}
	}
	return to
}

// windowOf gives the records that a training which is due takes.
func (s *Service) windowOf(ctx context.Context, dep pipeline.Deployment, source pipeline.Datasource, ends []pipeline.Range, now time.Time) ([]pipeline.Range, error) {
	kafka, err := s.Kafka(ctx)
	if err != nil {
		return nil, err
	}
	if dep.Window == "" {
		return kafka.Newest(ctx, ends, pipeline.Records(source.Ranges))
	}
	records, span, err := dep.Window.Parse("window")
	if err != nil {
		return nil, err
	}
	if records > 0 {
		return kafka.Newest(ctx, ends, records)
	}
	ranges, err := kafka.NewestSince(ctx, ends, now.Add(-span))
	if err == nil && len(ranges) == 0 {
		err = pipeline.Invalidf("window", "no record is of the last %s", dep.Window).WithHint("make the window longer in another deployment, or send records")
	}
	return ranges, err
}

// noteAt is the part of every by which the new records must have grown to be told.
const noteAt = 10

// note stores what was found where no training begins, if that is news.
func (o outlook) note(tx *registry.Tx, dep pipeline.Deployment) error {
	r := dep.Retraining
	records, _, _ := dep.Every.Parse("every")
	same := o.new == r.New || o.new/max(1, records/noteAt) == r.New/max(1, records/noteAt)
	if same && sameTime(o.due, r.Due) && (o.blocked == nil) == (r.Blocked == nil) && (o.blocked == nil || *o.blocked == *r.Blocked) {
		return nil
	}
	r.New, r.Due, r.Blocked = o.new, o.due, o.blocked
	return told(tx, dep)
}

func sameTime(a, b *time.Time) bool { return (a == nil) == (b == nil) && (a == nil || a.Equal(*b)) }

// told stores a deployment whose schedule has changed, and publishes it.
func told(tx *registry.Tx, dep pipeline.Deployment) error {
	if err := tx.UpdateDeployment(&dep); err != nil {
		return err
	}
	_, err := publishDeployment(tx, eventing.DeploymentScheduled, dep.ID)
	return err
}

// begins makes the window a datasource of the deployment, which trains on it.
func (s *Service) begins(tx *registry.Tx, dep pipeline.Deployment, source pipeline.Datasource, o outlook) ([]pipeline.Result, error) {
	d := windowed(dep, source, o)
	if err := tx.CreateDatasource(&d); err != nil {
		return nil, err
	}
	if _, err := door.Publish(tx, name, eventing.DatasourceReceived, d.ID, d); err != nil {
		return nil, err
	}
	r := dep.Retraining
	now := d.Received
	r.Runs, r.Last, r.Ends, r.New, r.Drifted, r.Blocked, r.Due = r.Runs+1, &now, o.ends, 0, false, nil, nil
	if _, span, _ := dep.Every.Parse("every"); span > 0 {
		due := now.Add(span)
		r.Due = &due
	}
	if err := told(tx, dep); err != nil {
		return nil, err
	}
	return s.schedule(tx, dep, d)
}

// windowed is the datasource of a window, split as the stream that was sent. Where its
// result contends for an alias, what is kept back are the newest records, and none that
// the training before may have learned from.
func windowed(dep pipeline.Deployment, source pipeline.Datasource, o outlook) pipeline.Datasource {
	d := source
	d.ID, d.Deployment, d.Ranges, d.Scheduled = 0, dep.ID, o.window, true
	d.TotalMsg = pipeline.Records(o.window)
	d.Origin, d.ResendOf, d.Asked, d.Open, d.Unused, d.Extra, d.Received = pipeline.Origin{}, 0, nil, false, nil, nil, time.Time{}
	d.Retention = pipeline.Retention{State: pipeline.Available}
	d.Description = fmt.Sprintf("the window of deployment %d", dep.ID)
	if dep.Alias == "" {
		return d
	}
	d.Split, d.Shuffle = pipeline.SplitTime, false
	if d.TestRate == 0 {
		d.TestRate = min(defaultTest, (1-d.ValidationRate)/2)
	}
	if fresh := float64(o.new) / float64(d.TotalMsg); d.TestRate+d.ValidationRate > fresh {
		shrink := fresh / (d.TestRate + d.ValidationRate)
		d.TestRate *= shrink
		d.ValidationRate *= shrink
	}
	return d
}

// drifted lets the deployments train again that wait for a drift of another's stream.
func drifted(tx *registry.Tx, deployment int64) error {
	page, err := tx.Deployments(registry.Query{By: map[string]int64{"scheduled": 1}})
	for _, dep := range page.Items {
		if err == nil && dep.OnDriftOf == deployment && !dep.Retraining.Drifted {
			dep.Retraining.Drifted = true
			err = told(tx, dep)
		}
	}
	return err
}

// unschedule ends the schedule of a deployment that is stopped.
func unschedule(tx *registry.Tx, dep pipeline.Deployment) error {
	if dep.Retraining == nil || dep.Retraining.Ended {
		return nil
	}
	r := dep.Retraining
	r.Ended, r.Due, r.Blocked, r.Drifted = true, nil, nil, false
	return tx.UpdateDeployment(&dep)
}

// sent notes the stream that a person sent to a deployment with a schedule.
func sent(tx *registry.Tx, deployment int64, d pipeline.Datasource) error {
	dep, err := tx.Deployment(deployment)
	if err != nil || d.Scheduled || dep.Retraining == nil {
		return err
	}
	dep.Retraining.Source = d.ID
	return tx.UpdateDeployment(&dep)
}
