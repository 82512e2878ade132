package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	ox "github.com/kafkaml/kafkaml/shared/framework/onnx/onnxtest"
	"github.com/kafkaml/kafkaml/shared/framework/rows"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// written is a folder with a model as it is served.
func written(t testing.TB, m ox.Model) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "model.onnx"), m.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// export is that of a model with one input and one output of float32.
func export(in, out int) pipeline.Export {
	return pipeline.Export{
		Inputs:  []pipeline.Tensor{{Name: "the input", Signature: "x", DType: "float32", Shape: []int{in}}},
		Outputs: []pipeline.Tensor{{Name: "the output", Signature: "y", DType: "float32", Shape: []int{out}}},
	}
}

func opened(t testing.TB, m ox.Model, o framework.PredictorOptions) framework.Predictor {
	t.Helper()
	o.Dir = written(t, m)
	p, err := Framework{}.OpenPredictor(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// floats are values as records hold them.
func floats(values ...float32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// predict is what a predictor gives for records of float32, as the first
// output's values.
func predict(t testing.TB, p framework.Predictor, records ...[]byte) ([]float64, error) {
	t.Helper()
	b, err := p.NewBatch(frameworktest.AsStored(t, p.Inputs()))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		copy(b.Next()[0], r)
	}
	if err := b.Predict(t.Context(), 0, len(records)); err != nil {
		return nil, err
	}
	o := b.Outputs()[0]
	values, err := codec.Floats(o.Data, o.DType)
	if err != nil {
		t.Fatal(err)
	}
	return values, nil
}

// smallRecords are records of Small, stored in a type, and what it gives.
func smallRecords(t testing.TB, dir string, d codec.DType, n int) frameworktest.Served {
	t.Helper()
	s := frameworktest.Served{
		Name: d.String(), Dir: dir, Export: export(3, 2), Layout: []codec.Tensor{{Name: "the input", DType: d, Shape: []int{3}}},
		Inputs: make([][]byte, 1), Outputs: make([][]float64, 1),
	}
	for i := range n {
		x := [3]float64{float64(i % 7), float64(i % 3), float64(1 + i%2)}
		stored := make([]byte, 3*d.Size())
		if err := codec.Cast(stored, d, floats(float32(x[0]), float32(x[1]), float32(x[2])), codec.Float32); err != nil {
			t.Fatal(err)
		}
		s.Inputs[0] = append(s.Inputs[0], stored...)
		y := ox.SmallOutputs(x)
		s.Outputs[0] = append(s.Outputs[0], y[0], y[1])
	}
	return s
}

func TestPredictor(t *testing.T) {
	dir := written(t, ox.Small())
	models := []frameworktest.Served{several(t), sequences(t), wide(t)}
	for _, d := range []codec.DType{
		codec.Uint8, codec.Int16, codec.Uint16, codec.Int32, codec.Uint32, codec.Int64, codec.Uint64, codec.Float64, codec.Float16,
	} {
		models = append(models, smallRecords(t, dir, d, 20))
	}
	frameworktest.ExercisePredictor(t, Framework{}, append([]frameworktest.Served{smallRecords(t, dir, codec.Float32, 300)}, models...)...)
}

// several is a model with an input and an output of each type that a graph can
// have, each output its input.
func several(t testing.TB) frameworktest.Served {
	t.Helper()
	s := frameworktest.Served{Name: "several", Export: pipeline.Export{}}
	m := ox.Model{}
	for dtype, d := range map[int]codec.DType{
		1: codec.Float32, 2: codec.Uint8, 3: codec.Int8, 4: codec.Uint16, 5: codec.Int16, 6: codec.Int32, 7: codec.Int64, 9: codec.Bool,
		10: codec.Float16, 11: codec.Float64, 12: codec.Uint32, 13: codec.Uint64,
	} {
		in, out, dims := "in_"+d.String(), "out_"+d.String(), []int64{-1, 2, 1}
		m.Graph.Nodes = append(m.Graph.Nodes, ox.Node{Op: "Identity", In: []string{in}, Out: []string{out}})
		m.Graph.Inputs = append(m.Graph.Inputs, ox.Value{Name: in, DType: dtype, Dims: dims})
		m.Graph.Outputs = append(m.Graph.Outputs, ox.Value{Name: out, DType: dtype, Dims: dims})
		s.Export.Inputs = append(s.Export.Inputs, pipeline.Tensor{Name: in, DType: d.String(), Shape: []int{2, 1}})
		s.Export.Outputs = append(s.Export.Outputs, pipeline.Tensor{Name: out, DType: d.String(), Shape: []int{2, 1}})
		var stored []byte
		var values []float64
		for i := range 12 {
			one := make([]byte, d.Size())
			if err := codec.Cast(one, d, []byte{byte(i % 2)}, codec.Uint8); err != nil {
				t.Fatal(err)
			}
			stored, values = append(stored, one...), append(values, float64(i%2))
		}
		s.Inputs, s.Outputs = append(s.Inputs, stored), append(s.Outputs, values)
	}
	s.Dir, s.Layout = written(t, m), frameworktest.AsStored(t, s.Export.Inputs)
	return s
}

// sequences is a model of sequences whose length it leaves open, doubled.
func sequences(t testing.TB) frameworktest.Served {
	t.Helper()
	m := ox.Model{Graph: ox.Graph{
		Nodes:   []ox.Node{{Op: "Add", In: []string{"x", "x"}, Out: []string{"y"}}},
		Inputs:  []ox.Value{{Name: "x", DType: ox.Float32, Dims: []int64{-1, -1, 2}}},
		Outputs: []ox.Value{{Name: "y", DType: ox.Float32, Rankless: true}},
	}}
	s := frameworktest.Served{
		Name: "sequences", Dir: written(t, m), Layout: []codec.Tensor{{Name: "x", DType: codec.Float32, Shape: []int{3, 2}}},
		Export: pipeline.Export{
			Inputs:  []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{-1, 2}}},
			Outputs: []pipeline.Tensor{{Name: "y", DType: "float32", Shape: []int{-1, 2}}},
		},
		Inputs: make([][]byte, 1), Outputs: make([][]float64, 1),
	}
	for i := range 6 * 6 {
		s.Inputs[0] = append(s.Inputs[0], floats(float32(i))...)
		s.Outputs[0] = append(s.Outputs[0], 2*float64(i))
	}
	return s
}

// wide is a model whose records are so large once they are cast that the graph
// takes a batch of them piece by piece, doubled.
func wide(t testing.TB) frameworktest.Served {
	t.Helper()
	const n, records = castBytes / 4 / leastPiece, 2*leastPiece + 7
	m := ox.Model{Graph: ox.Graph{
		Nodes:   []ox.Node{{Op: "Add", In: []string{"x", "x"}, Out: []string{"y"}}},
		Inputs:  []ox.Value{{Name: "x", DType: ox.Float32, Dims: []int64{-1, n}}},
		Outputs: []ox.Value{{Name: "y", DType: ox.Float32, Dims: []int64{-1, n}}},
	}}
	s := frameworktest.Served{
		Name: "wide", Dir: written(t, m), Export: export(n, n), Layout: []codec.Tensor{{Name: "the input", DType: codec.Uint8, Shape: []int{n}}},
		Inputs: make([][]byte, 1), Outputs: make([][]float64, 1),
	}
	for i := range n * records {
		s.Inputs[0] = append(s.Inputs[0], byte(i/n+i))
		s.Outputs[0] = append(s.Outputs[0], 2*float64(byte(i/n+i)))
	}
	return s
}

// A loop without an end is ended, the record at fault alone is refused, and
// nothing else notices.
func TestLoopWithoutEnd(t *testing.T) {
	other := opened(t, ox.Small(), framework.PredictorOptions{Export: export(3, 2)})
	p := opened(t, ox.Endless(), framework.PredictorOptions{Export: export(3, 3), Deadline: 2 * time.Second})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if y, err := predict(t, other, floats(1, 2, 3)); err != nil || len(y) != 2 {
				t.Errorf("another model gives %v, %v", y, err)
				return
			}
		}
	}()
	calm, endless := floats(0, -1, -2), floats(1, 0, 0)
	for _, records := range [][][]byte{{calm, endless}, {endless}} {
		_, err := predict(t, p, records...)
		var e *pipeline.Error
		if !errors.As(err, &e) || e.Kind != pipeline.Invalid || !strings.Contains(e.Reason, "was stopped after") || !strings.Contains(e.Hint, "loops end") {
			t.Errorf("a loop without an end gives %v", err)
		}
	}
	if p.Limit() != 1 {
		t.Errorf("after a batch of 2 that was too slow the limit is %d", p.Limit())
	}
	if y, err := predict(t, p, calm); err != nil || y[1] != -1 {
		t.Errorf("after it, %v, %v", y, err)
	}
	close(stop)
	<-stopped
}

// What a record asks for is bounded, and what was asked for before is free
// again.
func TestMemoryOfARun(t *testing.T) {
	p := opened(t, ox.Exploding(), framework.PredictorOptions{Export: export(1, 1)})
	for range 3 {
		for _, n := range []float32{1e12, 1e9, 3e8} {
			_, err := predict(t, p, floats(n))
			var e *pipeline.Error
			if !errors.As(err, &e) || e.Kind != pipeline.Invalid || e.Hint == "" {
				t.Errorf("%g elements: %v", n, err)
			}
		}
		if y, err := predict(t, p, floats(1e6)); err != nil || y[0] != 1e6+1 {
			t.Errorf("a million elements: %v, %v", y, err)
		}
	}
}

func TestModelsThatAreNotOpened(t *testing.T) {
	forged := ox.Small()
	forged.Graph.Nodes[0].Op = "Evil"
	wrong := ox.Small() // verified, and refused by the library
	wrong.Graph.Nodes[0].In = []string{"x", "w1", "w2"}
	computed := ox.Exploding() // its constant is made by its own operators
	computed.Graph.Nodes[0].In[0] = "many"
	computed.Graph.Initializers = append(computed.Graph.Initializers, ox.Floats("many", nil, 1<<30))
	text := export(3, 2)
	text.Inputs[0].DType = "string"
	half := export(3, 2)
	half.Outputs[0].DType, half.Outputs[0].Shape = "float16", []int{-1}
	for name, c := range map[string]struct {
		model  ox.Model
		export pipeline.Export
		says   string
	}{
		"forged":           {forged, export(3, 2), "the operator Evil"},
		"open weights":     {ox.OpenSmall(), export(3, 2), "5 inputs"},
		"wrong":            {wrong, export(3, 2), "ONNX Runtime cannot load the model: "},
		"large constant":   {computed, export(1, 1), "asks for more memory"},
		"text":             {ox.Small(), text, "text has no place"},
		"halves of a size": {ox.Small(), half, "of a size that is not known"},
		"type of a dream":  {ox.Small(), pipeline.Export{Inputs: []pipeline.Tensor{{DType: "float33"}}}, "float33"},
	} {
		p, err := Framework{}.OpenPredictor(framework.PredictorOptions{Dir: written(t, c.model), Export: c.export})
		if err == nil || p != nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "onnxruntime_src") {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

// TestNewestGraphs opens what onnxgraph takes at most, so that nothing is imported
// that the library does not open.
func TestNewestGraphs(t *testing.T) {
	m := ox.Small()
	m.IR, m.Opsets = 13, map[string]int64{"": 26, "ai.onnx.ml": 5}
	opened(t, m, framework.PredictorOptions{Export: export(3, 2)})
}

// A graph that gives other rows than it says is an error, not other memory.
func TestRowsOfAnotherNumber(t *testing.T) {
	m := ox.Model{Graph: ox.Graph{
		Nodes:        []ox.Node{{Op: "Reshape", In: []string{"x", "shape"}, Out: []string{"y"}}},
		Initializers: []ox.Tensor{ox.Longs("shape", 1, -1)},
		Inputs:       []ox.Value{{Name: "x", DType: ox.Float32, Dims: []int64{-1, 3}}},
		Outputs:      []ox.Value{{Name: "y", DType: ox.Float32, Rankless: true}},
	}}
	for _, size := range []int{3, -1} {
		p := opened(t, m, framework.PredictorOptions{Export: export(3, size), Stored: []codec.Tensor{{Name: "the input", DType: codec.Float32, Shape: []int{3}}}})
		if y, err := predict(t, p, floats(1, 2, 3), floats(4, 5, 6)); err == nil {
			t.Errorf("size %d: %v", size, y)
		}
		if y, err := predict(t, p, floats(1, 2, 3)); err != nil || len(y) != 3 || y[2] != 3 {
			t.Errorf("size %d, one record: %v, %v", size, y, err)
		}
	}
}

func TestSideBySide(t *testing.T) {
	s := smallRecords(t, written(t, ox.Small()), codec.Uint8, 64)
	p, err := Framework{}.OpenPredictor(framework.PredictorOptions{Dir: s.Dir, Export: s.Export, Stored: s.Layout})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for lane := range 4 {
		all.Go(func() {
			for round := range 20 { // new batches: old ones are collected meanwhile
				b, err := p.NewBatch(s.Layout)
				if err != nil {
					t.Error(err)
					return
				}
				for i := range 1 + (lane+round)%50 {
					copy(b.Next()[0], s.Inputs[0][3*i:])
					if err := b.Predict(t.Context(), 0, b.Len()); err != nil {
						t.Error(err)
						return
					}
					y, err := codec.Floats(b.Outputs()[0].Row(i), codec.Float32)
					if err != nil || y[0] != s.Outputs[0][2*i] || y[1] != s.Outputs[0][2*i+1] {
						t.Errorf("record %d: %v, %v, want %v", i, y, err, s.Outputs[0][2*i:2*i+2])
						return
					}
				}
				if round%5 == 0 {
					runtime.GC()
				}
			}
		})
	}
	all.Wait()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	runtime.GC() // batches outlive the model
}

func TestLimitGrowsWhileBatchesAreQuick(t *testing.T) {
	p := opened(t, ox.Small(), framework.PredictorOptions{Export: export(3, 2), MaxBatch: 500})
	b, err := p.NewBatch(frameworktest.AsStored(t, p.Inputs()))
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		b.Reset()
		for range p.Limit() {
			clear(b.Next()[0])
		}
		if err := b.Predict(t.Context(), 0, b.Len()); err != nil {
			t.Fatal(err)
		}
	}
	if p.Limit() <= rows.FirstLimit || p.Limit() > 500 {
		t.Errorf("the limit is %d for a net of 26 parameters", p.Limit())
	}
}

func TestLibrary(t *testing.T) {
	if name := (Framework{}).Library(); !strings.HasPrefix(name, "ONNX Runtime 1.") {
		t.Error(name)
	}
	t.Setenv("KAFKAML_ONNXRUNTIME", "/of/mine.so")
	if file, err := library(); err != nil || file != "/of/mine.so" {
		t.Error(file, err)
	}
}

// cache is where programs of this process may keep what they like.
var cache string

func TestMain(m *testing.M) {
	if models := os.Getenv(hostile); models != "" {
		openHostile(strings.Split(models, "\n"))
		return
	}
	dir, err := os.MkdirTemp("", "onnx-")
	if err == nil {
		cache = dir
		err = errors.Join(os.Setenv("HOME", dir), os.Setenv("XDG_CACHE_HOME", dir), os.Unsetenv("CI")) // automatic tests are not reported on
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// What is reported is collected in a database first.
func TestNothingIsReportedToTheLibrarysMakers(t *testing.T) {
	opened(t, ox.Dense(3, 4, 2), framework.PredictorOptions{Export: export(3, 2)})
	err := filepath.WalkDir(cache, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("the library wrote %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkPredict(b *testing.B) {
	for name, sizes := range map[string][]int64{"small": {3, 4, 2}, "mnist": {784, 128, 10}} {
		in := int(sizes[0])
		p := opened(b, ox.Dense(sizes...), framework.PredictorOptions{Export: export(in, int(sizes[len(sizes)-1]))})
		for _, d := range []codec.DType{codec.Float32, codec.Uint8} {
			for _, n := range []int{1, 32, 512, 2048} {
				b.Run(fmt.Sprintf("%s/%s/%d", name, d, n), func(b *testing.B) {
					batch, err := p.NewBatch([]codec.Tensor{{Name: "the input", DType: d, Shape: []int{in}}})
					if err != nil {
						b.Fatal(err)
					}
					record := make([]byte, in*d.Size())
					for b.Loop() {
						batch.Reset()
						for range n {
							copy(batch.Next()[0], record)
						}
						if err := batch.Predict(b.Context(), 0, n); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
				})
			}
		}
	}
}
