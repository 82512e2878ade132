package train

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestMissingClassesComeInOrder(t *testing.T) {
	whole := make([]int64, 30)
	for class := range whole {
		whole[class] = 1
	}
	have := slices.Clone(whole)
	have[2], have[10] = 0, 0
	if got, want := missing("test", have, whole), "the test split has no record of class [2 10]: split the stream by label, or send it in mixed order"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := missing("test", make([]int64, 30), whole), "the test split has no record of class [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19] and 10 more: split the stream by label, or send it in mixed order"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := missing("test", whole, whole); got != nil {
		t.Errorf("got %q", got)
	}
}

// A stream of one class is told by the text that its label was numbered from.
func TestRecordsOfOneClass(t *testing.T) {
	u := &training{classNames: []string{"no", "yes"}}
	if got := u.alike([]int64{0, 40}); len(got) != 1 || !strings.HasPrefix(got[0], "all 40 records are of class yes:") {
		t.Errorf("got %q", got)
	}
	for _, whole := range [][]int64{nil, {1, 39}, {1, 0}, {0, 0}} {
		if got := u.alike(whole); got != nil {
			t.Errorf("%v: got %q", whole, got)
		}
	}
}

func TestShareThatComesToNone(t *testing.T) {
	want := "test_rate 0.1 of 5 records comes to none: there are no test metrics; send more records, or a larger share"
	if got := without("test", 0.1, 0, 5); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := append(without("test", 0.1, 1, 10), without("test", 0, 0, 10)...); got != nil {
		t.Errorf("got %q", got)
	}
}

// Outputs that are no probabilities are told where the loss takes them.
func TestOutputsThatAreNoProbabilities(t *testing.T) {
	for name, c := range map[string]struct {
		e    pipeline.Export
		of   []float64
		says string
	}{
		"probabilities":       {pipeline.Export{Loss: "binary_crossentropy"}, []float64{0, 1, 0.5}, ""},
		"rounded":             {pipeline.Export{Loss: "categorical_crossentropy"}, []float64{-1e-7, 1.0005}, ""},
		"logits":              {pipeline.Export{Loss: "binary_crossentropy", Logits: true}, []float64{-3, 4}, ""},
		"a hinge":             {pipeline.Export{Loss: "hinge"}, []float64{-3, 4}, ""},
		"a loss of their own": {pipeline.Export{Loss: "my_crossentropy", LabelGuessed: true}, []float64{-3, 4}, ""},
		"NaN":                 {pipeline.Export{Loss: "binary_crossentropy"}, []float64{math.NaN()}, ""},
		"shares of a sum":     {pipeline.Export{Loss: "categorical_crossentropy"}, []float64{0.5, 7}, ""},
		"below 0":             {pipeline.Export{Loss: "binary_crossentropy"}, []float64{0.5, -3}, "go from -3 to 0.5"},
		"negative shares":     {pipeline.Export{Loss: "categorical_crossentropy"}, []float64{-2, 7}, "go from -2 to 7"},
		"above 1":             {pipeline.Export{Loss: "sparse_categorical_crossentropy"}, []float64{0.5, 7}, "sparse_categorical_crossentropy takes probabilities, and the outputs of the model go from 0.5 to 7"},
	} {
		given := extent{math.Inf(1), math.Inf(-1)}
		given.add(c.of)
		if said := improbable(c.e, given); (said == "") != (c.says == "") || !strings.Contains(said, c.says) {
			t.Errorf("%s: %q", name, said)
		}
	}
}
