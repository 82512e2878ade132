package onnxgraph_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxgraph"
	ox "github.com/kafkaml/kafkaml/shared/framework/onnx/onnxtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// small is what onnxtest.Small takes and gives.
var small = onnxgraph.Want{
	Inputs:  []onnxgraph.Tensor{{Name: "x", DType: codec.Float32, Shape: []int{3}}},
	Outputs: []onnxgraph.Tensor{{Name: "y", DType: codec.Float32, Shape: []int{2}}},
}

// weights are those of onnxtest.Small.
func weights() (all []onnxgraph.Weight) {
	for _, t := range ox.Small().Graph.Initializers {
		w := onnxgraph.Weight{Name: t.Name, DType: codec.Float32, Data: t.Raw}
		for _, d := range t.Dims {
			w.Shape = append(w.Shape, int(d))
		}
		all = append(all, w)
	}
	return all
}

// refused wants an error for people whose reason holds says.
func refused(t *testing.T, err error, says string) {
	t.Helper()
	var e *pipeline.Error
	if !errors.As(err, &e) || e.Kind != pipeline.Invalid || e.Field == "" || e.Hint == "" || !strings.Contains(e.Reason, says) {
		t.Errorf("got %v, want a refusal with %q", err, says)
	}
}

func TestOpenWeights(t *testing.T) {
	open := small
	for _, w := range weights() {
		open.Open = append(open.Open, onnxgraph.Tensor{Name: w.Name, DType: w.DType, Shape: w.Shape})
	}
	file := ox.OpenSmall().Encode()
	if err := onnxgraph.Verify(file, open); err != nil {
		t.Error(err)
	}
	refused(t, onnxgraph.Verify(file, small), "5 inputs")
	open.Open[2].Shape = []int{4, 3}
	refused(t, onnxgraph.Verify(file, open), `its weight "w2"`)
}

func TestFill(t *testing.T) {
	m := ox.OpenSmall()
	m.Extra = ox.Bytes(nil, 14, entry("author", "us"))
	m.Graph.Inputs[1].Dims = []int64{3, -1} // a weight's size may be open
	file := m.Encode()
	var filled bytes.Buffer
	if err := onnxgraph.Fill(&filled, file, weights()); err != nil {
		t.Fatal(err)
	}
	if err := onnxgraph.Verify(filled.Bytes(), small); err != nil {
		t.Error(err)
	}
	if !bytes.HasSuffix(filled.Bytes(), m.Extra) {
		t.Error("what comes after the graph is lost")
	}
	filled.Reset()
	if err := onnxgraph.Fill(&filled, file, weights()[:3]); err != nil {
		t.Fatal(err)
	}
	refused(t, onnxgraph.Verify(filled.Bytes(), small), `it takes "x" (float32 of shape [-1 3]), "w3"`)

	for says, spoil := range map[string]func(*onnxgraph.Weight){
		`no weight "w7"`:     func(w *onnxgraph.Weight) { w.Name = "w7" },
		"expected is int8":   func(w *onnxgraph.Weight) { w.DType = codec.Int8 },
		"of shape [4 3]":     func(w *onnxgraph.Weight) { w.Shape = []int{4, 3} },
		"of shape [-3 -4]":   func(w *onnxgraph.Weight) { w.Shape = []int{-3, -4} },
		"has 48 bytes":       func(w *onnxgraph.Weight) { w.Data = w.Data[4:] },
		"given twice":        func(w *onnxgraph.Weight) { w.Name, w.Shape, w.Data = "w1", []int{4}, w.Data[:16] },
		"no place in a grap": func(w *onnxgraph.Weight) { w.DType = codec.String },
	} {
		ws := weights()
		spoil(&ws[0])
		refused(t, onnxgraph.Fill(&bytes.Buffer{}, file, ws), says)
	}
	refused(t, onnxgraph.Fill(&bytes.Buffer{}, []byte("no model"), weights()), "refused")
}

func TestWantOf(t *testing.T) {
	w, err := onnxgraph.WantOf(pipeline.Export{
		Inputs:  []pipeline.Tensor{{Name: "a b", Signature: "a_b", DType: "uint8", Shape: []int{-1, 2}}},
		Outputs: []pipeline.Tensor{{Name: "y", DType: "float32"}},
	})
	if err != nil || len(w.Inputs) != 1 || w.Inputs[0].Name != "a_b" || w.Inputs[0].DType != codec.Uint8 || w.Outputs[0].Name != "y" {
		t.Errorf("%+v, %v", w, err)
	}
	_, err = onnxgraph.WantOf(pipeline.Export{Inputs: []pipeline.Tensor{{Name: "x", DType: "float33"}}})
	refused(t, err, "float33")
	words := small
	words.Inputs = []onnxgraph.Tensor{{Name: "x", DType: codec.String, Shape: []int{1}}}
	refused(t, onnxgraph.Verify(ox.Small().Encode(), words), "string, which has no place in a graph")
}

// TestMutations changes bytes of good files: no panic, no memory beyond the
// file's, and nothing passes that is not allowed.
func TestMutations(t *testing.T) {
	m := ox.Small()
	branch(within(one(ox.Node{Op: "Relu", In: []string{"x"}, Out: []string{"z"}}), 3))(&m)
	file := m.Encode()
	if err := onnxgraph.Verify(file, small); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same mutations each time
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	passed := 0
	const cases = 20_000
	for i := range cases {
		b := bytes.Clone(file)
		for range 1 + r.IntN(6) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		if i%3 == 0 {
			b = b[:r.IntN(len(b))]
		}
		if onnxgraph.Verify(b, small) == nil {
			passed++
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / cases; each > 1<<20 {
		t.Errorf("%d bytes are allocated for a file of %d", each, len(file))
	}
	t.Logf("%d of %d mutations of %d bytes passed: changes of constants and names", passed, cases, len(file))
}

// FuzzVerify looks for files that make the verifier panic.
func FuzzVerify(f *testing.F) {
	for _, m := range []ox.Model{ox.Small(), ox.OpenSmall(), ox.Endless(), ox.Exploding()} {
		f.Add(m.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := onnxgraph.Verify(b, small)
		var e *pipeline.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%v is no error for people", err)
		}
		if _, err := onnxgraph.Describe(b); err == nil {
			if err := onnxgraph.WriteOpen(&bytes.Buffer{}, b); err != nil {
				t.Error(err)
			}
		}
		_ = onnxgraph.Fill(&bytes.Buffer{}, b, weights())
	})
}

func BenchmarkVerify(b *testing.B) {
	file := ox.Small().Encode()
	for b.Loop() {
		if err := onnxgraph.Verify(file, small); err != nil {
			b.Fatal(err)
		}
	}
}
