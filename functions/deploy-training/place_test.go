package deploytraining

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// A deployment says where the first of its trainings stands in the queue.
func TestPlaceInTheQueue(t *testing.T) {
	r := newRig(t)
	c := r.configuration(t, image, image)
	r.deploy(t, c)
	r.deploy(t, c)
	r.deploy(t, c)
	r.jobs.queue = []string{"train-6-1", "train-4-1", "train-3-1"}
	page := want[registry.Page[pipeline.Deployment]](t, r, http.StatusOK, "GET", "/deployments", nil)
	for i, place := range []int{1, 2, 0} { // the newest first
		if d := page.Items[i]; d.Place != place {
			t.Errorf("deployment %d is at place %d, want %d", d.ID, d.Place, place)
		}
	}
	if d := want[pipeline.Deployment](t, r, http.StatusOK, "GET", "/deployments/2", nil); d.Place != 2 {
		t.Errorf("%+v", d)
	}
}

// A training and a verification say that they wait for their turn, as long as they do.
func TestWaitsForItsTurn(t *testing.T) {
	r := trained(t)
	verify := verifyName(1, r.verifies(t))
	r.deploy(t, 1)
	r.arrives(t, r.stream(t, 2, 0))
	reasons := func() (training, verification string) {
		all := want[registry.Page[pipeline.Result]](t, r, http.StatusOK, "GET", "/results", nil)
		return all.Items[0].Reason, want[pipeline.Result](t, r, http.StatusOK, "GET", "/results/1", nil).Verification.Sentence()
	}
	r.jobs.queue = []string{"train-2-1", verify}
	if a, b := reasons(); a != "waits: for other trainings to end, at place 1 in the queue" || b != "being verified, waits: for other trainings to end, at place 2 in the queue" {
		t.Errorf("queued: %q, %q", a, b)
	}
	r.jobs.queue = nil
	if a, b := reasons(); a != "" || b != "being verified" {
		t.Errorf("begun: %q, %q", a, b)
	}
}

// A training waits in the name of who made its deployment, whatever the command says.
func TestAttackTrainingInTheNameOfOthers(t *testing.T) {
	r := newRig(t)
	c := r.configuration(t, image)
	step := door.New(r.Function(), door.Config{Store: r.Store, Log: quiet, Verifier: signer})
	ada := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		step.ServeHTTP(w, req.WithContext(identity.With(req.Context(), identity.Principal{ID: "token:ada", Name: "ada", Role: identity.Editor})))
	}))
	defer ada.Close()
	anonymous := r.url
	r.url = ada.URL
	want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", map[string]any{"configuration": c, "batch_size": 10})
	if status, _ := r.call(t, "POST", "/deployments", map[string]any{"configuration": c, "batch_size": 10, "owner": "token:bob"}); status != http.StatusUnprocessableEntity {
		t.Errorf("a command that names an owner: %d", status)
	}
	r.url = anonymous
	r.deploy(t, c)
	r.arrives(t, r.stream(t, 1, 0))
	r.arrives(t, r.stream(t, 2, 0))
	if a, b := r.jobs.running["train-1-1"].Owner, r.jobs.running["train-2-1"].Owner; a != "token:ada" || b != "" {
		t.Errorf("they train for %q and %q", a, b)
	}
}
