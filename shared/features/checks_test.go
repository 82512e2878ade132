package features

import (
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Keras trains on such labels, and the loss goes below 0.
func TestLabelsThatAreNoProbabilitiesAreRefused(t *testing.T) {
	label := pipeline.Tensor{Name: "y", DType: "float32"}
	for loss, refuses := range map[string]bool{"binary_crossentropy": true, "binary_focal_crossentropy": true, "mse": false} {
		c := &Checks{binary: pipeline.Export{Loss: loss, Labels: []pipeline.Tensor{label}}.Binary()}
		c.labels = []check{newCheck(codec.Tensor{DType: codec.Uint8}, label, true)}
		for v, hint := range map[byte]string{0: "", 1: "", 2: "an output for each"} {
			err := c.Labels([][]byte{{v}}, nil)
			if (err != nil) != (refuses && hint != "") || err != nil && !strings.Contains(codec.Hint(err), hint) {
				t.Errorf("%s, label %d: %v", loss, v, err)
			}
		}
	}
	if hint := codec.Hint(codec.Unlikely(-1)); !strings.Contains(hint, "hinge") {
		t.Error(hint)
	}
}
