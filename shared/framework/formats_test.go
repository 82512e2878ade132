package framework_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestTheArrayInC has a C compiler read what is written, and a program of it
// give the bytes back.
func TestTheArrayInC(t *testing.T) {
	f := pipeline.ModelFormat{
		FormatKey: pipeline.FormatKey{Name: pipeline.TFLiteC, Quantize: pipeline.QuantizeInt8},
		Inputs:    []pipeline.FormatTensor{{Name: "x*/ int oops;", DType: "int8", Shape: []int{1, 28, 28}, Scale: 0.5, ZeroPoint: -128}},
		Outputs:   []pipeline.FormatTensor{{Name: "y", DType: "float32", Shape: []int{1, 10}}},
	}
	name := framework.CName(pipeline.Result{ID: 3, ModelName: "8-bit ünit"}, f.Quantize)
	if name != "model_8_bit__nit_result_3_int8" {
		t.Errorf("the name is %q", name)
	}
	data := make([]byte, 30_001)
	for i := range data {
		data[i] = byte(i * 7)
	}
	var header bytes.Buffer
	if err := framework.WriteC(&header, name, f, bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	if n := framework.CSize(name, f, int64(len(data))); n != int64(header.Len()) {
		t.Errorf("%d bytes are foretold, %d written", n, header.Len())
	}
	for _, says := range []string{"alignas(16) const unsigned char " + name + "[] = {", "int8 [1 28 28], scale 0.5, zero point -128", "y: float32 [1 10]\n"} {
		if !strings.Contains(header.String(), says) {
			t.Errorf("it does not say %q", says)
		}
	}
	if err := framework.WriteC(&bytes.Buffer{}, name, f, bytes.NewReader(data[:10]), 20); err == nil {
		t.Error("a file that ends early is taken")
	}
	dir := t.TempDir()
	program := "#include \"model.h\"\n#include \"model.h\"\n#include <stdio.h>\nint main(void) { return fwrite(" + name + ", 1, " + name + "_len, stdout) != " + name + "_len; }\n"
	for file, text := range map[string]string{"model.h": header.String(), "main.c": program} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "gcc", "-std=c11", "-Wall", "-Werror", "-o", dir+"/main", dir+"/main.c").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), dir+"/main").Output(); err != nil || !bytes.Equal(out, data) {
		t.Errorf("%d bytes come back, %v", len(out), err)
	}
}

// What was converted stays listed when the formats are listed again, and a format
// that is not there says why.
func TestFormatsOfAResult(t *testing.T) {
	s, b := store(t), framework.Bundle{Formats: []framework.Format{
		{Name: "whole", Blob: "whole.zip"},
		{Name: "graph", Blob: "graph", Engine: "other", Lacking: "not every model has one", Unfit: func(e pipeline.Export) string { return e.NoONNX }},
		{Name: pipeline.TFLite, Blob: "made", Made: true, Unfit: func(e pipeline.Export) string { return e.NoONNX }},
	}}
	if err := s.Put(t.Context(), "results/1/whole.zip", strings.NewReader("12345")); err != nil {
		t.Fatal(err)
	}
	int8 := pipeline.ModelFormat{FormatKey: pipeline.FormatKey{Name: pipeline.TFLite, Quantize: pipeline.QuantizeInt8}, Size: 7, Samples: 100}
	differs := &pipeline.Serving{Engine: "own", Engines: []string{"own"}, Reason: "its output differs"}
	for name, c := range map[string]struct {
		export pipeline.Export
		result pipeline.Result
		graph  string
	}{
		"converted before": {pipeline.Export{}, pipeline.Result{Formats: []pipeline.ModelFormat{int8}}, "not every model has one"},
		"served by one":    {pipeline.Export{}, pipeline.Result{Formats: []pipeline.ModelFormat{int8}, Serving: differs}, "its output differs"},
		"without a form":   {pipeline.Export{NoONNX: "it reads text"}, pipeline.Result{Formats: []pipeline.ModelFormat{int8}, Serving: differs}, "it reads text"},
	} {
		t.Run(name, func(t *testing.T) {
			c.result.Artifact = "results/1"
			var err error
			if c.result.Formats, err = b.Have(t.Context(), s, c.export, c.result); err != nil {
				t.Fatal(err)
			}
			if whole, _ := c.result.Format(pipeline.FormatKey{Name: "whole"}); whole.Size != 5 {
				t.Errorf("%+v", whole)
			}
			if graph, _ := c.result.Format(pipeline.FormatKey{Name: "graph"}); graph.Why != c.graph {
				t.Errorf("%q, want %q", graph.Why, c.graph)
			}
			if kept, _ := c.result.Format(int8.FormatKey); kept.Size != 7 || kept.Samples != 100 {
				t.Errorf("what was converted is %+v", kept)
			}
			if made, _ := c.result.Format(pipeline.FormatKey{Name: pipeline.TFLite}); made.Size != 0 || made.Why != c.export.NoONNX {
				t.Errorf("%+v", made)
			}
		})
	}
}
