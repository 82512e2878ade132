package modelregister

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// withModels stores models without building them: configurations do not look
// into a model.
func withModels(t *testing.T, r *rig, names ...string) {
	t.Helper()
	err := r.Store.Do(t.Context(), func(tx *registry.Tx) error {
		for _, name := range names {
			if err := tx.CreateModel(&pipeline.Model{Name: name, Source: name}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestConfigurationThatIsRefused(t *testing.T) {
	r := newRig(t)
	withModels(t, r, "a", "b")
	r.want(t, http.StatusCreated, "POST", "/configurations", map[string]any{"name": "taken", "models": []int{1}})
	cases := map[string]struct {
		body   map[string]any
		status int
		field  string
	}{
		"no name":       {map[string]any{"name": " ", "models": []int{1}}, http.StatusUnprocessableEntity, "name"},
		"taken name":    {map[string]any{"name": "taken", "models": []int{1}}, http.StatusConflict, "name"},
		"no models":     {map[string]any{"name": "x", "models": []int{}}, http.StatusUnprocessableEntity, "models"},
		"unknown model": {map[string]any{"name": "x", "models": []int{1, 9}}, http.StatusUnprocessableEntity, "models"},
		"model twice":   {map[string]any{"name": "x", "models": []int{2, 2}}, http.StatusUnprocessableEntity, "models"},
		"other member":  {map[string]any{"name": "x", "models": []int{1}, "colour": "red"}, http.StatusUnprocessableEntity, "colour"},
		"long text":     {map[string]any{"name": "x", "models": []int{1}, "description": strings.Repeat("x", maxDescription+1)}, http.StatusUnprocessableEntity, "description"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			problem := r.want(t, c.status, "POST", "/configurations", c.body)
			if field, _ := problem["field"].(string); !strings.Contains(field, c.field) {
				t.Errorf("field %q, want %q: %v", field, c.field, problem)
			}
		})
	}
}

func TestConfigurationIsEdited(t *testing.T) {
	r := newRig(t)
	withModels(t, r, "a", "b")
	r.want(t, http.StatusCreated, "POST", "/configurations", map[string]any{"name": "one", "models": []int{1}})
	got := r.want(t, http.StatusOK, "PUT", "/configurations/1", map[string]any{"models": []int{2, 1}, "description": "both"})
	if got["name"] != "one" || got["description"] != "both" || len(got["models"].([]any)) != 2 {
		t.Errorf("got %v", got)
	}
	if list := r.want(t, http.StatusOK, "GET", "/configurations?model=2", nil)["items"].([]any); len(list) != 1 {
		t.Errorf("configurations of model 2: %v", list)
	}
	r.want(t, http.StatusNotFound, "PUT", "/configurations/7", map[string]any{"name": "x"})
}

func TestConfigurationInUseStays(t *testing.T) {
	r := newRig(t)
	withModels(t, r, "a")
	r.want(t, http.StatusCreated, "POST", "/configurations", map[string]any{"name": "one", "models": []int{1}})
	err := r.Store.Do(t.Context(), func(tx *registry.Tx) error {
		return tx.CreateDeployment(&pipeline.Deployment{Configuration: 1, BatchSize: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	problem := r.want(t, http.StatusConflict, "DELETE", "/configurations/1", nil)
	if !strings.Contains(problem["detail"].(string), "deployment 1") {
		t.Errorf("got %v, want the deployment named", problem)
	}
}
