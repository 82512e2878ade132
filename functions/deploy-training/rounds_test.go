package deploytraining

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// ends finishes the present attempt of a result.
func (r *rig) ends(t *testing.T, id int64) {
	t.Helper()
	attempt := r.result(t, id).Attempt
	r.stored(t, id, attempt)
	r.deliver(t, eventing.TrainingFinished, id, pipeline.Outcome{Result: id, Attempt: attempt, Artifact: pipeline.ResultArtifact(id, attempt)})
}

// deployFrom creates a deployment with more members.
func (r *rig) deployFrom(t *testing.T, members map[string]any) pipeline.Deployment {
	t.Helper()
	return want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", members)
}

// TestRounds sends three streams at once: their rounds train one after the other,
// each from the one before that finished, also across a failure, a retry and a
// restart that lost the word of an end.
func TestRounds(t *testing.T) {
	r := newRig(t)
	r.deployFrom(t, map[string]any{"configuration": r.configuration(t, image, image), "batch_size": 10, "mode": "rounds"})
	for offset := range int64(3) {
		r.arrives(t, r.stream(t, 1, offset*100))
	}
	started := func(want ...string) {
		t.Helper()
		if got := r.jobs.names(); !slices.Equal(got, want) {
			t.Fatalf("started %v, want %v", got, want)
		}
	}
	started("train-1-1", "train-2-1")
	if got := r.result(t, 5); got.Status != pipeline.ResultWaiting || got.Datasource != 3 || got.Round != 3 {
		t.Errorf("the third round: %+v", got)
	}
	r.ends(t, 1)
	started("train-1-1", "train-2-1", "train-3-1")
	if got, job := r.result(t, 3), r.jobs.running["train-3-1"].Spec; got.Parent != 1 || got.Round != 2 || job.Parent == nil || job.Parent.Result != 1 ||
		job.Parent.Artifact != "results/1/attempt-1" || job.Parent.Export != nil || job.Ranges[0].Offset != 100 {
		t.Errorf("the second round: %+v, told %+v", got, job.Parent)
	}
	r.deliver(t, eventing.TrainingFailed, 3, pipeline.Outcome{Result: 3, Attempt: 1, Reason: "the loss is NaN"})
	started("train-1-1", "train-2-1", "train-3-1", "train-5-1")
	if got := r.result(t, 5); got.Parent != 1 {
		t.Errorf("after a round that failed: %+v", got)
	}
	if status, text := r.call(t, "POST", "/results/3/retry", nil); status != http.StatusConflict || !strings.Contains(string(text), "result 5, another round of the model, is scheduled") {
		t.Errorf("a second one at a time: %d %s", status, text)
	}
	r.ends(t, 5)
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/3/retry", nil)
	if got := r.result(t, 3); got.Parent != 1 || got.Attempt != 2 {
		t.Errorf("tried again: %+v", got)
	}
	r.ends(t, 3)
	r.arrives(t, r.stream(t, 1, 300))
	if got := r.result(t, 7); got.Parent != 5 || got.Round != 4 || got.Status != pipeline.ResultScheduled {
		t.Errorf("the fourth round: %+v", got)
	}
	if got := r.result(t, 8); got.Status != pipeline.ResultWaiting {
		t.Errorf("the fourth round of the other model, whose first still trains: %+v", got)
	}
	r.write(t, func(tx *registry.Tx) error { // the process dies before it has started what comes next
		first, err := tx.Result(2)
		if err == nil {
			setStatus(&first, pipeline.ResultStopped)
			err = tx.UpdateResult(&first)
		}
		return err
	})
	if err := r.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.result(t, 4); got.Status != pipeline.ResultScheduled || got.Parent != 0 || got.Round != 2 {
		t.Errorf("after a stopped first round: %+v", got)
	}
}

// A round whose stream has the fields or the classes of the one before at other
// places is refused, and the one after it goes on.
func TestRoundsInAnotherOrder(t *testing.T) {
	r := newRig(t)
	r.deployFrom(t, map[string]any{"configuration": r.configuration(t, image), "batch_size": 10, "mode": "rounds"})
	scheme := func(fields, classes string) string {
		var members []string
		for name := range strings.SplitSeq(fields, " ") {
			members = append(members, `{"name": "`+name+`", "type": "float"}`)
		}
		return `{"data_scheme": {"type": "record", "name": "s", "fields": [` + strings.Join(members, ", ") + `]}, "label_scheme": {"type": "record", "name": "l", "fields": [
			{"name": "y", "type": {"type": "enum", "name": "c", "symbols": ["` + strings.ReplaceAll(classes, " ", `", "`) + `"]}}]}}`
	}
	for offset, config := range []string{scheme("a b c d", "cat dog emu"), scheme("b a c d", "cat dog emu"), scheme("a b c d", "dog emu"), scheme("a b c d", "cat dog emu")} {
		d := r.stream(t, 1, int64(offset)*100)
		d.InputFormat, d.InputConfig = pipeline.AVRO, json.RawMessage(config)
		r.write(t, func(tx *registry.Tx) error { return tx.UpdateDatasource(&d) })
		r.arrives(t, d)
	}
	r.ends(t, 1)
	for id, want := range map[int64]string{2: `field "b" stands at another place than in the stream of result 1`, 3: `class "dog" has another number than in the stream of result 1`} {
		if got := r.result(t, id); got.Status != pipeline.ResultFailed || !strings.Contains(got.Reason, want) || got.Hint == "" {
			t.Errorf("round %d: %s, %s", id, got.Status, got.Reason)
		}
	}
	if got := r.result(t, 4); got.Status != pipeline.ResultScheduled || got.Parent != 1 {
		t.Errorf("the round after them: %+v", got)
	}
}

// names stores the names of variables of a model, as its export does.
func (r *rig) names(t *testing.T, key, variables string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("variables.json")
	if err == nil {
		_, err = f.Write([]byte(variables))
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = r.Artifacts.Put(t.Context(), key+"/keras.zip", &b)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestGoesOnFromAResult trains from a result, and refuses what it cannot be trained
// on from.
func TestGoesOnFromAResult(t *testing.T) {
	r := newRig(t)
	image, wide := image, wide
	image.Variables, wide.Variables = "w", "w"
	words := image
	words.Adapt = []pipeline.Adapt{{Layer: "lookup", Class: "StringLookup", Kind: pipeline.AdaptWords}}
	c := r.configuration(t, image, image, wide, words)
	r.names(t, "models/1", `[{"path":"/layers/dense/vars/0","dtype":"float32","shape":[4,3]}]`)
	r.names(t, "models/2", `[{"path":"/layers/dense/vars/0","dtype":"float32","shape":[4,3]}]`)
	r.names(t, "models/3", `[{"path":"/layers/dense/vars/0","dtype":"float32","shape":[9,3]}]`)
	var of []int64
	r.write(t, func(tx *registry.Tx) error {
		for id := range int64(4) {
			m, err := tx.Model(id + 1)
			if err != nil {
				return err
			}
			one := pipeline.Configuration{Name: m.Name, Models: []int64{m.ID}}
			if err := tx.CreateConfiguration(&one); err != nil {
				return err
			}
			of = append(of, one.ID)
		}
		return nil
	})
	r.deploy(t, of[0])
	r.arrives(t, r.stream(t, 1, 0))
	from := func(configuration int64, more ...any) map[string]any {
		m := map[string]any{"configuration": configuration, "batch_size": 10, "from": 1}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	refused := func(name string, body map[string]any, says ...string) {
		t.Helper()
		status, text := r.call(t, "POST", "/deployments", body)
		for _, part := range says {
			if status/100 != 4 || !strings.Contains(string(text), part) {
				t.Errorf("%s: %d %s, want %q", name, status, text, part)
			}
		}
	}
	refused("it still trains", from(of[0]), `"field":"from"`, "result 1 is scheduled")
	r.ends(t, 1)
	refused("no such result", from(of[0], "from", 99), `"field":"from"`, "there is no result 99")
	refused("another shape", from(of[2]), "layers/dense/0 is float32 [9 3] in the model, float32 [4 3] in the result")
	refused("one model of several", from(c), `model \"m3\"`)
	refused("words that were learned", from(of[3]), "the layer lookup has learned words")
	refused("no such mode", from(of[0], "mode", "twice"), "mode")

	d := r.deployFrom(t, from(of[1]))
	r.arrives(t, r.stream(t, d.ID, 100))
	got, job := r.result(t, d.Results[0]), r.jobs.running["train-2-1"].Spec
	if got.Parent != 1 || job.Parent == nil || job.Parent.Artifact != "results/1/attempt-1" || job.Parent.Exported != "models/1" || job.Parent.Export == nil {
		t.Errorf("%+v, told %+v", got, job.Parent)
	}
	if status, text := r.call(t, "DELETE", "/results/1", nil); status != http.StatusConflict || !strings.Contains(string(text), "result 2") {
		t.Errorf("the parent of a training was deleted: %d %s", status, text)
	}
	r.ends(t, 2)
	want[map[string]any](t, r, http.StatusOK, "DELETE", "/results/1", nil)
	r.arrives(t, r.stream(t, d.ID, 200))
	if got := r.result(t, 3); got.Status != pipeline.ResultFailed || !strings.Contains(got.Reason, "there is no result 1") {
		t.Errorf("from a result that is gone: %+v", got)
	}
}
