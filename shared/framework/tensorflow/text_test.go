package tensorflow

import (
	"runtime"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
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
