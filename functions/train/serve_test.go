package train

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
)

// outputs are one output of float32 for two records.
func outputs(values ...float32) []framework.Output {
	o := framework.Output{Name: "y", DType: codec.Float32, Shape: []int{len(values) / 2}, Size: 4 * len(values) / 2}
	for _, v := range values {
		o.Data = binary.LittleEndian.AppendUint32(o.Data, math.Float32bits(v))
	}
	return []framework.Output{o}
}

// A difference counts by the size of what differs, and of what its output
// usually is; NaN equals NaN alone.
func TestHowFarEnginesAreApart(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		own, other []float32
		refused    string
	}{
		"equal":                     {[]float32{1, 2}, []float32{1, 2}, ""},
		"the last bits":             {[]float32{1, 2}, []float32{1.0000005, 2}, ""},
		"more":                      {[]float32{1, 2}, []float32{1.001, 2}, `output "y" differs: 1.001`},
		"zero among large ones":     {[]float32{0, 100}, []float32{1e-5, 100}, ""},
		"small among small ones":    {[]float32{1e-9, 1e-9}, []float32{2e-9, 1e-9}, "differs"},
		"NaN in both":               {[]float32{nan, 2}, []float32{nan, 2}, ""},
		"NaN in one":                {[]float32{1, 2}, []float32{nan, 2}, "differs"},
		"NaN in the other":          {[]float32{nan, 2}, []float32{1, 2}, "differs"},
		"infinite in both":          {[]float32{inf, 2}, []float32{inf, 2}, ""},
		"infinite in one":           {[]float32{inf, 2}, []float32{1, 2}, "differs"},
		"of another number of rows": {[]float32{1, 2, 3, 4}, []float32{1, 2}, "has 1 elements, 2 are due"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := apart(outputs(c.own...), outputs(c.other...), 0, 2)
			if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%v, want %q", err, c.refused)
			}
		})
	}
}

// A model with an ONNX form is served by it once its predictions are those of
// the framework. One whose form predicts otherwise, or cannot be opened, trains
// all the same, is served by the framework and says why; nothing of the form is
// kept.
func TestWhatServesAModel(t *testing.T) {
	for name, c := range map[string]struct {
		change func(graph []byte) []byte
		want   []string
		reason string
	}{
		"as it was exported": {func(b []byte) []byte { return b }, []string{"tensorflow", "onnx"}, "onnx "},
		"another function":   {func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("Sigmoid"), []byte("Softmax")) }, []string{"tensorflow"}, "onnx cannot serve it: output"},
		"no such operation":  {func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("Sigmoid"), []byte("Siqmoid")) }, []string{"tensorflow"}, "onnx cannot serve it: "},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.send(t, 400)
			r.change(t, onnxmodel.Open.Name, c.change)
			if err := Run(t.Context(), r.Config); err != nil {
				t.Fatal(err)
			}
			s := r.outcome.Serving
			if s == nil || cmp.Diff(c.want, s.Engines) != "" || s.Engine != c.want[len(c.want)-1] || !strings.HasPrefix(s.Reason, c.reason) {
				t.Errorf("%+v, want %v, %q", s, c.want, c.reason)
			}
			kept, err := r.store(t).Exists(t.Context(), r.Job.Output+"/"+onnxmodel.Model.Name)
			if err != nil || kept != (len(c.want) > 1) {
				t.Errorf("the ONNX file is kept: %v, %v", kept, err)
			}
		})
	}
}

// change rewrites a blob of the exported model.
func (r *rig) change(t *testing.T, name string, how func([]byte) []byte) {
	t.Helper()
	m := tensorflowtest.Load(t, "small")
	b, err := os.ReadFile(filepath.Join(m.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store(t).Put(t.Context(), r.Job.Artifact+"/"+name, bytes.NewReader(how(b))); err != nil {
		t.Fatal(err)
	}
}

// unservable is the framework, whose variables are lost between saving and serving.
type unservable struct{ tensorflow.Framework }

func (u unservable) OpenPredictor(o framework.PredictorOptions) (framework.Predictor, error) {
	err := filepath.WalkDir(o.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), "variables.data") {
			err = os.Truncate(path, 1)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return u.Framework.OpenPredictor(o)
}

// A training whose model cannot be served as it was saved fails with the reason, and
// stores nothing.
func TestModelThatCannotBeServed(t *testing.T) {
	r := newRig(t)
	r.send(t, 400)
	r.Frameworks = framework.Frameworks{unservable{}}
	if err := Run(t.Context(), r.Config); err == nil || !strings.Contains(r.outcome.Reason, "tensorflow cannot serve what was saved: ") {
		t.Errorf("%v: %q", err, r.outcome.Reason)
	}
	if kept, err := r.store(t).List(t.Context(), r.Job.Output); err != nil || len(kept) > 0 {
		t.Errorf("stored: %v, %v", kept, err)
	}
}
