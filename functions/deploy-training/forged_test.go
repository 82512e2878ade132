package deploytraining

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// What a training reports is taken from its own process alone, while it trains.
// The examples: accuracy 1 in epoch 99,999, and the failure of a result
// whose process runs on.
func TestAttackForgedFactOfATraining(t *testing.T) {
	r := newRig(t)
	d := r.deploy(t, r.configuration(t, image))
	r.arrives(t, r.stream(t, d.ID, 0))
	facts := map[string]any{
		eventing.TrainingProgressed: pipeline.Progress{Result: 1, Attempt: 1, Epochs: []pipeline.Epoch{{Epoch: 99_999, Training: pipeline.Metrics{"accuracy": 1}}}},
		eventing.TrainingFinished:   pipeline.Outcome{Result: 1, Attempt: 1, Artifact: "models/1"},
		eventing.TrainingFailed:     pipeline.Outcome{Result: 1, Attempt: 1, Reason: "forged"},
	}
	for _, c := range []struct {
		from   string
		status int
	}{
		{"", http.StatusUnauthorized},
		{identity.Job(2, 1), http.StatusForbidden},
		{identity.Job(1, 2), http.StatusForbidden},
		{identity.Step(pipeline.StepControlLog), http.StatusForbidden},
		{"token:root", http.StatusForbidden},
	} {
		for typ, data := range facts {
			if status, body := r.fact(t, c.from, typ, 1, data); status != c.status {
				t.Errorf("%s from %q: %d: %s", typ, c.from, status, body)
			}
		}
	}
	if got := r.result(t, 1); got.Status != pipeline.ResultScheduled || got.EpochsDone != 0 || got.Metrics.Training != nil {
		t.Fatalf("forged facts left %+v", got)
	}
	token := strings.TrimPrefix(r.jobs.running["train-1-1"].Env[1], "KAFKAML_JOB_TOKEN=")
	if p, err := signer.Verify(t.Context(), token); err != nil || p.ID != identity.Job(1, 1) || p.Role != identity.Nobody {
		t.Errorf("the Job's token is of %+v, %v", p, err)
	}
}

// A token lasts as long as its attempt.
func TestAttackFactOfAnAttemptThatIsOver(t *testing.T) {
	r := newRig(t)
	d := r.deploy(t, r.configuration(t, image))
	r.arrives(t, r.stream(t, d.ID, 0))
	failed := pipeline.Outcome{Result: 1, Attempt: 1, Reason: "no memory"}
	r.deliver(t, eventing.TrainingFailed, 1, failed)
	r.deliver(t, eventing.TrainingFailed, 1, failed) // its answer was lost
	late := pipeline.Progress{Result: 1, Attempt: 1, Epochs: []pipeline.Epoch{{Epoch: 3, Training: pipeline.Metrics{"accuracy": 1}}}}
	r.tooLate(t, eventing.TrainingProgressed, 1, late)
	r.tooLate(t, eventing.TrainingFinished, 1, pipeline.Outcome{Result: 1, Attempt: 1, Artifact: "models/1"})
	r.tooLate(t, eventing.TrainingFailed, 1, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "another reason"})
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/retry", nil)
	r.tooLate(t, eventing.TrainingProgressed, 1, late)
	r.tooLate(t, eventing.TrainingFailed, 1, failed)
	if got := r.result(t, 1); got.Status != pipeline.ResultScheduled || got.Attempt != 2 || got.EpochsDone != 0 {
		t.Errorf("the retry is %+v", got)
	}
}

// A stream is announced by control-log alone, under whatever id others use
// before: a datasource that was claimed trained nothing, for ever.
func TestAttackForgedFactOfAStream(t *testing.T) {
	r := newRig(t)
	d := r.deploy(t, r.configuration(t, image))
	stream := r.stream(t, d.ID, 0)
	for _, from := range []string{"", identity.Job(1, 1), "token:root"} {
		status, body := r.fact(t, from, eventing.DatasourceReceived, stream.ID, stream)
		if status != http.StatusUnauthorized && status != http.StatusForbidden {
			t.Errorf("from %q: %d: %s", from, status, body)
		}
	}
	for _, typ := range []string{eventing.DatasourceReceived, eventing.DeploymentStop} {
		claim := eventing.New(typ, "/kafkaml/control-log", "77", map[string]any{})
		claim.SetID(fmt.Sprintf("datasource-%d", stream.ID))
		req, err := eventing.NewRequest(t.Context(), r.url, claim)
		if err != nil {
			t.Fatal(err)
		}
		do(t, req)
	}
	if len(r.jobs.names()) != 0 {
		t.Fatalf("%v were started by forged facts", r.jobs.names())
	}
	fact := eventing.New(eventing.DatasourceReceived, "/kafkaml/control-log", fmt.Sprint(stream.ID), stream)
	fact.SetID(fmt.Sprintf("datasource-%d", stream.ID))
	req, err := eventing.NewRequest(t.Context(), r.url, fact)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+signer.Token(identity.Step(pipeline.StepControlLog), time.Minute))
	if status, body := do(t, req); status/100 != 2 || len(r.jobs.names()) != 1 {
		t.Errorf("the honest fact: %d: %s; started %v", status, body, r.jobs.names())
	}
}

// A process that has reported its end and stays is ended: it would hold its
// place for good. So it would for hours where the clock was set back meanwhile.
func TestAttackTrainingThatStaysAfterItsOutcome(t *testing.T) {
	for name, ended := range map[string]time.Duration{"long ago": -2 * leaveTime, "in the future": time.Hour} {
		t.Run(name, func(t *testing.T) { staysAfterItsOutcome(t, ended) })
	}
}

func staysAfterItsOutcome(t *testing.T, ended time.Duration) {
	r := newRig(t)
	d := r.deploy(t, r.configuration(t, image))
	r.arrives(t, r.stream(t, d.ID, 0))
	r.deliver(t, eventing.TrainingFailed, 1, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "it says so"})
	runs := func() bool {
		t.Helper()
		if err := r.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		names, _ := r.jobs.Running(t.Context())
		return len(names) > 0
	}
	if !runs() {
		t.Error("it was ended while it may still leave by itself")
	}
	r.write(t, func(tx *registry.Tx) error {
		result, err := tx.Result(1)
		if err != nil {
			return err
		}
		at := time.Now().Add(ended)
		result.Finished = &at
		return tx.UpdateResult(&result)
	})
	if runs() {
		t.Error("it still holds its place")
	}
}
