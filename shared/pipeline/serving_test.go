package pipeline_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestServedBy(t *testing.T) {
	old, one := pipeline.Result{ID: 3}, pipeline.Result{ID: 4}
	one.Serving = &pipeline.Serving{Engine: "tensorflow", Engines: []string{"tensorflow"}, Reason: "StringLookup has no ONNX form"}
	both := pipeline.Result{ID: 5, Serving: &pipeline.Serving{Engine: "onnx", Engines: []string{"tensorflow", "onnx"}}}
	for _, c := range []struct {
		of          pipeline.Result
		asked, want string
		refused     string
	}{
		{old, "", "tensorflow", ""},
		{old, "auto", "tensorflow", ""},
		{old, "onnx", "", "use tensorflow: result 3 was trained before"},
		{one, "onnx", "", "StringLookup has no ONNX form"},
		{both, "", "onnx", ""},
		{both, "tensorflow", "tensorflow", ""},
		{both, "onnx", "onnx", ""},
		{both, "torch", "", "use tensorflow or onnx"},
	} {
		got, err := c.of.ServedBy(c.asked, "tensorflow")
		if got != c.want || (err != nil) != (c.refused != "") {
			t.Errorf("result %d asked for %q: %q, %v", c.of.ID, c.asked, got, err)
			continue
		}
		var e *pipeline.Error
		if err != nil && (!errors.As(err, &e) || e.Field != "engine" || !strings.Contains(e.Hint, c.refused)) {
			t.Errorf("%v with the hint %q", err, e.Hint)
		}
	}
}
