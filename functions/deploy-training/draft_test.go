package deploytraining

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestDeploymentThatIsRefused(t *testing.T) {
	r := newRig(t)
	r.configuration(t, image, wide)
	cases := map[string]struct {
		member string
		value  any
		field  string
	}{
		"no such configuration":  {"configuration", 9, "configuration"},
		"batch of none":          {"batch_size", -1, "batch_size"},
		"batch too large":        {"batch_size", 1 << 25, "batch_size"},
		"argument not supported": {"training_kwargs", "epochs=1, callbacks=[TensorBoard()]", "callbacks"},
		"argument out of range":  {"training_kwargs", "epochs=-1", "epochs"},
		"code":                   {"training_kwargs", "epochs=__import__('os').getpid()", "training_kwargs"},
		"validation argument":    {"validation_kwargs", "epochs=1", "validation_kwargs"},
		"engine":                 {"engine", "onnx", "engine"},
		"too many GPUs":          {"gpus", 1025, "gpus"},
		"weights of no use":      {"training_kwargs", "class_weight={0: 1.0}", "training_kwargs.class_weight"},
		"tolerations":            {"resources", map[string]any{"tolerations": []int{1}}, "resources.tolerations"},
		"other member":           {"colour", "red", "colour"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			body := map[string]any{"configuration": 1, "batch_size": 10}
			body[c.member] = c.value
			p := want[problem](t, r, http.StatusUnprocessableEntity, "POST", "/deployments", body)
			if !strings.Contains(p.Field+p.Detail, c.field) {
				t.Errorf("got %+v, want %q", p, c.field)
			}
		})
	}
	if list := want[struct{ Items []pipeline.Deployment }](t, r, http.StatusOK, "GET", "/deployments", nil); len(list.Items) != 0 {
		t.Errorf("refused deployments are there: %+v", list)
	}
}

func TestArgumentsAsTextAndAsObject(t *testing.T) {
	r := newRig(t)
	c := r.configuration(t, image)
	bodies := []map[string]any{
		{"configuration": c, "batch_size": 5, "training_kwargs": "epochs=1000, steps_per_epoch=22, shuffle=True, verbose=0", "validation_kwargs": "steps=3"},
		{"configuration": c, "batch_size": 5, "training_kwargs": map[string]any{"epochs": 1000, "steps_per_epoch": 22, "verbose": 0}, "validation_kwargs": map[string]any{"steps": 3}},
	}
	for _, body := range bodies {
		d := want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", body)
		k := d.TrainingKwargs
		if k.Epochs != 1000 || k.StepsPerEpoch != 22 || !k.Shuffle || k.Verbose != 0 || d.ValidationKwargs.Steps != 3 || d.Engine != pipeline.Auto {
			t.Errorf("%v became %+v", body, d)
		}
	}
}

// What the operator does not allow is refused when the deployment is made, before
// anything of it is stored.
func TestAttackADeploymentBeyondTheLimits(t *testing.T) {
	r := newRig(t)
	r.Allowed = func(of pipeline.Resources, gpus int) error {
		if of.PriorityClass != "" || gpus > 1 {
			return pipeline.Invalidf("resources.priority_class", "may not be taken here")
		}
		return nil
	}
	form := map[string]any{"configuration": r.configuration(t, pipeline.Export{}), "batch_size": 10, "training_kwargs": "epochs=3", "resources": map[string]any{"priority_class": "system-node-critical"}}
	if p := want[problem](t, r, http.StatusUnprocessableEntity, "POST", "/deployments", form); p.Field != "resources.priority_class" {
		t.Errorf("refused by %+v", p)
	}
	if list := want[struct{ Items []pipeline.Deployment }](t, r, http.StatusOK, "GET", "/deployments", nil); len(list.Items) != 0 {
		t.Errorf("%d deployments are stored", len(list.Items))
	}
}
