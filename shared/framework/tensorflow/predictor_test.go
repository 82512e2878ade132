package tensorflow

import (
	"context"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/rows"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// layout is the records of a model in the model's own types.
func layout(t testing.TB, m tensorflowtest.Model) []codec.Tensor {
	t.Helper()
	var all []codec.Tensor
	for _, in := range m.Export.Inputs {
		d, err := codec.ParseDType(in.DType)
		if err != nil {
			t.Fatal(err)
		}
		shape := in.Shape
		if in.Elements() < 0 {
			shape = []int{4, 2} // of the model "sequence"
		}
		all = append(all, codec.Tensor{Name: in.Name, DType: d, Shape: shape})
	}
	return all
}

func open(t testing.TB, m tensorflowtest.Model, stored []codec.Tensor) *Predictor {
	t.Helper()
	p, err := openPredictor(m.SavedModel(), framework.PredictorOptions{Export: m.Export, Stored: stored})
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

// add appends record i of the model's records to b, cast to the stored types.
func add(t testing.TB, b framework.Batch, m tensorflowtest.Model, stored []codec.Tensor, i int) {
	t.Helper()
	rows := b.Next()
	for k, dst := range rows {
		if stored[k].DType == codec.String {
			rows[k] = dst[:0]
			for _, s := range tensorflowtest.Texts(t, m.Inputs[stored[k].Name][i]) {
				rows[k] = codec.AppendText(rows[k], s)
			}
			continue
		}
		var raw []byte
		for _, v := range tensorflowtest.Flat(t, m.Inputs[stored[k].Name][i]) {
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
		}
		if err := codec.Cast(dst, stored[k].DType, raw, codec.Float64); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t testing.TB, b framework.Batch, m tensorflowtest.Model, row, record int) {
	t.Helper()
	for _, o := range b.Outputs() {
		want := tensorflowtest.Flat(t, m.Outputs[o.Name][record])
		got := o.Row(row)
		if len(got) != 4*len(want) {
			t.Fatalf("output %s: %d bytes for %d numbers", o.Name, len(got), len(want))
		}
		for i, w := range want {
			if v := math.Float32frombits(binary.LittleEndian.Uint32(got[4*i:])); math.Abs(float64(v)-w) > 1e-5*max(1, math.Abs(w)) {
				t.Errorf("output %s of record %d, element %d: %v, Keras says %v", o.Name, record, i, v, w)
			}
		}
	}
}

func TestPredictorEqualsKeras(t *testing.T) {
	for _, name := range []string{"small", "mnist", "several", "words", "sequence", "structured", "review"} {
		t.Run(name, func(t *testing.T) {
			m := tensorflowtest.Load(t, name)
			stored := layout(t, m)
			p := open(t, m, stored)
			b, err := p.NewBatch(p.stored)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				add(t, b, m, stored, i)
			}
			if err := b.Predict(context.Background(), 0, 5); err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				check(t, b, m, i, i)
			}
		})
	}
}

func TestPredictorCastsWhatIsStored(t *testing.T) {
	m := tensorflowtest.Load(t, "mnist")
	for _, d := range []codec.DType{
		codec.Uint8, codec.Int16, codec.Uint16, codec.Int32, codec.Uint32, codec.Int64, codec.Uint64, codec.Float64, codec.Float16,
	} {
		t.Run(d.String(), func(t *testing.T) {
			stored := []codec.Tensor{{Name: m.Export.Inputs[0].Name, DType: d, Shape: []int{784}}}
			p := open(t, m, stored)
			b, err := p.NewBatch(p.stored)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				add(t, b, m, stored, i)
			}
			if err := b.Predict(context.Background(), 0, b.Len()); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				check(t, b, m, i, i)
			}
		})
	}
}

// A record that the graph refuses fails its batch, and alone.
func TestPredictorRowsFindTheRecordAtFault(t *testing.T) {
	m := tensorflowtest.Load(t, "words")
	stored := layout(t, m)
	p := open(t, m, stored)
	b, err := p.NewBatch(p.stored)
	if err != nil {
		t.Fatal(err)
	}
	add(t, b, m, stored, 0)
	binary.LittleEndian.PutUint32(b.Next()[0], 99)
	add(t, b, m, stored, 2)
	if err := b.Predict(context.Background(), 0, b.Len()); err == nil {
		t.Fatal("a word that the embedding does not have was predicted")
	}
	if err := b.Predict(context.Background(), 1, 2); err == nil || !strings.Contains(err.Error(), "99") {
		t.Errorf("the record at fault: %v", err)
	}
	if err := b.Predict(context.Background(), 2, 3); err != nil {
		t.Fatal(err)
	}
	check(t, b, m, 0, 2)
}

func TestPredictorSideBySide(t *testing.T) {
	m := tensorflowtest.Load(t, "several")
	stored := layout(t, m)
	p := open(t, m, stored)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			b, err := p.NewBatch(p.stored)
			if err != nil {
				t.Error(err)
				return
			}
			for round := range 200 {
				b.Reset()
				for i := range 1 + round%5 {
					add(t, b, m, stored, i)
				}
				if err := b.Predict(context.Background(), 0, b.Len()); err != nil {
					t.Error(err)
					return
				}
				check(t, b, m, b.Len()-1, b.Len()-1)
			}
		})
	}
	all.Wait()
}

func TestLimitGrowsWhileBatchesAreQuick(t *testing.T) {
	m := tensorflowtest.Load(t, "small")
	p := open(t, m, layout(t, m))
	b, err := p.NewBatch(p.stored)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		b.Reset()
		for range p.Limit() {
			clear(b.Next()[0])
		}
		if err := b.Predict(context.Background(), 0, b.Len()); err != nil {
			t.Fatal(err)
		}
	}
	if p.Limit() <= rows.FirstLimit {
		t.Errorf("the limit stays at %d for a net of 26 parameters", p.Limit())
	}
}

func TestOpenPredictorSaysWhy(t *testing.T) {
	m := tensorflowtest.Load(t, "small")
	wrong := m.Export
	wrong.Inputs = []pipeline.Tensor{{Name: "other", DType: "float32", Shape: []int{3}}}
	cases := map[string]struct {
		dir    string
		export pipeline.Export
		stored []codec.Tensor
		want   string
	}{
		"no folder":        {t.TempDir(), m.Export, nil, "cannot load"},
		"another input":    {m.SavedModel(), wrong, nil, `no input "other"`},
		"another shape":    {m.SavedModel(), m.Export, []codec.Tensor{{Name: "x", DType: codec.Float32, Shape: []int{4}}}, "does not fit"},
		"too many tensors": {m.SavedModel(), m.Export, make([]codec.Tensor, 2), "the model takes 1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := openPredictor(c.dir, framework.PredictorOptions{Export: c.export, Stored: c.stored})
			if err == nil {
				_ = p.Close()
				t.Fatal("was opened")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
		})
	}
}

func BenchmarkPredict(b *testing.B) {
	for _, name := range []string{"small", "mnist"} {
		m := tensorflowtest.Load(b, name)
		stored := layout(b, m)
		stored[0].DType = codec.Uint8
		p := open(b, m, stored)
		for _, n := range []int{1, 64, 512, 2048} {
			b.Run(name+"/"+strconv.Itoa(n), func(b *testing.B) {
				batch, err := p.NewBatch(p.stored)
				if err != nil {
					b.Fatal(err)
				}
				record := make([]byte, stored[0].Bytes())
				for b.Loop() {
					batch.Reset()
					for range n {
						copy(batch.Next()[0], record)
					}
					if err := batch.Predict(context.Background(), 0, batch.Len()); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
			})
		}
	}
}
