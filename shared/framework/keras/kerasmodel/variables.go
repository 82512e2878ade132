package kerasmodel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// VariablesFile lies in Template: a JSON array of Variable, in the order of the
// export.
const VariablesFile = "variables.json"

// OfOptimizer begins the paths of an optimizer's variables.
const OfOptimizer = "/optimizer/"

// Variable is one of an export: its type and shape, and where it lies in the
// template's model.weights.h5.
type Variable struct {
	Path   string  `json:"path"`
	Named  string  `json:"name"` // Keras' own name, of one of an optimizer, whose Path has its number only
	DType  string  `json:"dtype"`
	Shape  []int   `json:"shape"`
	Offset int64   `json:"offset"` // -1: not in the file
	Copies []int64 `json:"copies"`
	Bytes  int64   `json:"bytes"`
}

// Name is the path as a person reads it.
func (v Variable) Name() string {
	if v.Named != "" {
		return v.Named
	}
	return strings.Trim(strings.Replace(v.Path, "/vars/", "/", 1), "/")
}

func (v Variable) fits(o Variable) bool { return v.DType == o.DType && slices.Equal(v.Shape, o.Shape) }

func (v Variable) ofOptimizer() bool { return strings.HasPrefix(v.Path, OfOptimizer) }

// ReadVariables reads the variables of an export from its Template, which lies in
// dir; an export that Keras could not save has none.
func ReadVariables(dir string) ([]Variable, error) {
	raw, err := os.ReadFile(filepath.Join(dir, Template, VariablesFile)) // #nosec G304 -- below a folder of ours
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Variable
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", VariablesFile, err)
	}
	return all, nil
}

// Heritage says what a model takes of a trained one of another export.
type Heritage struct {
	From []int // of each variable, the one of the trained model that it takes; -1: it keeps its own
	// Optimizer is why the state of the optimizer begins anew; empty: it is taken, but
	// for the learning rate.
	Optimizer string
}

// kin is a model and its variables.
type kin struct {
	export    pipeline.Export
	variables []Variable
}

// open reads a model's variables. The states of its seeds, which Keras does not save
// and numbers through all models of a process, get paths by their order.
func open(k framework.Kin) (kin, error) {
	all, err := ReadVariables(k.Dir)
	seeds := 0
	for i, v := range all {
		if v.Offset < 0 && v.DType == "int64" && slices.Equal(v.Shape, []int{2}) {
			seeds++
			all[i].Path = fmt.Sprintf("seed %d", seeds)
		}
	}
	return kin{k.Export, all}, err
}

// Inherit finds for each weight of a model the one of its parent, by path, type and
// shape. A model that has others is Invalid: the error names the first difference.
func Inherit(of, by framework.Kin) (Heritage, error) {
	parent, err := open(of)
	if err != nil {
		return Heritage{}, err
	}
	child, err := open(by)
	if err != nil {
		return Heritage{}, err
	}
	if parent.variables == nil || child.variables == nil {
		return Heritage{}, pipeline.Invalidf("from", "Keras could not save the model, so its variables have no names to be found by in another version").
			WithHint("train the version of the model that the result was trained from")
	}
	places := make(map[string]int, len(parent.variables))
	for i, v := range parent.variables {
		places[v.Path] = i
	}
	h := Heritage{From: make([]int, len(child.variables))}
	taken := 0
	for i, v := range child.variables {
		at, known := places[v.Path]
		same := known && v.fits(parent.variables[at])
		h.From[i] = -1
		switch {
		case v.ofOptimizer():
		case child.weight(i) && !known:
			return h, differs("the result has no variable %s, of shape %s", v.Name(), shapeOf(v))
		case child.weight(i) && !same:
			return h, differs("the variable %s is %s in the model, %s in the result", v.Name(), shapeOf(v), shapeOf(parent.variables[at]))
		case same:
			h.From[i] = at
			if parent.weight(at) {
				taken++
			}
		}
	}
	if taken < strings.Count(parent.export.Variables, string(pipeline.VariableWeight)) {
		for i, v := range parent.variables {
			if parent.weight(i) && !slices.Contains(h.From, i) {
				return h, differs("the model has no variable %s, of shape %s, which the result has", v.Name(), shapeOf(v))
			}
		}
	}
	h.Optimizer = h.takeOptimizer(parent, child)
	return h, nil
}

func differs(format string, args ...any) error {
	return pipeline.Invalidf("from", format, args...).
		WithHint("a training goes on in the same model, or in another version of it with the same layers: only loss, metrics, optimizer, regularizers and trainable may differ")
}

func shapeOf(v Variable) string { return fmt.Sprintf("%s %v", v.DType, v.Shape) }

func (k kin) weight(i int) bool {
	return i < len(k.export.Variables) && k.export.Variables[i] == pipeline.VariableWeight
}

// optimizer are the places of the optimizer's variables.
func (k kin) optimizer() (places []int) {
	for i, v := range k.variables {
		if v.ofOptimizer() {
			places = append(places, i)
		}
	}
	return places
}

// takeOptimizer takes the optimizer's state, or gives the reason why not.
func (h Heritage) takeOptimizer(parent, child kin) string {
	if parent.export.Optimizer != child.export.Optimizer {
		return fmt.Sprintf("the result was trained by %s, the model is by %s", parent.export.Optimizer, child.export.Optimizer)
	}
	theirs, ours := parent.optimizer(), child.optimizer()
	name := func(v Variable) string { return v.Path }
	if parent.named(theirs) && child.named(ours) { // they are numbered otherwise where other layers train
		name = func(v Variable) string { return v.Named }
	} else if len(theirs) != len(ours) {
		return fmt.Sprintf("%s has %d variables here, %d in the result", child.export.Optimizer, len(ours), len(theirs))
	}
	places := make(map[string]int, len(theirs))
	for _, at := range theirs {
		places[name(parent.variables[at])] = at
	}
	from := make([]int, len(ours))
	for n, at := range ours {
		v := child.variables[at]
		of, known := places[name(v)]
		switch {
		case !known:
			return fmt.Sprintf("%s had no variable %s in the result, where other layers trained", child.export.Optimizer, v.Name())
		case !v.fits(parent.variables[of]):
			return fmt.Sprintf("the variable %s of %s is %s here, %s in the result", v.Name(), child.export.Optimizer, shapeOf(v), shapeOf(parent.variables[of]))
		}
		from[n] = of
	}
	for n, at := range ours {
		if at >= len(child.export.Variables) || child.export.Variables[at] != pipeline.VariableRate {
			h.From[at] = from[n]
		}
	}
	return ""
}

// named reports whether variables of an optimizer have names, each one of its own:
// those that earlier versions exported have none.
func (k kin) named(places []int) bool {
	seen := make(map[string]bool, len(places))
	for _, at := range places {
		seen[k.variables[at].Named] = true
	}
	return len(seen) == len(places) && !seen[""]
}
