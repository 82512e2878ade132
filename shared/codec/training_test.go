package codec

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestForTrainingSaysWhichLabelsSuit(t *testing.T) {
	input := []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{2}}}
	label := func(dtype string, shape ...int) []pipeline.Tensor {
		return []pipeline.Tensor{{Name: "y", DType: dtype, Shape: shape}}
	}
	cases := map[string]struct {
		export pipeline.Export
		shape  string // of the stream's labels
		hint   string
	}{
		"a class for one-hot": {pipeline.Export{Labels: label("float32", 5), Task: pipeline.Classification, Classes: 5, Loss: "categorical_crossentropy"}, "", "sparse_categorical_crossentropy"},
		"one-hot for a class": {pipeline.Export{Labels: label("int32"), Task: pipeline.Classification, Classes: 5, Loss: "sparse_categorical_crossentropy"}, "5", `loss="categorical_crossentropy"`},
		"a loss of one's own": {pipeline.Export{Labels: label("float32", 3), Task: pipeline.OtherTask, Loss: "mine", LabelGuessed: true}, "2", "label_reshape of the model"},
		"a loss of Keras":     {pipeline.Export{Labels: label("float32", 3), Task: pipeline.Regression, Loss: "mse"}, "2", "elements must agree"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.export.Inputs = input
			config, err := json.Marshal(map[string]string{"data_type": "float32", "data_reshape": "2", "label_type": "float32", "label_reshape": c.shape})
			if err != nil {
				t.Fatal(err)
			}
			_, err = ForTraining(pipeline.RAW, config, c.export, false)
			var refusal *pipeline.Error
			if !errors.As(err, &refusal) || !strings.Contains(refusal.Hint, c.hint) {
				t.Errorf("got %v with the hint %q, want %q", err, refusal.Hint, c.hint)
			}
		})
	}
}
