package kerasmodel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// kinOf is an export by a letter and a path and shape for each variable.
func kinOf(t *testing.T, optimizer, letters, variables string) framework.Kin {
	t.Helper()
	k := framework.Kin{Dir: t.TempDir(), Export: pipeline.Export{Optimizer: optimizer, Variables: letters}}
	var rows []string
	for _, v := range strings.Fields(variables) {
		path, shape, _ := strings.Cut(v, ":")
		rows = append(rows, `{"path":"`+path+`","dtype":"float32","shape":[`+shape+`]}`)
	}
	if variables == "" {
		return k
	}
	file := filepath.Join(k.Dir, Template, VariablesFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("["+strings.Join(rows, ",")+"]"), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestInherit(t *testing.T) {
	const weights = "/layers/dense/vars/0:3,2 /layers/dense/vars/1:2 "
	const model = weights + "/optimizer/vars/0: /optimizer/vars/1: /optimizer/vars/2:3,2"
	parent := kinOf(t, "Adam", "wworo", model)
	cases := []struct {
		name                          string
		optimizer, letters, variables string
		from                          []int
		state, refused                string
	}{
		{"the same", "Adam", "wworo", model, []int{0, 1, 2, -1, 4}, "", ""},
		{"in another order", "Adam", "orwwo", "/optimizer/vars/0: /optimizer/vars/1: " + weights + "/optimizer/vars/2:3,2", []int{2, -1, 0, 1, 4}, "", ""},
		{"another optimizer", "SGD", "wwor", weights + "/optimizer/vars/0: /optimizer/vars/1:", []int{0, 1, -1, -1}, "the result was trained by Adam, the model is by SGD", ""},
		{"frozen", "Adam", "wwor", weights + "/optimizer/vars/0: /optimizer/vars/1:", []int{0, 1, -1, -1}, "Adam has 2 variables here, 3 in the result", ""},
		{"another slot", "Adam", "wworo", weights + "/optimizer/vars/0: /optimizer/vars/1: /optimizer/vars/2:2", []int{0, 1, -1, -1, -1}, "optimizer/2 of Adam is float32 [2] here, float32 [3 2] in the result", ""},
		{"a seed of its own", "Adam", "wwooro", weights + "/layers/dropout/seed/vars/0:2 /optimizer/vars/0: /optimizer/vars/1: /optimizer/vars/2:3,2", []int{0, 1, -1, 2, -1, 4}, "", ""},
		{"another shape", "Adam", "ww", "/layers/dense/vars/0:3,4 /layers/dense/vars/1:4", nil, "", "layers/dense/0 is float32 [3 4] in the model, float32 [3 2] in the result"},
		{"a layer more", "Adam", "www", weights + "/layers/dense_1/vars/0:2", nil, "", "the result has no variable layers/dense_1/0, of shape float32 [2]"},
		{"a layer less", "Adam", "w", "/layers/dense/vars/0:3,2", nil, "", "the model has no variable layers/dense/1, of shape float32 [2], which the result has"},
		{"without names", "Adam", "ww", "", nil, "", "Keras could not save the model"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, err := Inherit(parent, kinOf(t, c.optimizer, c.letters, c.variables))
			if c.refused != "" {
				if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("%v, want %q", err, c.refused)
				}
				return
			}
			if err != nil || !strings.Contains(h.Optimizer, c.state) || (c.state == "") != (h.Optimizer == "") {
				t.Errorf("%q, %v, want %q", h.Optimizer, err, c.state)
			}
			if diff := cmp.Diff(c.from, h.From); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
