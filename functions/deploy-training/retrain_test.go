package deploytraining

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// looks has the schedules be looked at, as the loop does every few seconds.
func (m *machine) looks(t *testing.T) {
	t.Helper()
	if err := m.retrain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// deployment reads deployment 1.
func (r *rig) deployment(t *testing.T) pipeline.Deployment {
	t.Helper()
	return want[pipeline.Deployment](t, r, http.StatusOK, "GET", "/deployments/1", nil)
}

func opened(c *stream.Cluster) func(context.Context) (*stream.Cluster, error) {
	return func(context.Context) (*stream.Cluster, error) { return c, nil }
}

func done(r pipeline.Result) bool { return r.Status == pipeline.ResultFinished }

// TestTrainsAgainEveryRecords lets a deployment train again by itself once enough
// records have come, on a window of the log, and holds its model against the one that
// has the alias, both on the newest records. Between the two trainings, and during the
// second, another deployment goes on from the first one's result, record by record.
func TestTrainsAgainEveryRecords(t *testing.T) {
	m := newMachine(t)
	m.model(t)
	want[pipeline.Deployment](t, m.rig, http.StatusCreated, "POST", "/deployments", map[string]any{
		"configuration": 1, "batch_size": 10, "training_kwargs": "epochs=10", "every": "100records", "window": "400 records", "alias": "small@champion",
	})
	d := m.points(t, 1, 500)
	m.arrives(t, d)
	m.until(t, "it is finished", done)
	first := m.deployment(t)
	if got := first.Retraining.Decisions; len(got) != 1 || !got[0].Promoted || got[0].Challenger != 1 || got[0].Champion != 0 || got[0].Alias != "small@champion" || got[0].Records != 50 {
		t.Fatalf("the first: %+v", got)
	}
	want[pipeline.Deployment](t, m.rig, http.StatusCreated, "POST", "/deployments", map[string]any{
		"configuration": 1, "batch_size": 10, "training_kwargs": "steps_per_epoch=5", "mode": "stream", "from": 1,
	})
	since := d
	since.ID, since.Deployment, since.Open, since.Ranges = 0, 2, true, []pipeline.Range{{Topic: d.Ranges[0].Topic, Offset: 500}}
	m.write(t, func(tx *registry.Tx) error { return tx.CreateDatasource(&since) })
	m.arrives(t, since)
	m.produce(t, d.Ranges[0].Topic, 99, 3)
	m.looks(t)
	if got := m.deployment(t); len(got.Results) != 1 || got.Retraining.New != 99 || got.Retraining.Runs != 0 {
		t.Fatalf("before it is due: %+v", got.Retraining)
	}
	m.produce(t, d.Ranges[0].Topic, 1, 4)
	m.looks(t)
	m.looks(t) // which changes nothing: it trains
	r := m.untilOf(t, 3, "the second is finished", done)
	m.untilOf(t, 2, "the stream is learned from", func(r pipeline.Result) bool { return r.EpochsDone >= 2 })
	m.call(t, "POST", "/results/2/stop", nil)
	if between := m.untilOf(t, 2, "it ended", done); between.Parent != 1 || between.Lineage.Records != 100 || between.Lineage.Ranges[0].Offset != 500 || between.Metrics.Training["accuracy"] < 0.8 {
		t.Errorf("between the two: %+v, %+v", between.Lineage, between.Metrics)
	}
	now := m.deployment(t)
	if r.Datasource != 3 || r.Lineage.Records != 400 || r.Lineage.Ranges[0].Offset != 200 || len(now.Results) != 2 {
		t.Errorf("the second: %+v of %v", r.Lineage, now.Results)
	}
	if kept := r.Split.Test.Records + r.Split.Validation.Records; kept > 100 || r.Split.Test.Records < 30 {
		t.Errorf("%+v are kept back, though 100 are new", r.Split)
	}
	got := now.Retraining.Decisions
	if len(got) != 2 {
		t.Fatalf("decisions: %+v", got)
	}
	second := got[1]
	if second.Challenger != 3 || second.Champion != 1 || second.Metric != "accuracy" || second.Value == nil || second.Held == nil || second.Datasource != 3 || second.Records != r.Split.Test.Records {
		t.Fatalf("the second decision: %+v", second)
	}
	if second.Promoted != (*second.Value > *second.Held) {
		t.Errorf("%v against %v: %+v", *second.Value, *second.Held, second)
	}
	champion := m.result(t, 1+map[bool]int64{true: 2}[second.Promoted])
	if len(champion.Aliases) != 1 || champion.Aliases[0] != "champion" {
		t.Errorf("the champion is %+v", champion)
	}
	all, err := m.Store.Events(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	decided := 0
	for _, e := range all {
		if e.Event.Type() == eventing.DeploymentDecided {
			decided++
		}
	}
	if decided != 2 {
		t.Errorf("%d decisions were told", decided)
	}
	m.looks(t)
	if got := m.deployment(t); got.Retraining.Runs != 1 || len(got.Results) != 2 {
		t.Errorf("it trained again without new records: %+v", got.Retraining)
	}
	m.call(t, "POST", "/deployments/1/stop", nil)
	m.produce(t, d.Ranges[0].Topic, 200, 5)
	m.looks(t)
	if got := m.deployment(t); got.Retraining.Runs != 1 || !got.Retraining.Ended {
		t.Errorf("it trained after it was stopped: %+v", got.Retraining)
	}
}

// lively is a rig whose schedules look at a real log, and a deployment that is to train
// again every 10 records, on the last 50, with a first stream of 100 on two partitions.
func lively(t *testing.T, r *rig, more map[string]any) (c *stream.Cluster, d pipeline.Datasource) {
	t.Helper()
	c = streamtest.Cluster(t)
	r.Kafka = opened(c)
	image := image
	image.Monitors = map[string]pipeline.MetricMode{"loss": pipeline.ModeMin, "accuracy": pipeline.ModeMax, "val_loss": pipeline.ModeMin, "own": ""}
	form := map[string]any{"configuration": r.configuration(t, image), "batch_size": 10, "every": "10records", "window": "50records", "alias": "champion"}
	for name, v := range more {
		form[name] = v
	}
	r.deployFrom(t, form)
	topic := streamtest.Topic(t, c, 2)
	ids, err := c.TopicIDs(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	d = r.stream(t, 1, 0)
	d.Ranges, d.TestRate, d.TopicIDs = nil, 0.1, ids
	for p := range 2 {
		pixels(t, c, topic, p, 50)
		d.Ranges = append(d.Ranges, pipeline.Range{Topic: topic, Partition: p, Length: 50})
	}
	r.write(t, func(tx *registry.Tx) error { return tx.UpdateDatasource(&d) })
	r.arrives(t, d)
	return c, d
}

func pixels(t *testing.T, c *stream.Cluster, topic string, partition, n int) {
	t.Helper()
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{Key: make([]byte, 4), Value: make([]byte, 4)}
	}
	if _, err := c.Produce(t.Context(), topic, partition, records); err != nil {
		t.Fatal(err)
	}
}

// endsWith finishes the present attempt of a result with what it and the champion came to.
func (r *rig) endsWith(t *testing.T, id int64, accuracy float64, contest *pipeline.Contest) {
	t.Helper()
	attempt := r.result(t, id).Attempt
	r.stored(t, id, attempt)
	r.deliver(t, eventing.TrainingFinished, id, pipeline.Outcome{
		Result: id, Attempt: attempt, Artifact: pipeline.ResultArtifact(id, attempt), Contest: contest,
		Metrics: pipeline.SplitMetrics{Test: pipeline.Metrics{"accuracy": accuracy}}, Split: &pipeline.SplitAudit{Test: pipeline.SplitCount{Records: 5}},
	})
}

// TestReplicasTrainAgainOnce has several replicas look at one schedule at the same
// time, over and over: each training that is due begins once, also where the one that
// began it is killed before it has started the Job.
func TestReplicasTrainAgainOnce(t *testing.T) {
	jobs := &recorder{running: map[string]platform.Job{}}
	database := registrytest.Postgres(t)
	one, other := rigOn(t, database, jobs), rigOn(t, database, jobs)
	c, d := lively(t, one, nil)
	other.Kafka = opened(c)
	one.ends(t, 1)
	for round := range int64(3) {
		before := one.deployment(t)
		pixels(t, c, d.Ranges[0].Topic, int(round%2), 10)
		var all sync.WaitGroup
		for _, r := range []*rig{one, other} {
			for range 4 {
				all.Go(func() {
					dep := r.deployment(t)
					if _, err := r.retrainOne(t.Context(), dep); err != nil { // killed before it has launched
						t.Error(err)
					}
				})
				all.Go(func() {
					if err := r.retrain(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		other.reconcile(t)
		dep := one.deployment(t)
		if int64(len(dep.Results)) != round+2 || dep.Retraining.Runs != int(round)+1 {
			t.Fatalf("after %d times 10 records: %v, %+v", round+1, dep.Results, dep.Retraining)
		}
		if want := fmt.Sprintf("train-%d-1", round+2); len(jobs.names()) != int(round)+2 || !slices.Contains(jobs.names(), want) {
			t.Fatalf("started %v, want %s", jobs.names(), want)
		}
		spec := jobs.running[fmt.Sprintf("train-%d-1", round+2)].Spec
		if pipeline.Records(spec.Ranges) != 50 || spec.Champion == nil || spec.Champion.Result != 1 || spec.Champion.Artifact != "results/1/attempt-1" {
			t.Errorf("it is told %+v, %+v", spec.Ranges, spec.Champion)
		}
		one.endsWith(t, round+2, 0.5, &pipeline.Contest{Champion: 1, Metrics: pipeline.Metrics{"accuracy": 0.6}})
		if late, err := other.retrainOne(t.Context(), before); err != nil || len(late) > 0 {
			t.Errorf("a replica that looked before and comes late began %v, %v", late, err)
		}
	}
	if got := one.result(t, 1).Aliases; len(got) != 1 {
		t.Errorf("result 1 has the aliases %v", got)
	}
}

// TestDecisions holds who gets the alias, and why; a report that comes twice decides
// once.
func TestDecisions(t *testing.T) {
	r := newRig(t)
	c, d := lively(t, r, map[string]any{"margin": 0.01})
	again := func() int64 {
		t.Helper()
		pixels(t, c, d.Ranges[0].Topic, 0, 10)
		if err := r.retrain(t.Context()); err != nil {
			t.Fatal(err)
		}
		dep := r.deployment(t)
		return dep.Results[len(dep.Results)-1]
	}
	decided := func(promoted bool, why string) pipeline.Decision {
		t.Helper()
		all := r.deployment(t).Retraining.Decisions
		got := all[len(all)-1]
		if got.Promoted != promoted || !strings.Contains(got.Reason, why) {
			t.Errorf("%+v, want promoted %v since %q", got, promoted, why)
		}
		return got
	}
	held := func(champion int64, accuracy float64) *pipeline.Contest {
		return &pipeline.Contest{Champion: champion, Metrics: pipeline.Metrics{"accuracy": accuracy}}
	}
	r.endsWith(t, 1, 0.5, nil)
	decided(true, "no result had the alias")
	id := again()
	r.endsWith(t, id, 0.605, held(1, 0.6))
	if got := decided(false, "accuracy 0.605 is not better than 0.6 of result 1 by more than 0.01"); *got.Value != 0.605 || *got.Held != 0.6 || got.Records != 5 || got.Alias != "m1@champion" {
		t.Errorf("%+v", got)
	}
	id = again()
	r.endsWith(t, id, 0.7, held(1, 0.6))
	decided(true, "accuracy 0.7 is better than 0.6 of result 1 by more than 0.01")
	r.endsWith(t, id, 0.7, held(1, 0.6)) // the answer was lost
	if n := len(r.deployment(t).Retraining.Decisions); n != 3 {
		t.Errorf("%d decisions", n)
	}
	best := id
	id = again()
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/alias", map[string]any{"alias": "champion"})
	r.endsWith(t, id, 0.9, held(best, 0.6))
	decided(false, "the alias was moved to result 1 after the training had begun")
	id = again()
	r.endsWith(t, id, 0.9, &pipeline.Contest{Champion: 1, Reason: "its trained model is not in the store any more"})
	decided(false, "result 1 could not be measured: its trained model is not in the store any more")
	if got := r.result(t, 1).Aliases; len(got) != 1 {
		t.Errorf("result 1 has the aliases %v", got)
	}
}

// TestLosersAreDeleted holds that of the results that were not better the newest are
// kept, and of the older ones those that somebody has a use for; what was decided of them
// stays told.
func TestLosersAreDeleted(t *testing.T) {
	r := newRig(t)
	c, d := lively(t, r, map[string]any{"keep_losing": 2})
	r.endsWith(t, 1, 0.9, nil)
	var lost []int64
	for i := range 9 {
		pixels(t, c, d.Ranges[0].Topic, 0, 10)
		if err := r.retrain(t.Context()); err != nil {
			t.Fatal(err)
		}
		dep := r.deployment(t)
		id := dep.Results[len(dep.Results)-1]
		r.endsWith(t, id, 0.5, &pipeline.Contest{Champion: 1, Metrics: pipeline.Metrics{"accuracy": 0.9}})
		lost = append(lost, id)
		path := fmt.Sprintf("/results/%d", id)
		switch i {
		case 0:
			want[pipeline.Result](t, r, http.StatusOK, "POST", path+"/alias", map[string]any{"alias": "tried"})
		case 1:
			want[pipeline.Result](t, r, http.StatusOK, "PATCH", path, map[string]any{"tags": map[string]any{"kept": "yes"}})
		case 2:
			r.write(t, func(tx *registry.Tx) error {
				child := pipeline.Result{Model: 1, ModelName: "m1", ModelVersion: 1, Parent: id, Status: pipeline.ResultFinished, Imported: &pipeline.Imported{}}
				return tx.CreateResult(&child)
			})
		case 3: // rolled back from it
			want[pipeline.Result](t, r, http.StatusOK, "POST", path+"/alias", map[string]any{"alias": "champion"})
			want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/alias", map[string]any{"alias": "champion"})
		case 4:
			r.write(t, func(tx *registry.Tx) error {
				served := pipeline.Inference{Name: "served", Result: id, Replicas: 1, MaxReplicas: 1, InputTopic: "in", OutputTopic: "out", InputFormat: pipeline.RAW, InputConfig: json.RawMessage("{}")}
				return tx.CreateInference(&served)
			})
		}
	}
	for i, id := range lost {
		status, text := r.call(t, "GET", fmt.Sprintf("/results/%d", id), nil)
		if gone := status == http.StatusNotFound; gone != (i == 5 || i == 6) || gone == r.has(t, id, 1) {
			t.Errorf("loser %d: %d %s; its model is stored: %v", i+1, status, text, r.has(t, id, 1))
		}
	}
	var window pipeline.Datasource
	r.write(t, func(tx *registry.Tx) (err error) {
		window, err = tx.Datasource(d.ID + 6)
		return err
	})
	before := r.deployment(t).Results
	if r.arrives(t, window); !window.Scheduled || !slices.Equal(r.deployment(t).Results, before) { // told again, late
		t.Errorf("a window whose result is gone trains again: %v, before %v", r.deployment(t).Results, before)
	}
	if got := r.deployment(t).Retraining; len(got.Decisions) != 10 || got.Runs != 9 {
		t.Errorf("%d decisions of %d trainings", len(got.Decisions), got.Runs)
	}
}

// TestScheduleBlocked holds what a schedule says that cannot train, and that it goes on
// when it can.
func TestScheduleBlocked(t *testing.T) {
	r := newRig(t)
	c, d := lively(t, r, map[string]any{"every": "1 ms"})
	r.ends(t, 1)
	looks := func() *pipeline.Retraining {
		t.Helper()
		if err := r.retrain(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r.deployment(t).Retraining
	}
	if got := looks(); got.Runs != 0 || got.Blocked == nil || !strings.Contains(got.Blocked.Reason, "no record has come") {
		t.Errorf("with nothing new: %+v", got)
	}
	pixels(t, c, d.Ranges[0].Topic, 0, 1)
	if got := looks(); got.Runs != 1 || got.Blocked != nil {
		t.Errorf("with a record more: %+v", got)
	}
	if err := r.Store.Do(t.Context(), func(tx *registry.Tx) error {
		source, err := tx.Datasource(d.ID)
		if err == nil {
			source.TopicIDs = map[string]string{d.Ranges[0].Topic: "00000000-0000-0000-0000-000000000001"}
			err = tx.UpdateDatasource(&source)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r.ends(t, 2)
	if got := looks(); got.Runs != 1 || got.Blocked == nil || !strings.Contains(got.Blocked.Reason, "was made anew") || got.Blocked.Hint == "" {
		t.Errorf("with a topic that was made anew: %+v", got)
	}
}

// TestScheduleByTime holds that a schedule by time counts from when the last training
// began, else from when the stream came, whoever looks and whenever it was started.
func TestScheduleByTime(t *testing.T) {
	r := newRig(t)
	c, d := lively(t, r, map[string]any{"every": "1h"})
	r.ends(t, 1)
	pixels(t, c, d.Ranges[0].Topic, 0, 10)
	due := func(dep pipeline.Deployment, begun time.Time) {
		t.Helper()
		source, found, err := r.sourceOf(t.Context(), dep)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		for after, want := range map[time.Duration]bool{time.Minute: false, time.Hour - time.Millisecond: false, time.Hour: true, 48 * time.Hour: true} {
			o, err := r.look(t.Context(), dep, source, begun.Add(after))
			if err != nil || (o.window != nil) != want || !o.due.Equal(begun.Add(time.Hour)) {
				t.Errorf("%v after: a window of %v, due at %v, begun at %v: %v", after, o.window, o.due, begun, err)
			}
		}
	}
	dep := r.deployment(t)
	r.write(t, func(tx *registry.Tx) (err error) {
		d, err = tx.Datasource(d.ID)
		return err
	})
	due(dep, d.Received)
	last := d.Received.Add(90 * time.Minute)
	dep.Retraining.Last = &last
	due(dep, last)
}

// TestScheduleRefused holds what a schedule is refused for.
func TestScheduleRefused(t *testing.T) {
	r := newRig(t)
	lively(t, r, nil)
	for name, test := range map[string]struct {
		more  map[string]any
		field string
	}{
		"no extent":             {map[string]any{"every": "often"}, "every"},
		"no records":            {map[string]any{"every": "0 records"}, "every"},
		"a window of nothing":   {map[string]any{"every": "24h", "window": "-5d"}, "window"},
		"a window alone":        {map[string]any{"window": "7d"}, "window"},
		"of mode stream":        {map[string]any{"every": "24h", "mode": "stream"}, "mode"},
		"a metric alone":        {map[string]any{"metric": "accuracy"}, "alias"},
		"an unknown metric":     {map[string]any{"alias": "champion", "metric": "auc"}, "metric"},
		"one of validation":     {map[string]any{"alias": "champion", "metric": "val_loss"}, "metric"},
		"one of no direction":   {map[string]any{"alias": "champion", "metric": "own"}, "metric"},
		"a margin below 0":      {map[string]any{"alias": "champion", "margin": -1}, "margin"},
		"another model's alias": {map[string]any{"alias": "other@champion"}, "alias"},
		"no such deployment":    {map[string]any{"on_drift_of": 99, "window": "7d"}, "on_drift_of"},
		"one without drifts":    {map[string]any{"on_drift_of": 1, "window": "7d"}, "on_drift_of"},
		"a drift, no window":    {map[string]any{"on_drift_of": 1}, "window"},
	} {
		form := map[string]any{"configuration": 1, "batch_size": 10}
		for name, v := range test.more {
			form[name] = v
		}
		status, text := r.call(t, "POST", "/deployments", form)
		var p problem
		if err := json.Unmarshal(text, &p); err != nil || status != http.StatusUnprocessableEntity || p.Field != test.field {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
}

// TestTrainsAgainOnADrift lets a deployment train on a window of the stream in which
// another one has found a drift, once for however many.
func TestTrainsAgainOnADrift(t *testing.T) {
	r := newRig(t)
	c := streamtest.Cluster(t)
	r.Kafka = opened(c)
	topic := streamtest.Topic(t, c, 1)
	pixels(t, c, topic, 0, 100)
	of := r.configuration(t, image)
	r.deployFrom(t, map[string]any{"configuration": of, "batch_size": 10, "mode": "stream", "drift": "adwin"})
	waiting := r.deployFrom(t, map[string]any{"configuration": of, "batch_size": 10, "on_drift_of": 1, "window": "40records"})
	d := r.stream(t, 1, 0)
	d.Open, d.Ranges = true, []pipeline.Range{{Topic: topic, Length: 0}}
	r.write(t, func(tx *registry.Tx) error { return tx.UpdateDatasource(&d) })
	r.arrives(t, d)
	looks := func() pipeline.Deployment {
		t.Helper()
		if err := r.retrain(t.Context()); err != nil {
			t.Fatal(err)
		}
		return want[pipeline.Deployment](t, r, http.StatusOK, "GET", fmt.Sprintf("/deployments/%d", waiting.ID), nil)
	}
	if got := looks(); got.Retraining.Runs != 0 {
		t.Fatalf("before a drift: %+v", got.Retraining)
	}
	r.deliver(t, eventing.TrainingProgressed, 1, pipeline.Progress{
		Result: 1, Attempt: 1, Records: 90, Epochs: epochs(1, 1), Drifts: []pipeline.Drift{{Records: 50, Epoch: 1}, {Records: 80, Epoch: 1}},
	})
	got := looks()
	spec := r.jobs.running["train-2-1"].Spec
	if got.Retraining.Runs != 1 || got.Retraining.Drifted || len(got.Results) != 1 || len(spec.Ranges) != 1 || spec.Ranges[0] != (pipeline.Range{Topic: topic, Offset: 60, Length: 40}) || spec.Following != nil {
		t.Fatalf("after it: %+v, told %+v", got.Retraining, spec.Ranges)
	}
	r.ends(t, 2)
	if got := looks(); got.Retraining.Runs != 1 {
		t.Errorf("without another one: %+v", got.Retraining)
	}
}
