package tensorflow_test

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// opened opens a model of tensorflowtest for records of its own shapes.
func opened(t *testing.T, name string, batch int) framework.Trainer {
	t.Helper()
	return made(t, name, batch).Open(t, tensorflow.Framework{})
}

// made is a model of tensorflowtest for the suite, without what Keras says of it.
func made(t *testing.T, name string, batch int) frameworktest.Model {
	t.Helper()
	m := tensorflowtest.Load(t, name)
	return frameworktest.Model{Name: name, Dir: m.Dir, Export: m.Export, Plan: framework.Plan{BatchSize: batch}}
}

// filled are a column's values of n records, as of says for record and element.
func filled(c codec.Tensor, n int, of func(record, element int) float64) []byte {
	var out []byte
	for i := range n {
		for e := range c.Elements() {
			switch v := of(i, e); c.DType {
			case codec.Int32:
				out = binary.LittleEndian.AppendUint32(out, uint32(int32(v)))
			default:
				out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
			}
		}
	}
	return out
}

// TestEveryEngineRefusesTheSameRecords holds that an id beyond a table and a
// class that there is not end the training with the record at fault, in every
// engine. XLA alone clamps the one and makes NaN of the other.
func TestEveryEngineRefusesTheSameRecords(t *testing.T) {
	const records, at = 23, 17
	cases := []struct {
		model, column, says string
		spoilt              float64
	}{
		{"words", "x0", "= 11 is not in [0, 10) (layer embedding", 11},
		{"own_classes", "y0", "label value of 4 which is outside the valid range of [0, 4)", 4},
	}
	for _, c := range cases {
		for _, engine := range []pipeline.Engine{kerasmodel.Graph, kerasmodel.XLA, pipeline.Auto} {
			t.Run(c.model+"/"+string(engine), func(t *testing.T) {
				tr := opened(t, c.model, 4)
				named := map[string][]byte{}
				for i, name := range []string{"x0", "y0"} {
					named[name] = filled(tr.Columns()[i], records, func(r, e int) float64 {
						if name == c.column && r == at && e == 0 {
							return c.spoilt
						}
						return float64((r + e) % 3)
					})
				}
				plan := framework.Plan{BatchSize: 4, Epochs: 3, Engine: engine}
				if engine == pipeline.Auto { // so many that XLA is tried
					plan.Epochs = 1100
				}
				_, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, func(n string) []byte { return named[n] }), plan, framework.Watch{})
				var one *framework.RecordError
				if !errors.As(err, &one) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "{{") {
					t.Fatalf("got %v, want a record's error with %q", err, c.says)
				}
				for i, name := range []string{"x0", "y0"} {
					size := tr.Columns()[i].Bytes()
					if !slices.Equal(one.Columns[i], named[name][at*size:(at+1)*size]) {
						t.Errorf("column %s of the record is %v", name, one.Columns[i])
					}
				}
			})
		}
	}
}

// TestNaNUnderXLAGoesBackToTheGraph trains where XLA's gradient is NaN and the
// graph's is not: the outcome is the graph's, and says why.
func TestNaNUnderXLAGoesBackToTheGraph(t *testing.T) {
	const records = 12
	train := func(e pipeline.Engine, epochs int) (last pipeline.Metrics, seen []int, report framework.FitReport) {
		tr := opened(t, "distance", 4)
		named := map[string][]byte{}
		for i, c := range tr.Columns() {
			named[[]string{"x0", "x1", "y0"}[i]] = filled(c, records, func(r, e int) float64 {
				if i == 2 {
					return float64(r % 2)
				}
				if r%2 == 1 { // both inputs alike where the label is 1
					return 0.5 + float64(e)
				}
				return float64(r+2*e+7*i) / 10
			})
		}
		report, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, func(n string) []byte { return named[n] }),
			framework.Plan{BatchSize: 4, Epochs: epochs, Engine: e},
			framework.Watch{Epoch: func(e pipeline.Epoch) { last, seen = e.Training, append(seen, e.Epoch) }})
		if err != nil {
			t.Fatal(err)
		}
		return last, seen, report
	}
	want, epochs, _ := train(kerasmodel.Graph, 4)
	if math.IsNaN(want["loss"]) {
		t.Fatalf("the graph's own loss is %v", want)
	}
	got, seen, report := train(kerasmodel.XLA, 4)
	if got["loss"] != want["loss"] || !slices.Equal(seen, epochs) {
		t.Errorf("metrics %v over the epochs %v, the graph has %v", got, seen, want)
	}
	if report.Engine != kerasmodel.Graph || len(report.Warnings) != 1 || !strings.Contains(report.Reason, "not finite under XLA") {
		t.Errorf("report %+v", report)
	}
	if _, _, chosen := train(pipeline.Auto, 2100); chosen.Engine != kerasmodel.Graph || !strings.Contains(chosen.Reason, "XLA computes another loss") {
		t.Errorf("chosen %+v", chosen)
	}
}

// TestCompilingChangesNothing holds that a first pass, in the graph, is the same while
// XLA compiles: it is long enough for that, and each step changes all weights.
func TestCompilingChangesNothing(t *testing.T) {
	first := func(e pipeline.Engine, epochs, records, batch int) (m pipeline.Metrics) {
		tr := opened(t, "small", batch)
		named := map[string][]byte{}
		for i, c := range tr.Columns() {
			named[[]string{"x0", "y0"}[i]] = filled(c, records, func(r, e int) float64 { return float64((r*7+e*3)%11) * float64(1-i) })
		}
		_, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, func(n string) []byte { return named[n] }),
			framework.Plan{BatchSize: batch, Epochs: epochs, Engine: e},
			framework.Watch{Epoch: func(e pipeline.Epoch) {
				if e.Epoch == 1 {
					m = e.Training
				}
			}})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for batch, records := range map[int]int{1: 20_000, 32: 23} { // of less than a batch XLA has nothing to compile
		if graph, compiling := first(kerasmodel.Graph, 1, records, batch), first(kerasmodel.XLA, 2, records, batch); !maps.Equal(graph, compiling) {
			t.Errorf("%v while XLA compiles, %v without it", compiling, graph)
		}
	}
}
