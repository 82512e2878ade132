package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpaces(t *testing.T) {
	got, err := ParseSpace(` learning_rate = log(1e-4, 1e-1), batch_size=[16,32,64],
		units=int(16,256,16), depth=int(1,64,log), rate=float(0,0.5), act=["relu", tanh], bias=[True,false]`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Parameter{
		{Name: "learning_rate", Kind: "float", Low: 1e-4, High: 0.1, Log: true},
		{Name: "batch_size", Kind: "choice", Choices: []any{16.0, 32.0, 64.0}},
		{Name: "units", Kind: "int", Low: 16, High: 256, Step: 16},
		{Name: "depth", Kind: "int", Low: 1, High: 64, Log: true},
		{Name: "rate", Kind: "float", High: 0.5},
		{Name: "act", Kind: "choice", Choices: []any{"relu", "tanh"}},
		{Name: "bias", Kind: "choice", Choices: []any{true, false}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var text []string
	for _, p := range got {
		text = append(text, p.String())
	}
	again, err := ParseSpace(strings.Join(text, ", "))
	if diff := cmp.Diff(want, again); diff != "" || err != nil {
		t.Error(text, err, diff)
	}
}

func TestRefusedSpaces(t *testing.T) {
	for text, why := range map[string]string{
		"learning_rate":          "is no entry",
		"=log(1,2)":              "is no entry",
		"a=log(0,1)":             "a logarithm begins above 0",
		"a=log(-1,1)":            "a logarithm begins above 0",
		"a=float(2,1)":           "lies above",
		"a=float(1)":             "a low and a high end",
		"a=float(1,2,0)":         "a step is above 0",
		"a=float(nan,2)":         "is no number",
		"a=float(1,inf)":         "is no number",
		"a=int(1,2.5)":           "whole numbers",
		"a=int(1,1e300)":         "whole numbers",
		"a=zipf(1,2)":            "there is no range",
		"a=[1,1]":                "1 is there twice",
		"a=[]":                   "a choice is empty",
		"a=5":                    "neither a range nor a list",
		"a=float(1,2)b":          "neither a range nor a list",
		"a=[1,2], a=float(1,2)":  "is there twice",
		"a=[1,2], b=float(1,x)":  "is no number",
		"a=float(1,2),,b=":       "neither a range nor a list",
		"a=float((((1,2))))":     "is no number",
		"a=float(1,2)]]]],b=[1]": "neither a range nor a list",
	} {
		if _, err := ParseSpace(text); KindOf(err) != Invalid || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// ParseSpace and what is computed of a space never panic, and what is read is read
// again from its own text.
func FuzzParseSpace(f *testing.F) {
	for _, text := range []string{"model=[a,b], hp.n=int(1,2)", "learning_rate=log(1e-4,1e-1), batch_size=[16,32,64]", "a=int(1,9,2),b=[x,'y',true]", "a=float(0,1,0.1)", "a=[", "=", "a=int(1,8,log)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		space, err := ParseSpace(text)
		if err != nil {
			return
		}
		for _, p := range space {
			if err := p.Check(); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
		s := Study{Space: space, Sampler: SamplerGrid, Objective: "loss"}
		if s.Normalize() == nil && s.checkGrid() == nil {
			for _, p := range s.Space {
				_ = p.Points()
			}
		}
	})
}

func TestSuits(t *testing.T) {
	e := Export{Variables: "wwro", Monitors: map[string]MetricMode{"loss": ModeMin, "val_loss": ModeMin, "accuracy": ModeMax, "val_accuracy": ModeMax, "own": ""}}
	for _, c := range []struct{ space, objective, why string }{
		{"learning_rate=log(1e-4,1), batch_size=int(8,64), epochs=[1,2]", "val_accuracy", ""},
		{"learning_rate=log(1e-4,1)", "auc", `the model reports no "auc"`},
		{"learning_rate=log(1e-4,1)", "own", "cannot be told by its name"},
		{"momentum=float(0,1)", "loss", `there is no parameter "momentum"`},
		{"batch_size=float(1,2)", "loss", "whole number"},
		{"batch_size=[0,2]", "loss", "whole number"},
		{"batch_size=[1.5,2]", "loss", "whole number"},
		{"epochs=[two]", "loss", "whole number"},
		{"learning_rate=float(0,1)", "loss", "above 0"},
		{" , ", "loss", "is empty: there is nothing to try"},
		{"hp.units=int(1,2)", "loss", "no model asks for hp.units"},
	} {
		space, err := ParseSpace(c.space)
		if err != nil {
			t.Fatal(err)
		}
		s := Study{Space: space, Objective: c.objective}
		if err := s.Normalize(); err != nil {
			t.Fatal(err)
		}
		if _, err = s.Choose([]Model{{Name: "a", Export: e}}); err == nil {
			err = s.Suits(e)
		}
		if c.why == "" && (err != nil || s.Direction != ModeMax) || c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s by %s: %v", c.space, c.objective, err)
		}
	}
	s := Study{Space: []Parameter{{Name: LearningRate, Kind: ParameterFloat, Low: 0.1, High: 1}}, Objective: "loss", Direction: ModeAuto}
	e.Variables = "wwo"
	if err := s.Suits(e); err == nil || !strings.Contains(err.Error(), "no learning_rate") {
		t.Error(err)
	}
}

// Of several models, a study tries each or those that its space names, and searches what
// the source of each asks for.
func TestSpacesOfModels(t *testing.T) {
	model := func(name string, hp ...Parameter) Model {
		return Model{ID: int64(len(name)), Name: name, Version: 2, Export: Export{Hyperparameters: hp}}
	}
	models := []Model{
		model("a", Parameter{Name: "hp.units", Kind: ParameterInt, Low: 16, High: 64, Step: 16}),
		model("07", Parameter{Name: "hp.units", Kind: ParameterChoice, Choices: []any{8.0, 32.0}}, Parameter{Name: "hp.bias", Kind: ParameterChoice, Choices: []any{true, false}}),
		model("bare"),
	}
	for _, c := range []struct{ space, want, why string }{
		{space: "", want: "model=[a,07,bare], hp.units of a=int(16,64,16), hp.units of 07=[8,32], hp.bias of 07=[true,false]"},
		{space: "batch_size=[8], model=[bare,a]", want: "model=[bare,a], batch_size=[8], hp.units of a=int(16,64,16)"},
		{space: "hp.units=[32], model=[07,a]", want: "model=[07,a], hp.units of 07=[32], hp.units of a=[32], hp.bias of 07=[true,false]"},
		{space: "model=[a], hp.units=int(16,40)", want: "model=[a], hp.units of a=int(16,32,16)"},
		{space: "model=[a,c]", why: `has no model "c"`},
		{space: "hp.layers=[1]", why: "the source of no model asks for hp.layers"},
		{space: "model=[bare,a], hp.bias=[true]", why: "the source of no model asks for hp.bias"},
		{space: "hp.units=int(16,64)", why: "hp.units of 07: a range of int"},
		{space: "hp.units=[16]", why: "hp.units of 07: 16 is none"},
		{space: "model=int(1,2)", why: "one of the configuration's models"},
		{space: "model=[a,a]", why: "a is there twice"},
	} {
		space, err := ParseSpace(c.space)
		s := Study{Space: space, Objective: "loss"}
		if err == nil {
			_, err = s.Choose(models)
		}
		var got []string
		for _, p := range s.Space {
			got = append(got, p.Said()+strings.TrimPrefix(p.String(), p.Name))
		}
		if c.why == "" && (err != nil || strings.Join(got, ", ") != c.want || s.ModelOf(StudyTrial{Parameters: map[string]any{ModelName: s.Models[0].Name}}).Version != 2) ||
			c.why != "" && (KindOf(err) != Invalid || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%q: %v, %v", c.space, got, err)
		}
	}
}

// Trials share what they have read of a stream where their models take the same.
func TestTensorsOfModels(t *testing.T) {
	export := func(label string, size int) Export {
		return Export{Inputs: []Tensor{{Name: "x", DType: "float32", Shape: []int{size}}}, Labels: []Tensor{{Name: label, DType: "uint8"}}}
	}
	s := Study{ID: 3}
	if key := s.Tensors(export("dense", 9)); !strings.HasPrefix(key, StudyArtifact(3)+"/") || key != s.Tensors(export("dense_2", 9)) || key == s.Tensors(export("dense", 8)) {
		t.Error(key)
	}
}

// Values are of a trial that are of its model, all of them.
func TestAttackValuesOfAnotherModel(t *testing.T) {
	s := Study{Space: []Parameter{
		{Name: ModelName, Kind: ParameterChoice, Choices: []any{"a", "b"}},
		{Name: "hp.units", Model: "a", Kind: ParameterInt, Low: 1, High: 9},
		{Name: "hp.units", Model: "b", Kind: ParameterInt, Low: 10, High: 19},
	}}
	for _, c := range []struct {
		values map[string]any
		tries  bool
	}{
		{map[string]any{"model": "a", "hp.units": 3.0}, true},
		{map[string]any{"model": "b", "hp.units": 12.0}, true},
		{map[string]any{"model": "a", "hp.units": 12.0}, false},
		{map[string]any{"model": "c", "hp.units": 3.0}, false},
		{map[string]any{"model": "a"}, false},
		{map[string]any{"hp.units": 3.0}, false},
		{map[string]any{"model": "a", "hp.units": 3.0, "hp.more": 1.0}, false},
	} {
		if s.Tries(c.values) != c.tries {
			t.Errorf("%v: %t", c.values, !c.tries)
		}
	}
}

// A study searches all that a source asks hp for, and of it what its space says.
func TestSpacesOfSources(t *testing.T) {
	e := Export{Variables: "wr", Monitors: map[string]MetricMode{"loss": ModeMin}, Hyperparameters: []Parameter{
		{Name: "hp.units", Kind: ParameterInt, Low: 16, High: 250, Step: 16, Default: 16.0},
		{Name: "hp.rate", Kind: ParameterFloat, Low: 1e-4, High: 0.1, Log: true, Default: 1e-4},
		{Name: "hp.act", Kind: ParameterChoice, Choices: []any{"relu", "tanh"}, Default: "relu"},
	}}
	for _, c := range []struct{ space, want, why string }{
		{space: "", want: "hp.units=int(16,250,16), hp.rate=log(0.0001,0.1), hp.act=[relu,tanh]"},
		{space: "hp.act=[tanh], batch_size=[8]", want: "hp.act=[tanh], batch_size=[8], hp.units=int(16,250,16), hp.rate=log(0.0001,0.1)"},
		{space: "hp.units=int(32,100), hp.rate=float(1e-3,1e-2), hp.act=[relu]", want: "hp.units=int(32,96,16), hp.rate=log(0.001,0.01), hp.act=[relu]"},
		{space: "hp.units=[16,64], hp.rate=float(0.01,0.03,0.01)", want: "hp.units=[16,64], hp.rate=float(0.01,0.03,0.01), hp.act=[relu,tanh]"},
		{space: "hp.layers=int(1,2)", why: "the source of no model asks for hp.layers"},
		{space: "hp.units=int(16,256)", why: "256 is none of its values"},
		{space: "hp.units=int(17,64)", why: "17 is none of its values"},
		{space: "hp.units=int(16,64,8)", why: "steps are of 16"},
		{space: "hp.units=[20]", why: "20 is none of its values"},
		{space: "hp.units=float(16,64)", why: "a range of float"},
		{space: "hp.rate=log(1e-5,0.1)", why: "1e-05 is none of its values"},
		{space: "hp.act=[relu,elu]", why: "elu is none of its values"},
		{space: "hp.act=int(1,2)", why: "a range of int"},
	} {
		space, err := ParseSpace(c.space)
		if err != nil {
			t.Fatal(err)
		}
		s := Study{Space: space, Objective: "loss", Direction: ModeAuto}
		_, err = s.Choose([]Model{{Name: "a", Export: e}})
		var got []string
		for _, p := range s.Space {
			got = append(got, p.String())
		}
		if c.why == "" && (err != nil || strings.Join(got, ", ") != c.want) || c.why != "" && (KindOf(err) != Invalid || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%q: %v, %v", c.space, got, err)
		}
	}
}

func TestGridsWithoutEnd(t *testing.T) {
	for why, p := range map[string]Parameter{
		"a grid needs steps":    {Name: "a", Kind: ParameterFloat, High: 1},
		"more than 1000 points": {Name: "a", Kind: ParameterInt, High: 1 << 50},
	} {
		s := Study{Sampler: SamplerGrid, Space: []Parameter{p}}
		if err := s.checkGrid(); KindOf(err) != Invalid || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestStudiesOutOfRange(t *testing.T) {
	for why, s := range map[string]Study{
		"must be from 1 to 1000":   {Trials: 1001},
		"must be from 1 to 16":     {Parallel: 17},
		`"hyperband" is not known`: {Pruner: "hyperband"},
		`"cmaes" is not known`:     {Sampler: "cmaes"},
		"must be from 0 to":        {Seed: -1},
	} {
		if err := s.Normalize(); KindOf(err) != Invalid || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestASHAJudgesAtItsRungs(t *testing.T) {
	var at []int
	for epoch := 1; epoch <= 100; epoch++ {
		if PrunerASHA.Judges(epoch) {
			at = append(at, epoch)
		}
	}
	if diff := cmp.Diff([]int{1, 4, 16, 64}, at); diff != "" || PrunerNone.Judges(1) || !PrunerMedian.Judges(3) {
		t.Error(diff)
	}
}
