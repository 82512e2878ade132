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
		" , ":                    "is empty",
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
		"a=[1,1]":                "and once",
		"a=[]":                   "each choice is there",
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
	for _, text := range []string{"learning_rate=log(1e-4,1e-1), batch_size=[16,32,64]", "a=int(1,9,2),b=[x,'y',true]", "a=float(0,1,0.1)", "a=[", "=", "a=int(1,8,log)"} {
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
		if s.Normalize() == nil {
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
	} {
		space, err := ParseSpace(c.space)
		if err != nil {
			t.Fatal(err)
		}
		s := Study{Space: space, Objective: c.objective}
		if err := s.Normalize(); err != nil {
			t.Fatal(err)
		}
		err = s.Suits(e)
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

func TestStudiesOutOfRange(t *testing.T) {
	for why, s := range map[string]Study{
		"must be from 1 to 1000":   {Trials: 1001},
		"must be from 1 to 16":     {Parallel: 17},
		`"hyperband" is not known`: {Pruner: "hyperband"},
		`"cmaes" is not known`:     {Sampler: "cmaes"},
		"must be from 0 to":        {Seed: -1},
		"a grid needs steps":       {Sampler: SamplerGrid, Space: []Parameter{{Name: "a", Kind: ParameterFloat, High: 1}}},
		"more than 1000 points":    {Sampler: SamplerGrid, Space: []Parameter{{Name: "a", Kind: ParameterInt, High: 1 << 50}}},
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
