package deploytraining

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// training brings result 1 to its first attempt on a stream.
func training(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.deploy(t, r.configuration(t, image))
	r.arrives(t, r.stream(t, 1, 0))
	return r
}

// epochs are the reports of epochs first to last.
func epochs(first, last int) []pipeline.Epoch {
	var all []pipeline.Epoch
	for n := first; n <= last; n++ {
		all = append(all, pipeline.Epoch{Epoch: n, Training: pipeline.Metrics{"loss": 1 / float64(n)}, Seconds: 0.5})
	}
	return all
}

func (r *rig) progress(t *testing.T, attempt, first, last int) {
	t.Helper()
	r.deliver(t, eventing.TrainingProgressed, 1, pipeline.Progress{Result: 1, Attempt: attempt, Stage: "training", Epochs: epochs(first, last)})
}

func (r *rig) finish(t *testing.T, attempt int) {
	t.Helper()
	r.deliver(t, eventing.TrainingFinished, 1, pipeline.Outcome{
		Result: 1, Attempt: attempt, Engine: kerasmodel.XLA, Artifact: "../../etc", Seconds: 2,
		Metrics: pipeline.SplitMetrics{Test: pipeline.Metrics{"accuracy": 0.5}},
	})
}

func TestTrainingFinishes(t *testing.T) {
	r := training(t)
	r.progress(t, 1, 1, 2)
	got := r.result(t, 1)
	if got.Status != pipeline.ResultRunning || got.EpochsDone != 2 || got.Metrics.Training["loss"] != 0.5 || got.Started == nil {
		t.Errorf("while training: %+v", got)
	}
	waits := func(by *pipeline.Rejection, reason, hint string) {
		t.Helper()
		r.deliver(t, eventing.TrainingProgressed, 1, pipeline.Progress{Result: 1, Attempt: 1, Stage: "training", Waiting: by})
		if got := r.result(t, 1); got.Status != pipeline.ResultRunning || got.Reason != reason || got.Hint != hint {
			t.Errorf("waiting for %v: %+v", by, got)
		}
	}
	full := &pipeline.Rejection{Reason: "no space left on device", Hint: "free some"}
	waits(full, "waits: no space left on device", "free some")
	waits(nil, "", "")
	r.progress(t, 1, 2, 3) // epoch 2 once more
	waits(full, "waits: no space left on device", "free some")
	r.stored(t, 1, 1)
	r.keeps(t, 1)
	r.finish(t, 1)
	got = r.result(t, 1)
	if got.Status != pipeline.ResultFinished || got.Engine != kerasmodel.XLA || got.Artifact != "results/1/attempt-1" || got.EpochsDone != 3 || got.Metrics.Test["accuracy"] != 0.5 || got.Finished == nil || got.Reason+got.Hint != "" {
		t.Errorf("after training: %+v", got)
	}
	if r.kept(t, 1) {
		t.Error("the checkpoint of a finished result is left")
	}
	if d := want[pipeline.Deployment](t, r, http.StatusOK, "GET", "/deployments/1", nil); d.Status != pipeline.DeploymentFinished {
		t.Errorf("the deployment is %s", d.Status)
	}
	page := want[struct {
		Items []pipeline.Epoch
		Next  string
	}](t, r, http.StatusOK, "GET", "/results/1/metrics?after=1&limit=1", nil)
	if len(page.Items) != 1 || page.Items[0].Epoch != 2 || page.Next != "2" {
		t.Errorf("a page of epochs: %+v", page)
	}
}

func TestWhatEndedIsNotHeardAgain(t *testing.T) {
	r := training(t)
	r.stored(t, 1, 1)
	r.finish(t, 1)
	r.tooLate(t, eventing.TrainingFailed, 1, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "late"})
	r.tooLate(t, eventing.TrainingProgressed, 1, pipeline.Progress{Result: 1, Attempt: 1, Epochs: []pipeline.Epoch{{Epoch: 1}}})
	r.Ended(t.Context(), platform.Ended{Name: "train-1-1", Result: 1, Attempt: 1, Reason: "exit code 1", Log: "bye\n"})
	r.jobs.vanish("train-1-1")
	if got := r.result(t, 1); got.Status != pipeline.ResultFinished || got.Reason != "" {
		t.Errorf("got %+v", got)
	}
	if _, log := r.call(t, "GET", "/results/1/logs", nil); string(log) != "bye\n" {
		t.Errorf("the log is %q", log)
	}
	r.tooLate(t, eventing.TrainingFinished, 9, pipeline.Outcome{Result: 9, Attempt: 1, Artifact: "results/9/attempt-1"})
}

// Between the outcome and the end of its process a result has the log of that
// process, not none and not that of the attempt before.
func TestLogIsThereWithTheOutcome(t *testing.T) {
	r := training(t)
	log := func(want string) {
		t.Helper()
		if _, got := r.call(t, "GET", "/results/1/logs", nil); string(got) != want {
			t.Errorf("the log is %q, want %q", got, want)
		}
	}
	r.deliver(t, eventing.TrainingFailed, 1, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "range expired"})
	log("train-1-1 says hello\n")
	r.Ended(t.Context(), platform.Ended{Result: 1, Attempt: 1, Log: "the first is over\n"})
	r.jobs.vanish("train-1-1")
	log("the first is over\n")
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/retry", nil)
	r.stored(t, 1, 2)
	r.finish(t, 2)
	log("train-1-2 says hello\n")
	r.Ended(t.Context(), platform.Ended{Result: 1, Attempt: 2, OK: true, Log: "the second is over\n"})
	r.jobs.vanish("train-1-2")
	log("the second is over\n")
}

func TestStaleAttemptIsNotHeard(t *testing.T) {
	r := training(t)
	r.Ended(t.Context(), platform.Ended{Name: "train-1-1", Result: 1, Attempt: 1, Reason: "killed"})
	r.jobs.vanish("train-1-1")
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/retry", nil)
	r.tooLate(t, eventing.TrainingProgressed, 1, pipeline.Progress{Result: 1, Attempt: 1, Epochs: []pipeline.Epoch{{Epoch: 1}}})
	r.stored(t, 1, 1)
	r.tooLate(t, eventing.TrainingFinished, 1, pipeline.Outcome{Result: 1, Attempt: 1, Artifact: pipeline.ResultArtifact(1, 1)})
	if got := r.result(t, 1); got.Status != pipeline.ResultScheduled || got.Attempt != 2 || got.EpochsDone != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestFinishedWithoutAModelIsAFailure(t *testing.T) {
	r := training(t)
	r.finish(t, 1)
	if got := r.result(t, 1); got.Status != pipeline.ResultFailed || !strings.Contains(got.Reason, "no model") {
		t.Errorf("got %+v", got)
	}
}

func TestHowAProcessEndedIsTheReason(t *testing.T) {
	cases := map[string]struct {
		ended  platform.Ended
		reason string
	}{
		"killed":         {platform.Ended{Reason: "killed by signal 9", Hint: "memory?"}, "killed by signal 9"},
		"exit code":      {platform.Ended{Reason: "exit code 2"}, "exit code 2"},
		"silent":         {platform.Ended{}, "unexpectedly"},
		"without a word": {platform.Ended{OK: true}, "without reporting"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := training(t)
			c.ended.Result, c.ended.Attempt, c.ended.Log = 1, 1, "last words\n"
			r.Ended(t.Context(), c.ended)
			r.jobs.vanish("train-1-1")
			got := r.result(t, 1)
			if got.Status != pipeline.ResultFailed || !strings.Contains(got.Reason, c.reason) || got.Hint != c.ended.Hint {
				t.Errorf("got %+v", got)
			}
			if _, log := r.call(t, "GET", "/results/1/logs", nil); string(log) != "last words\n" {
				t.Errorf("the log is %q", log)
			}
		})
	}
}

func TestTrainingThatTellsWhyItFailed(t *testing.T) {
	r := training(t)
	r.deliver(t, eventing.TrainingFailed, 1, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "range expired", Hint: "send it again"})
	r.Ended(t.Context(), platform.Ended{Result: 1, Attempt: 1, Reason: "exit code 1"})
	if got := r.result(t, 1); got.Status != pipeline.ResultFailed || got.Reason != "range expired" || got.Hint != "send it again" {
		t.Errorf("got %+v", got)
	}
}

func TestDownload(t *testing.T) {
	r := training(t)
	p := want[problem](t, r, http.StatusConflict, "GET", "/results/1/model", nil)
	if p.Field != "status" {
		t.Errorf("before the end: %+v", p)
	}
	r.stored(t, 1, 1)
	r.finish(t, 1)
	for format, file := range map[string]string{"savedmodel": "m1-result-1.zip", "keras": "m1-result-1.keras"} {
		resp, err := http.Get(r.url + "/results/1/model?format=" + format)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		kept, _ := kerasmodel.Kind().Bundle.Format(format)
		if got := resp.Header.Get("Content-Disposition"); got != "attachment; filename="+file || string(body) != kept.Blob {
			t.Errorf("%s: %q with %q", format, got, body)
		}
	}
	want[problem](t, r, http.StatusUnprocessableEntity, "GET", "/results/1/model?format=h5", nil)
	if err := r.Artifacts.Delete(t.Context(), "results/1/attempt-1/model.keras"); err != nil {
		t.Fatal(err)
	}
	want[problem](t, r, http.StatusNotFound, "GET", "/results/1/model?format=keras", nil)
}
