package onnximport_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	"github.com/kafkaml/kafkaml/shared/framework/onnx"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnximport"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestPredictsAsTheLibraryDidThatTrained serves the files of testdata, made by
// other tools' exporters, and holds the predictions against those of the
// libraries that trained the models.
func TestPredictsAsTheLibraryDidThatTrained(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	var models []frameworktest.Served
	for _, file := range files {
		models = append(models, imported(t, strings.TrimSuffix(file, ".json")))
	}
	frameworktest.ExercisePredictor(t, onnx.Framework{}, models...)
}

// imported is a model of testdata with the records beside it.
func imported(t *testing.T, name string) frameworktest.Served {
	t.Helper()
	var known struct{ Inputs, Outputs map[string]any }
	text, err := os.ReadFile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	got, err := onnximport.Importer{}.Import(t.Context(), name+".onnx", dir)
	if err != nil {
		t.Fatal(name, err)
	}
	s := frameworktest.Served{Name: filepath.Base(name), Dir: filepath.Join(dir, framework.ImportedTrained), Export: got.Export}
	for _, in := range got.Export.Inputs {
		d, err := codec.ParseDType(in.DType)
		if err != nil {
			t.Fatal(err)
		}
		var doubles []byte
		for _, v := range flat(known.Inputs[in.Name]) {
			doubles = binary.LittleEndian.AppendUint64(doubles, math.Float64bits(v))
		}
		data := make([]byte, len(doubles)/8*d.Size())
		if err := codec.Cast(data, d, doubles, codec.Float64); err != nil {
			t.Fatal(err)
		}
		s.Layout = append(s.Layout, codec.Tensor{Name: in.Name, DType: d, Shape: in.Shape})
		s.Inputs = append(s.Inputs, data)
	}
	for _, out := range got.Export.Outputs {
		s.Outputs = append(s.Outputs, flat(known.Outputs[out.Name]))
	}
	return s
}

// flat are the numbers of nested lists.
func flat(v any) (all []float64) {
	switch v := v.(type) {
	case float64:
		return []float64{v}
	case []any:
		for _, one := range v {
			all = append(all, flat(one)...)
		}
	}
	return all
}

func TestWhatAFileSaysOfItself(t *testing.T) {
	got, err := onnximport.Importer{}.Import(t.Context(), "testdata/named_classes.onnx", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	e := got.Export
	if want := []pipeline.Tensor{{Name: "X", DType: "float32", Shape: []int{4}}}; !reflect.DeepEqual(e.Inputs, want) {
		t.Errorf("inputs %v, want %v", e.Inputs, want)
	}
	if want := []pipeline.Tensor{{Name: "probabilities", DType: "float32", Shape: []int{3}}}; !reflect.DeepEqual(e.Outputs, want) {
		t.Errorf("outputs %v, want %v", e.Outputs, want)
	}
	if len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0].Message, `"label" holds text`) || e.Untrainable == "" || e.Libraries["skl2onnx"] == "" {
		t.Errorf("%+v", e)
	}
}

// TestRefusals are files that a person could have, each of which is refused with
// what to do, and leaves nothing.
func TestRefusals(t *testing.T) {
	small := func(change func(*onnxtest.Model)) []byte {
		m := onnxtest.Small()
		change(&m)
		return m.Encode()
	}
	zipmap, err := os.ReadFile("testdata/zipmap.onnx")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		file       []byte
		says, hint string
	}{
		"zip map":        {zipmap, "list of maps", "zipmap=False"},
		"empty":          {nil, "", "export"},
		"cut off":        {small(func(*onnxtest.Model) {})[:120], "", "cut off"},
		"a batch of one": {small(func(m *onnxtest.Model) { m.Graph.Inputs[0].Dims[0] = 1 }), "the first size must be open", "dynamic_axes"},
		"no shape":       {small(func(m *onnxtest.Model) { m.Graph.Outputs[0].Rankless = true }), "no known shape", "infer_shapes"},
		"open weights":   {small(func(m *onnxtest.Model) { m.Graph.Outputs[0].DType = 8 }), "0 outputs of numbers", "probabilities"},
		"text":           {small(func(m *onnxtest.Model) { m.Graph.Inputs[0].DType = 8 }), "takes text", "encode"},
		"weights beside": {small(func(m *onnxtest.Model) { m.Graph.Initializers[0].Extra = onnxtest.Number(nil, 14, 1) }), "another file", "external_data=False"},
		"words":          {small(func(m *onnxtest.Model) { m.Graph.Nodes[0].Op = "StringNormalizer" }), "StringNormalizer works on text", "encode text before it"},
		"quantized by the runtime": {
			small(func(m *onnxtest.Model) {
				m.Graph.Nodes[0].Domain, m.Graph.Nodes[0].Op = "com.microsoft", "DynamicQuantizeLSTM"
			}),
			`operators of "com.microsoft"`, "before ONNX Runtime optimized or quantized it",
		},
		"operators of others": {small(func(m *onnxtest.Model) { m.Graph.Nodes[0].Domain = "org.example" }), `operators of "org.example"`, "without custom operators"},
		"one for all records": {small(func(m *onnxtest.Model) { m.Graph.Outputs[0].Dims = nil }), `"y" is a single number, however many records`, "a first size for the records"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "file")
			if err := os.WriteFile(file, tt.file, 0o600); err != nil {
				t.Fatal(err)
			}
			to := t.TempDir()
			_, err := onnximport.Importer{}.Import(t.Context(), file, to)
			var e *pipeline.Error
			if !errors.As(err, &e) || e.Kind != pipeline.Invalid || !strings.Contains(e.Reason, tt.says) || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("got %v with the hint %q, want a refusal with %q and %q", err, e.Hint, tt.says, tt.hint)
			}
			if left, err := os.ReadDir(to); err != nil || len(left) > 0 {
				t.Error("something is left:", left, err)
			}
		})
	}
}
