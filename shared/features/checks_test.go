package features

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestLabelsThatALossIsNotForAreRefused: Keras trains on them, to losses that mean
// nothing.
func TestLabelsThatALossIsNotForAreRefused(t *testing.T) {
	label := pipeline.Tensor{Name: "y", DType: "float32"}
	for _, test := range []struct {
		loss  string
		label float32
		hint  string // empty: it is taken
	}{
		{"binary_crossentropy", 0, ""},
		{"binary_crossentropy", 1, ""},
		{"binary_crossentropy", 0.5, ""},
		{"binary_crossentropy", 2, "an output for each"},
		{"binary_focal_crossentropy", 2, "an output for each"},
		{"binary_crossentropy", -1, "hinge"},
		{"mse", -1, ""},
		{"poisson", 7, ""},
		{"poisson", -1, "any number"},
		{"mean_squared_logarithmic_error", -0.5, "any number"},
		{"categorical_crossentropy", 3, "one-hot"},
		{"dice", 255, "dividing"},
		{"hinge", -1, ""},
		{"squared_hinge", 2, "-1 and 1"},
		{"mean_squared_error", -1e30, ""},
		{"mean_squared_error", float32(math.NaN()), "on_bad"},
		{"binary_crossentropy", float32(math.Inf(1)), "on_bad"},
		{"mine", float32(math.NaN()), ""},
		{"y: poisson, z: mse", -1, "any number"},
		{"y: mse, z: poisson", -1, ""},
	} {
		e := pipeline.Export{Loss: test.loss, Labels: []pipeline.Tensor{label}}
		c := &Checks{ranges: []*pipeline.LabelRange{e.LabelRange(0)}}
		c.labels = []check{newCheck(codec.Tensor{DType: codec.Float32}, label, true)}
		err := c.Labels([][]byte{binary.LittleEndian.AppendUint32(nil, math.Float32bits(test.label))}, nil)
		if (err != nil) != (test.hint != "") || err != nil && !strings.Contains(codec.Hint(err), test.hint) {
			t.Errorf("%s, label %g: %v (%s)", test.loss, test.label, err, codec.Hint(err))
		}
	}
	if r := (pipeline.Export{Loss: "poisson", LabelGuessed: true, Labels: []pipeline.Tensor{label}}).LabelRange(0); r != nil {
		t.Error("a loss of one's own has a range")
	}
}
