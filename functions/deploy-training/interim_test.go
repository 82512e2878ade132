package deploytraining

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// reporting is a model whose metrics may be monitored.
func reporting() pipeline.Export {
	e := image
	e.Monitors = map[string]pipeline.MetricMode{"loss": "min", "accuracy": "max", "own": "", "val_loss": "min", "val_accuracy": "max"}
	return e
}

// yields is a rig whose result 1 follows a stream, and what tells of its nth result.
func yields(t *testing.T) (r *rig, tell func(attempt, n int)) {
	t.Helper()
	r = newRig(t)
	want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", map[string]any{
		"configuration": r.configuration(t, reporting()), "batch_size": 10, "mode": "stream", "monitor": "accuracy", "improvement": 0.05,
	})
	r.arrives(t, r.stream(t, 1, 0))
	return r, func(attempt, n int) {
		t.Helper()
		for _, f := range kerasmodel.Kind().Bundle.Formats {
			if err := r.Artifacts.Put(t.Context(), pipeline.InterimArtifact(1, n, attempt)+"/"+f.Blob, bytes.NewReader([]byte(f.Blob))); err != nil {
				t.Fatal(err)
			}
		}
		r.deliver(t, eventing.TrainingYielded, 1, yield(attempt, n))
	}
}

func yield(attempt, n int) pipeline.Yield {
	return pipeline.Yield{Number: n, By: attempt, Outcome: pipeline.Outcome{
		Result: 1, Attempt: attempt, Artifact: pipeline.InterimArtifact(1, n, attempt), Split: &pipeline.SplitAudit{},
		Metrics: pipeline.SplitMetrics{Training: pipeline.Metrics{"accuracy": 0.5 + float64(n)/100}},
		Lineage: pipeline.Lineage{WeightsHash: "w", Ranges: []pipeline.Range{{Topic: "pixels", Length: int64(100 * n)}}},
	}}
}

// given are the results that result 1 has given, by their numbers.
func (r *rig) given(t *testing.T) map[int]pipeline.Result {
	t.Helper()
	all := map[int]pipeline.Result{}
	for _, one := range want[struct{ Items []pipeline.Result }](t, r, http.StatusOK, "GET", "/results?parent=1&limit=1000", nil).Items {
		all[one.Interim] = one
	}
	return all
}

// TestResultsOnTheWay holds that what a training tells of becomes a finished result,
// once, also where another attempt tells of it again, and that the training goes on.
func TestResultsOnTheWay(t *testing.T) {
	r, tell := yields(t)
	if when := r.jobs.running["train-1-1"].Spec.Following.Interim; when != (pipeline.Interim{Monitor: "accuracy", Change: pipeline.ChangeUp, Improvement: 0.05}) {
		t.Errorf("the training was told %+v", when)
	}
	tell(1, 1)
	tell(1, 1)
	r.jobs.vanish("train-1-1")
	r.progress(t, 1, 1, 1)
	if err := r.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if given := r.jobs.running["train-1-2"].Spec.Following.Given; given != 1 {
		t.Errorf("the attempt that follows knows of %d results", given)
	}
	if status, body := r.fact(t, identity.Job(1, 2), eventing.TrainingYielded, 1, reported(yield(1, 1))); status/100 != 2 {
		t.Errorf("told again by another attempt: %d %s", status, body)
	}
	tell(2, 2)
	given := r.given(t)
	if len(given) != 2 || given[2].ID != 3 {
		t.Fatalf("%d results: %+v", len(given), given)
	}
	one := given[1]
	if one.Status != pipeline.ResultFinished || one.Parent != 1 || one.Artifact != pipeline.InterimArtifact(1, 1, 1) || one.Metrics.Training["accuracy"] != 0.51 ||
		one.Lineage.Ranges[0].Length != 100 || one.Lineage.SourceHash != "h" || len(one.Formats) == 0 || one.Deployment != 1 || one.Datasource != 1 {
		t.Errorf("%+v", one)
	}
	if of := r.result(t, 1); of.Status != pipeline.ResultScheduled || of.Interims != 2 {
		t.Errorf("the training: %+v", of)
	}
	r.tooLate(t, eventing.TrainingYielded, 1, yield(1, 3))
}

// reported is what the attempt after tells.
func reported(y pipeline.Yield) pipeline.Yield {
	y.Attempt++
	return y
}

// TestLastResultsOnTheWayAreKept holds that of more than 20 the older are deleted with
// their models, but for those that somebody has a use for.
func TestLastResultsOnTheWayAreKept(t *testing.T) {
	r, tell := yields(t)
	for n := range pipeline.KeptInterims {
		tell(1, n+1)
	}
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/3/alias", map[string]any{"alias": "champion"})
	want[pipeline.Result](t, r, http.StatusOK, "PATCH", "/results/4", map[string]any{"notes": "before the sale"})
	for n := range 4 {
		tell(1, pipeline.KeptInterims+n+1)
	}
	kept := slices.Sorted(maps.Keys(r.given(t)))
	if len(kept) != pipeline.KeptInterims+2 || kept[0] != 2 || kept[1] != 3 || kept[2] != 5 {
		t.Errorf("kept %v", kept)
	}
	for n, there := range map[int]bool{1: false, 2: true, 3: true, 4: false, 5: true} {
		if ok, err := r.Artifacts.Exists(t.Context(), pipeline.InterimArtifact(1, n, 1)+"/savedmodel.zip"); err != nil || ok != there {
			t.Errorf("the model of result %d is there: %v, %v", n, ok, err)
		}
	}
}

// TestSweepKnowsResultsOnTheWay holds that a model which no result has is removed once
// its training has ended, and no other one.
func TestSweepKnowsResultsOnTheWay(t *testing.T) {
	r, tell := yields(t)
	tell(1, 1)
	stray := pipeline.InterimArtifact(1, 2, 1) + "/savedmodel.zip"
	if err := r.Artifacts.Put(t.Context(), stray, strings.NewReader("stray")); err != nil {
		t.Fatal(err)
	}
	for _, goes := range []bool{true, false} {
		if !goes {
			want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/stop", nil)
		}
		if err := r.sweep(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		untold, err := r.Artifacts.Exists(t.Context(), stray)
		told, err2 := r.Artifacts.Exists(t.Context(), pipeline.InterimArtifact(1, 1, 1)+"/savedmodel.zip")
		if err != nil || err2 != nil || untold != goes || !told {
			t.Errorf("the training goes on: %v; left are %v %v, %v %v", goes, untold, told, err, err2)
		}
	}
}

// TestMonitorRefused holds what may not be monitored, by the member at fault and with
// what may be.
func TestMonitorRefused(t *testing.T) {
	r := newRig(t)
	c := r.configuration(t, reporting())
	for name, test := range map[string]struct {
		more        map[string]any
		field, hint string
	}{
		"of validation":   {map[string]any{"monitor": "val_accuracy"}, "monitor", "monitor accuracy"},
		"unknown metric":  {map[string]any{"monitor": "auc"}, "monitor", "accuracy, loss, own"},
		"as Kafka-ML":     {map[string]any{"monitoring_metric": "auc"}, "monitor", "accuracy, loss, own"},
		"no direction":    {map[string]any{"monitor": "own"}, "change", "up"},
		"no metric":       {map[string]any{"change": "up"}, "monitor", "metric"},
		"unknown change":  {map[string]any{"monitor": "loss", "change": "sideways"}, "change", "schema"},
		"worse by half":   {map[string]any{"monitor": "loss", "improvement": -0.5}, "improvement", ""},
		"of once":         {map[string]any{"monitor": "loss", "mode": "once"}, "monitor", "stream"},
		"of once, too":    {map[string]any{"result_records": 5, "mode": "rounds"}, "result_records", "stream"},
		"of no minutes":   {map[string]any{"result_minutes": -1}, "result_minutes", ""},
		"minutes of once": {map[string]any{"result_minutes": 1, "mode": "once"}, "result_minutes", "stream"},
	} {
		form := map[string]any{"configuration": c, "batch_size": 10, "mode": "stream"}
		maps.Copy(form, test.more)
		p := want[problem](t, r, http.StatusUnprocessableEntity, "POST", "/deployments", form)
		if p.Field != test.field || !strings.Contains(p.Hint, test.hint) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for change, form := range map[pipeline.Change]map[string]any{
		pipeline.ChangeUp:   {"monitor": "own", "change": "up", "mode": "stream"},
		pipeline.ChangeDown: {"incremental": true, "indefinite": true, "monitoring_metric": "loss", "improvement": 0.1},
	} {
		form["configuration"] = c
		form["batch_size"] = 10
		if d := want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", form); d.Change != change || d.Monitor == "" {
			t.Errorf("%v gives %+v", form, d)
		}
	}
}
