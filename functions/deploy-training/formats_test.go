package deploytraining

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// TestFormats holds that a result lists what its model can be had as, and that
// the rest of it is said: what is missing and why, what is to be made first.
func TestFormats(t *testing.T) {
	r := training(t)
	r.stored(t, 1, 1)
	if err := r.Artifacts.Delete(t.Context(), "results/1/attempt-1/model.onnx"); err != nil {
		t.Fatal(err)
	}
	r.finish(t, 1)
	key := func(name string, q pipeline.Quantize) pipeline.FormatKey {
		return pipeline.FormatKey{Name: name, Quantize: q}
	}
	check := func(t *testing.T) {
		t.Helper()
		result := r.result(t, 1)
		for k, want := range map[pipeline.FormatKey]struct{ kept, lacking bool }{
			key("savedmodel", ""): {true, false}, key("keras", ""): {true, false}, key("onnx", ""): {false, true},
			key("tflite", ""): {}, key("tflite", "int8"): {}, key("tflite-c", "float16"): {},
		} {
			f, listed := result.Format(k)
			if !listed || (f.Size > 0) != want.kept || (f.Why != "") != want.lacking {
				t.Errorf("%s: %+v, listed %t", k, f, listed)
			}
		}
	}
	check(t)
	r.write(t, func(tx *registry.Tx) error { // as an earlier version left it
		result, err := tx.Result(1)
		if err != nil {
			return err
		}
		result.Formats = nil
		return tx.UpdateResult(&result)
	})
	if err := r.listFormats(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t)

	for path, status := range map[string]int{
		"?format=tflite": http.StatusConflict, "?format=tflite-c&quantize=int8": http.StatusConflict,
		"?format=keras&quantize=int8": http.StatusUnprocessableEntity, "?format=tflite&quantize=int4": http.StatusUnprocessableEntity,
	} {
		if p := want[problem](t, r, status, "GET", "/results/1/model"+path, nil); p.Hint == "" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	const file = "    TFL3 and the rest"
	if err := r.Artifacts.Put(t.Context(), "results/1/attempt-1/model.int8.tflite", strings.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	r.write(t, func(tx *registry.Tx) error {
		result, err := tx.Result(1)
		if err != nil {
			return err
		}
		result.SetFormat(pipeline.ModelFormat{FormatKey: key("tflite", "int8"), Size: int64(len(file))})
		result.SetFormat(pipeline.ModelFormat{FormatKey: key("tflite-c", "int8"), Size: 1})
		return tx.UpdateResult(&result)
	})
	for name, says := range map[string]string{"tflite": file, "tflite-c": "m1_result_1_int8_len = 21;"} {
		resp, err := http.Get(r.url + "/results/1/model?quantize=int8&format=" + name)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body) // an error where it is shorter than its Content-Length
		_ = resp.Body.Close()
		if err != nil || !strings.Contains(string(body), says) || !strings.Contains(resp.Header.Get("Content-Disposition"), "m1-result-1-int8.") {
			t.Errorf("%s: %q, %v, %v", name, body, resp.Header, err)
		}
	}
}

// A format of another framework is named as such.
func TestFormatsOfOtherFrameworks(t *testing.T) {
	r := training(t)
	r.stored(t, 1, 1)
	r.finish(t, 1)
	r.Kinds = append(r.Kinds, onnxmodel.Kind())
	r.write(t, func(tx *registry.Tx) error {
		m, err := tx.Model(1)
		if err != nil {
			return err
		}
		m.Framework = onnxmodel.Name
		return tx.UpdateModel(&m)
	})
	p := want[problem](t, r, http.StatusUnprocessableEntity, "GET", "/results/1/model?format=keras", nil)
	if !strings.Contains(p.Detail, "not had as keras") || p.Hint != "use onnx" {
		t.Errorf("%+v", p)
	}
}
