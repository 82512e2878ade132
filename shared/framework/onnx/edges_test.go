package onnx

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// wantRefused are the models that TensorFlow serves, since what their operations
// became would give other numbers for some records.
var wantRefused = map[string]string{
	"segment_sum":   "the operation SegmentSum of the layer layer_1 has no ONNX form",
	"segment_max":   "the operation SegmentMax of the layer layer_1 has no ONNX form",
	"stitch":        "the operation DynamicStitch of the layer layer_1 has no ONNX form",
	"power":         "the operation Pow of the layer layer_1 has no ONNX form",
	"shift":         "the operation RightShift of the layer layer_1 has no ONNX form",
	"bfloat16":      "the layer layer_1 (Layer) rounds to bfloat16, which its converter takes for float16",
	"diag above":    "the operation MatrixDiagV3 of the layer layer_1 has no ONNX form",
	"product of 70": "the operation Prod of the layer layer_1 has no ONNX form",
}

// TestEdgesEqualTensorFlow holds that what a model of Keras became refuses the
// records that TensorFlow refuses, and gives for the others what it gives: at the
// edges of what operations take, the two differ by themselves. None ends the process.
func TestEdgesEqualTensorFlow(t *testing.T) {
	python, site, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	packages, err := toolchain.ONNXPackages()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const processes = 2
	var said [processes][]byte
	var all errgroup.Group
	for k := range processes {
		all.Go(func() error {
			c := exec.CommandContext(t.Context(), python, "-I", "-S", "-B", "testdata/edges.py", dir, strconv.Itoa(k), strconv.Itoa(processes), "../keras/worker", site, packages)
			c.Env = append(os.Environ(), "TF_CPP_MIN_LOG_LEVEL=3", "HOME="+filepath.Join(dir, "home-"+strconv.Itoa(k))) // Keras writes there
			var wrong bytes.Buffer
			c.Stderr = &wrong
			out, err := c.Output()
			if err != nil {
				return fmt.Errorf("%w\n%s", err, wrong.Bytes())
			}
			said[k] = out
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	type tensor struct {
		Name, Signature, DType string
		Shape                  []int
	}
	models := map[string]struct {
		Refused       string // why there is no ONNX form
		Input, Output tensor
		Records       []struct {
			Record, Values string
			Output         *string
		}
	}{}
	for _, out := range said {
		if err := json.Unmarshal(out, &models); err != nil { // which adds to those there
			t.Fatal(err)
		}
	}
	refused := 0
	for name, m := range models {
		if m.Refused != wantRefused[name] {
			t.Errorf("%s: as ONNX it is refused: %q, want %q", name, m.Refused, wantRefused[name])
		}
		if m.Refused != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			e := pipeline.Export{Inputs: []pipeline.Tensor{{Name: m.Input.Name, Signature: m.Input.Signature, DType: m.Input.DType, Shape: m.Input.Shape}}}
			e.Outputs = []pipeline.Tensor{{Name: m.Output.Name, Signature: m.Output.Signature, DType: m.Output.DType, Shape: m.Output.Shape}}
			p, err := Framework{}.OpenPredictor(framework.PredictorOptions{Dir: filepath.Join(dir, name), Export: e})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for _, r := range m.Records {
				b, err := p.NewBatch(frameworktest.AsStored(t, p.Inputs()))
				if err != nil {
					t.Fatal(err)
				}
				record, err := hex.DecodeString(r.Record)
				if err != nil {
					t.Fatal(err)
				}
				copy(b.Next()[0], record)
				err = b.Predict(t.Context(), 0, 1)
				if r.Output == nil {
					refused++
					if err == nil {
						t.Errorf("%s: gives %x, TensorFlow refuses it", r.Values, b.Outputs()[0].Data)
					} else if s := err.Error(); strings.Contains(s, "21474836") || !strings.Contains(s, "an index ") && !strings.Contains(s, "division by zero") && !strings.Contains(s, "NaN is among numbers") {
						t.Errorf("%s is refused: %v", r.Values, err)
					}
				} else if err != nil {
					t.Errorf("%s: %v, TensorFlow gives %s", r.Values, err, *r.Output)
				} else if got := hex.EncodeToString(b.Outputs()[0].Data); got != *r.Output {
					t.Errorf("%s: gives %s, TensorFlow %s", r.Values, got, *r.Output)
				}
			}
		})
	}
	if refused < 20 {
		t.Errorf("TensorFlow refuses %d records", refused)
	}
}
