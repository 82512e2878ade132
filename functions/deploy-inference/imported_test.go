package deployinference_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// TestImportedModel has no stream to take a format from.
func TestImportedModel(t *testing.T) {
	r := newRig(t)
	from := &pipeline.Imported{File: "iris.onnx", Format: "onnx"}
	m := pipeline.Model{Name: "iris", Framework: "onnx", Imported: from, Export: pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "X", DType: "float32", Shape: []int{4}}}, Untrainable: "it only serves",
	}}
	result := pipeline.Result{
		ModelName: "iris", ModelVersion: 1, Imported: from, Status: pipeline.ResultFinished, Artifact: "results/9/attempt-1",
		Serving: &pipeline.Serving{Engine: "onnx", Engines: []string{"onnx"}},
	}
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		if err := tx.CreateModel(&m); err != nil {
			return err
		}
		result.Model = m.ID
		return tx.CreateResult(&result)
	})
	if err != nil {
		t.Fatal(err)
	}
	form := map[string]any{"result": result.ID, "input_topic": "flowers", "output_topic": "flowers-out"}
	status, body := r.call(t, "POST", "/inferences", form)
	if status != 422 || !strings.Contains(string(body), `"field":"input_format"`) || !strings.Contains(string(body), "X (float32 [4])") {
		t.Errorf("without a format: %d %s", status, body)
	}
	form = nil
	_, body = r.call(t, "GET", fmt.Sprintf("/inferences/suggest?result=%d", result.ID), nil)
	if err := json.Unmarshal(body, &form); err != nil || form["input_format"] != "JSON" {
		t.Errorf("suggested is %s", body)
	}
	if status, body := r.call(t, "POST", "/inferences", form); status != 201 || !strings.Contains(string(body), `"served_by":"onnx"`) {
		t.Errorf("the suggestion is refused: %d %s", status, body)
	}
}
