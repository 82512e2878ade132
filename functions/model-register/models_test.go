package modelregister

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestEveryExampleRegisters(t *testing.T) {
	r := newRig(t)
	list := r.want(t, http.StatusOK, "GET", "/models/examples", nil)["items"].([]any)
	parameters := map[string]float64{
		"lstm": 1169, "mnist-cnn": 5290, "mnist-dense": 101770, "regression": 897, "small-net": 26, "two-inputs": 111,
	}
	if len(list) != len(parameters) {
		t.Errorf("%d examples, want %d", len(list), len(parameters))
	}
	for _, item := range list {
		example := item.(map[string]any)
		begun := time.Now()
		m := r.want(t, http.StatusCreated, "POST", "/models", example)
		t.Logf("%s registered in %v", m["name"], time.Since(begun))
		if want := parameters[m["name"].(string)]; m["parameters"] != want {
			t.Errorf("%s: %v parameters, want %v", m["name"], m["parameters"], want)
		}
		if m["version"] != 1.0 || m["source_hash"] == "" || m["artifact"] == "" || len(m["layers"].([]any)) == 0 {
			t.Errorf("%s is not complete: %v", m["name"], m)
		}
	}
	if got := r.exports(t); len(got) != len(list) {
		t.Errorf("%d exports are stored, want %d", len(got), len(list))
	}
}

func TestSourceThatIsRefused(t *testing.T) {
	r := newRig(t)
	cases := map[string]struct {
		source, reason string
		line           float64
	}{
		"syntax":       {"x = 1\nmodel = keras.Sequential([\n", "", 2},
		"no model":     {"x = 1\n", "model", 0},
		"not compiled": {"model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])\n", "compile", 0},
		"an error":     {"x = 1\n\nmodel = layers.Dense(-3)\n", "", 3},
		"empty":        {" \n", "empty", 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			problem := r.want(t, http.StatusUnprocessableEntity, "POST", "/models/validate", map[string]any{"imports": imports, "source": c.source})
			if problem["field"] != "source" || !strings.Contains(problem["detail"].(string), c.reason) {
				t.Errorf("got %v, want a problem of the source with %q", problem, c.reason)
			}
			if c.line == 0 {
				return
			}
			if at, _ := problem["at"].(map[string]any); at["line"] != c.line {
				t.Errorf("at %v, want line %v", problem["at"], c.line)
			}
		})
	}
	if got := r.exports(t); len(got) != 0 {
		t.Errorf("refused sources left %v", got)
	}
}

func TestValidateKeepsNothing(t *testing.T) {
	r := newRig(t)
	export := r.want(t, http.StatusOK, "POST", "/models/validate", form("x", small))
	if export["parameters"] != 26.0 || export["source_hash"] != sourceHash(pipeline.Model{Imports: imports, Source: small}) {
		t.Errorf("got %v", export)
	}
	if got := r.exports(t); len(got) != 0 {
		t.Errorf("validation stored %v", got)
	}
}

func TestTakenNameIsRefusedAndItsExportRemoved(t *testing.T) {
	r := newRig(t)
	r.want(t, http.StatusCreated, "POST", "/models", form("a", small))
	if problem := r.want(t, http.StatusConflict, "POST", "/models", form("a", wider)); problem["field"] != "name" {
		t.Errorf("got %v, want a problem of the name", problem)
	}
	if got := r.exports(t); len(got) != 1 {
		t.Errorf("stored exports: %v, want one", got)
	}
}

func TestUpdateMakesAVersionWhenTheSourceChanges(t *testing.T) {
	r := newRig(t)
	first := r.want(t, http.StatusCreated, "POST", "/models", form("a", small))
	renamed := r.want(t, http.StatusOK, "PUT", "/models/1", map[string]any{"name": "b", "description": "small"})
	if renamed["version"] != 1.0 || renamed["artifact"] != first["artifact"] || renamed["name"] != "b" {
		t.Errorf("a new name gave %v", renamed)
	}
	second := r.want(t, http.StatusOK, "PUT", "/models/1", map[string]any{"source": wider})
	if second["version"] != 2.0 || second["artifact"] == first["artifact"] || second["parameters"] != 50.0 || second["description"] != "small" {
		t.Errorf("a new source gave %v", second)
	}
	if got := r.want(t, http.StatusOK, "GET", "/models/1/versions/1", nil); got["source"] != small || got["artifact"] != first["artifact"] {
		t.Errorf("version 1 is now %v", got)
	}
	if got := r.want(t, http.StatusOK, "GET", "/models/1/versions", nil)["items"].([]any); len(got) != 2 {
		t.Errorf("%d versions, want 2", len(got))
	}
	r.want(t, http.StatusNotFound, "GET", "/models/1/versions/3", nil)
	r.want(t, http.StatusUnprocessableEntity, "GET", "/models/1/versions/x", nil)
}

func TestUpdatesAtOnce(t *testing.T) {
	r := newRig(t)
	r.want(t, http.StatusCreated, "POST", "/models", form("a", small))
	statuses := make([]int, 4)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			statuses[i], _ = r.call(t, "PUT", "/models/1", map[string]any{"source": wider + strings.Repeat("#\n", i)})
		})
	}
	all.Wait()
	ok := 0
	for _, s := range statuses {
		if s == http.StatusOK {
			ok++
		}
	}
	versions := r.want(t, http.StatusOK, "GET", "/models/1/versions", nil)["items"].([]any)
	if len(versions) != ok+1 || len(r.exports(t)) != ok+1 {
		t.Errorf("%d updates taken, %d versions, exports %v", ok, len(versions), r.exports(t))
	}
}

func TestDeleteNamesTheUser(t *testing.T) {
	r := newRig(t)
	r.want(t, http.StatusCreated, "POST", "/models", form("a", small))
	r.want(t, http.StatusOK, "PUT", "/models/1", map[string]any{"source": wider})
	r.want(t, http.StatusCreated, "POST", "/configurations", map[string]any{"name": "pair", "models": []int{1}})
	problem := r.want(t, http.StatusConflict, "DELETE", "/models/1", nil)
	if !strings.Contains(problem["detail"].(string), "pair") || problem["kind"] != "in-use" {
		t.Errorf("got %v, want the configuration's name", problem)
	}
	r.want(t, http.StatusOK, "DELETE", "/configurations/1", nil)
	r.want(t, http.StatusOK, "DELETE", "/models/1", nil)
	r.want(t, http.StatusNotFound, "GET", "/models/1", nil)
	if got := r.exports(t); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestSameCommandTwiceIsOneModel(t *testing.T) {
	r := newRig(t)
	r.want(t, http.StatusUnprocessableEntity, "POST", "/models", form("refused", "x = 1\nmodel = (")) // takes no id
	command := eventing.New(eventing.ModelRegister, "/test", "", form("a", small))
	ids := make([]any, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			_, model := r.send(t, command)
			ids[i] = model["id"]
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != 1.0 {
			t.Fatalf("the answers name %v, want model 1 each", ids)
		}
	}
	if got := r.want(t, http.StatusOK, "GET", "/models", nil)["items"].([]any); len(got) != 1 || len(r.exports(t)) != 1 {
		t.Errorf("%d models, exports %v", len(got), r.exports(t))
	}
}
