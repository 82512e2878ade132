package deploytraining

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/validate"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// unused is why a datasource trained nothing, "" where it did not say.
func (r *rig) unused(t *testing.T, id int64) (reason, hint string) {
	t.Helper()
	d, err := registry.Read(t.Context(), r.Store, func(tx *registry.Tx) (pipeline.Datasource, error) { return tx.Datasource(id) })
	if err != nil {
		t.Fatal(err)
	}
	if d.Unused == nil {
		return "", ""
	}
	return d.Unused.Reason, d.Unused.Hint
}

// keyed is a stream for the deployment that a key names.
func (r *rig) keyed(t *testing.T, deployment int64, key string) pipeline.Datasource {
	t.Helper()
	d := r.stream(t, deployment, 0)
	d.ID, d.Origin = 0, pipeline.Origin{Topic: "control", Offset: d.ID, Key: hex.EncodeToString([]byte(key))}
	r.write(t, func(tx *registry.Tx) error { return tx.CreateDatasource(&d) })
	return d
}

// waits is what the datasource says of a stream whose deployment may be made yet.
const waits = "; the stream waits for it: where it is created within 24 hours, it trains on this stream"

// A stream for a deployment that is not there says how its key was read, and
// trains once the deployment is made.
func TestStreamForNoDeployment(t *testing.T) {
	r := newRig(t)
	c := r.configuration(t, image)
	for range 3 {
		r.deploy(t, c)
	}
	for _, test := range []struct {
		deployment   int64
		key          string
		reason, hint string
	}{
		{55, "7", `there is no deployment 55 (the key is one byte: 55; text "7"?)`, `"deployment_id"`},
		{51, "3", `there is no deployment 51 (the key is one byte: 51; text "3"?)`, "deployment 3 is there"},
		{6382179, "abc", `there is no deployment 6382179 (the key "abc" is read as a number of 3 bytes)`, `"deployment_id"`},
		{300, "\x01\x2c", `there is no deployment 300 (the key is 0x012c, a number of 2 bytes)`, "resend"},
		{9, "\x09", `there is no deployment 9 (the key is one byte: 9)`, "resend"},
		{77, "77", `there is no deployment 77`, "resend"},
		{6, "06", `there is no deployment 6`, "resend"},
		{78, "", `there is no deployment 78`, "resend"},
	} {
		d := r.keyed(t, test.deployment, test.key)
		r.arrives(t, d)
		if reason, hint := r.unused(t, d.ID); reason != test.reason+waits || !strings.Contains(hint, test.hint) {
			t.Errorf("key %q: %s (%s)", test.key, reason, hint)
		}
	}
	late := r.stream(t, 4, 500)
	r.arrives(t, late)
	if reason, _ := r.unused(t, late.ID); reason != "there is no deployment 4"+waits {
		t.Errorf("%q", reason)
	}
	r.deploy(t, c)
	if reason, _ := r.unused(t, late.ID); reason != "" || r.result(t, 4).Datasource != late.ID {
		t.Errorf("%q, %+v", reason, r.result(t, 4))
	}
}

// A deployment takes over the last stream that has waited for it, for a day at
// most; the others say what became of them.
func TestWaitingStreams(t *testing.T) {
	r := newRig(t)
	c := r.configuration(t, image)
	sent := func(deployment, offset int64, ago time.Duration) pipeline.Datasource {
		d := r.stream(t, deployment, offset)
		d.ID, d.Origin, d.Received = 0, pipeline.Origin{Topic: "control", Offset: d.ID}, time.Now().Add(-ago)
		r.write(t, func(tx *registry.Tx) error { return tx.CreateDatasource(&d) })
		r.write(t, func(tx *registry.Tx) error { return tx.DeleteDatasource(d.ID - 1) }) // the one without an age
		r.arrives(t, d)
		return d
	}
	old := sent(1, 0, 25*time.Hour)
	if d := r.deploy(t, c); d.Status != pipeline.DeploymentWaiting {
		t.Errorf("with a stream of yesterday, the deployment is %s", d.Status)
	}
	reason, hint := r.unused(t, old.ID)
	if reason != "deployment 1 was created more than 24 hours after this stream was sent" || !strings.Contains(hint, fmt.Sprintf("resend %d --deployment 1", old.ID)) {
		t.Errorf("%q, %q", reason, hint)
	}
	before, last := sent(2, 0, time.Hour), sent(2, 100, time.Minute)
	r.deploy(t, c)
	if used := r.result(t, 2).Datasource; used != last.ID {
		t.Errorf("trains on %d, want %d", used, last.ID)
	}
	if reason, _ := r.unused(t, last.ID); reason != "" {
		t.Errorf("what it trains on: %q", reason)
	}
	if reason, _ := r.unused(t, before.ID); reason != fmt.Sprintf("deployment 2 was created after this stream was sent, and trains on a later one, datasource %d", last.ID) {
		t.Errorf("%q", reason)
	}
	want[pipeline.Deployment](t, r, http.StatusOK, "POST", "/deployments/2/stop", nil)
	want[eventing.Deleted](t, r, http.StatusOK, "DELETE", "/deployments/2", nil)
	if reason, _ := r.unused(t, sent(2, 200, 0).ID); reason != "deployment 2 was deleted" {
		t.Errorf("%q", reason)
	}
}

// A stream that changes nothing says so, at its deployment too, and its hint is
// one that works.
func TestStreamThatTrainsNothing(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image))
	first := r.stream(t, 1, 0)
	r.arrives(t, first)
	again := r.stream(t, 1, 0)
	r.arrives(t, again)
	if reason, _ := r.unused(t, again.ID); reason != "deployment 1 trains on this stream already, as datasource 1" {
		t.Errorf("%q", reason)
	}
	d := want[pipeline.Deployment](t, r, http.StatusOK, "GET", "/deployments/1", nil)
	if d.LastRejection == nil || d.LastRejection.Datasource != again.ID {
		t.Errorf("the deployment says %+v", d.LastRejection)
	}
	want[pipeline.Deployment](t, r, http.StatusOK, "POST", "/deployments/1/stop", nil)
	third := r.stream(t, 1, 0)
	r.arrives(t, third)
	reason, hint := r.unused(t, third.ID)
	if reason != "deployment 1 already trained on this stream, as datasource 1" || !strings.Contains(hint, "results retry 1") {
		t.Errorf("%q, %q", reason, hint)
	}
	other := r.stream(t, 1, 100)
	r.arrives(t, other)
	if reason, hint := r.unused(t, other.ID); reason != "deployment 1 is stopped" || !strings.Contains(hint, "another deployment") {
		t.Errorf("%q, %q", reason, hint)
	}
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/retry", nil)
	r.arrives(t, first) // delivered again
	if reason, _ := r.unused(t, first.ID); reason != "" {
		t.Errorf("what it trains on: %q", reason)
	}
	stored, err := r.Store.Events(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, s := range stored {
		if s.Event.Type() == eventing.DatasourceRejected {
			told++
			if err := validate.Event(s.Event); err != nil {
				t.Error(err)
			}
		}
	}
	if told != 3 {
		t.Errorf("told %d times", told)
	}
}

// A stream for a deployment that was stopped before it had one is what its
// results are tried on.
func TestStreamForAStoppedDeployment(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image))
	want[pipeline.Deployment](t, r, http.StatusOK, "POST", "/deployments/1/stop", nil)
	d := r.stream(t, 1, 0)
	r.arrives(t, d)
	if reason, hint := r.unused(t, d.ID); reason != "deployment 1 is stopped" || hint != "results retry 1 trains it on this stream" {
		t.Errorf("%q, %q", reason, hint)
	}
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/retry", nil)
	if reason, _ := r.unused(t, d.ID); reason != "" {
		t.Errorf("after the retry: %q", reason)
	}
}

// The same ranges of a topic that was made anew are another stream.
func TestStreamOfATopicMadeAnew(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image))
	for i, id := range []string{"a", "b"} {
		d := r.stream(t, 1, 0)
		d.TopicIDs = map[string]string{"pixels": id}
		r.write(t, func(tx *registry.Tx) error { return tx.UpdateDatasource(&d) })
		r.arrives(t, d)
		if got := r.jobs.names(); len(got) != i+1 {
			t.Errorf("started %v", got)
		}
	}
	if got := fmt.Sprint(r.jobs.running["train-2-1"].Spec.TopicIDs); got != "map[pixels:b]" {
		t.Errorf("the job is told %s", got)
	}
}

// A result warns of what its control message asked for in vain.
func TestMembersWithoutEffect(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image))
	d := r.stream(t, 1, 0)
	d.Extra = map[string]json.RawMessage{
		"unsupervised_topic": json.RawMessage(`"more"`), "incremental": json.RawMessage("false"), "dataset_restrictions": json.RawMessage(`"{}"`),
		"site": json.RawMessage(`"a"`), "orders": json.RawMessage(`"partition"`),
		"topics": json.RawMessage(`["pixels"]`), "testRate": json.RawMessage("null"), // the right one is there too, and it asks for nothing
	}
	r.write(t, func(tx *registry.Tx) error { return tx.UpdateDatasource(&d) })
	r.arrives(t, d)
	if got := r.jobs.running["train-1-1"].Spec.Warnings; len(got) != 2 || !strings.Contains(got[0], "unsupervised_topic of the control message has no effect") ||
		!strings.Contains(got[1], "is order meant?") {
		t.Errorf("%q", got)
	}
}
