package tensorflow

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	tf "github.com/galeone/tensorflow/tensorflow/go"
	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Text of every length goes in and out of a batch that is cut, dropped from and
// used again, as numbers do.
func TestPredictorTakesTextInPieces(t *testing.T) {
	m := tensorflowtest.Load(t, "structured")
	stored := layout(t, m)
	p := open(t, m, stored)
	b, err := p.NewBatch(stored)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		b.Reset()
		for i := range 5 {
			add(t, b, m, stored, (i+1)%5)
			b.Drop()
			add(t, b, m, stored, i)
		}
		for _, part := range [][2]int{{0, 5}, {1, 3}, {3, 4}, {4, 5}, {2, 4}} {
			if err := b.Predict(t.Context(), part[0], part[1]); err != nil {
				t.Fatal(err)
			}
			for i := part[0]; i < part[1]; i++ {
				check(t, b, m, i-part[0], i)
			}
		}
	}
}

func TestTextFitsNoNumber(t *testing.T) {
	m := tensorflowtest.Load(t, "review")
	p := open(t, m, layout(t, m))
	if _, err := p.NewBatch([]codec.Tensor{{Name: "review", DType: codec.Int32, Shape: []int{1}}}); err == nil {
		t.Error("numbers are taken for text")
	}
	m = tensorflowtest.Load(t, "small")
	p = open(t, m, layout(t, m))
	if _, err := p.NewBatch([]codec.Tensor{{Name: "x", DType: codec.String, Shape: []int{3}}}); err == nil {
		t.Error("text is taken for numbers")
	}
}

// What is not whole, or too much, is refused; fewer strings than the tensor has
// are not.
func TestTexts(t *testing.T) {
	x, err := newTexts(2, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	one := codec.AppendText(nil, "a text that is longer than TensorFlow keeps in place")
	four := append(append(append(append([]byte{}, one...), one...), one...), one...)
	for n, stored := range map[int][]byte{1: one, 4: four} {
		if err := x.fill(stored, n); err != nil {
			t.Error(err)
		}
	}
	for _, stored := range [][]byte{nil, {1}, {0, 0, 0}, one[:len(one)-1], {255, 255, 255, 255, 1}, four} {
		if err := x.fill(stored, 1); err == nil {
			t.Errorf("%q is taken", stored)
		}
	}
	if x.fill(one, 2) == nil || x.fill(append(four, one...), 5) == nil {
		t.Error("fewer or more are taken than there are")
	}
	if err := x.fill(four, 4); err != nil {
		t.Error(err)
	}
	if v, ok := x.tensor.Value().([][][]string); !ok || len(v) != 2 || len(v[1][0]) != 2 || v[1][0][1] != string(one[4:]) {
		t.Errorf("%q", x.tensor.Value())
	}
	if _, err := newTexts(0, 2); err == nil {
		t.Error("a tensor of nothing is made")
	}
	runtime.GC()
	runtime.KeepAlive(x)
}

// textsOf are the texts of one record of an output.
func textsOf(t *testing.T, o framework.Output, row int) (all []string) {
	t.Helper()
	for stored := o.Row(row); len(stored) > 0; {
		text, rest, ok := codec.CutText(stored)
		if !ok {
			t.Fatalf("%q holds no whole texts", stored)
		}
		all, stored = append(all, string(text)), rest
	}
	return all
}

// The text that a model gives is Keras' own, of each record of batches of
// different sizes that use the same memory.
func TestPredictorGivesText(t *testing.T) {
	m := tensorflowtest.Load(t, "worded")
	stored := layout(t, m)
	p := open(t, m, stored)
	b, err := p.NewBatch(stored)
	if err != nil {
		t.Fatal(err)
	}
	const records = 700 // of which five differ
	for i := range records {
		add(t, b, m, stored, i%5)
	}
	for _, part := range [][2]int{{0, records}, {3, 5}, {1, 2}, {0, records}, {2, 400}} {
		if err := b.Predict(t.Context(), part[0], part[1]); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		for _, o := range b.Outputs() {
			if o.DType != codec.String {
				continue
			}
			for i := part[0]; i < part[1]; i++ {
				if diff := cmp.Diff(tensorflowtest.Texts(t, m.Outputs[o.Name][i%5]), textsOf(t, o, i-part[0])); diff != "" {
					t.Fatalf("%s of record %d: %s", o.Name, i, diff)
				}
			}
		}
	}
	if outputs := b.Outputs(); len(outputs) != 3 || outputs[1].Name != "word" || outputs[1].DType != codec.String || len(outputs[2].Shape) != 1 || outputs[2].Shape[0] != 2 {
		t.Errorf("%+v", outputs)
	}
}

// Text is read of any shape, of none, and only up to a bound.
func TestTextsAreRead(t *testing.T) {
	long := strings.Repeat("text ", 20)
	for name, c := range map[string]struct {
		value   any
		records int
		want    [][]string
	}{
		"one each":     {[]string{"", long, "\xff\x00"}, 3, [][]string{{""}, {long}, {"\xff\x00"}}},
		"several each": {[][]string{{"a", long}, {"", "b"}}, 2, [][]string{{"a", long}, {"", "b"}}},
	} {
		x, err := tf.NewTensor(c.value)
		if err != nil {
			t.Fatal(err)
		}
		o := framework.Output{DType: codec.String}
		for range 2 { // the second time it uses the memory of the first
			if err := readTexts(&o, x, c.records); err != nil {
				t.Fatal(err)
			}
			for i, want := range c.want {
				if diff := cmp.Diff(want, textsOf(t, o, i)); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		}
	}
	x, err := tf.NewTensor([]string{strings.Repeat("x", mostText), "y"})
	if err != nil {
		t.Fatal(err)
	}
	var refused *pipeline.Error
	if err := readOutput(&framework.Output{Name: "word", DType: codec.String}, x, 2); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "more than") {
		t.Errorf("got %v", err)
	}
}
