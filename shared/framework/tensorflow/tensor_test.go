package tensorflow

import (
	"bytes"
	"slices"
	"testing"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// Every type of numbers can be fed, and each tensor has memory of its own.
func TestEveryTypeIsFed(t *testing.T) {
	for d, want := range dataTypes {
		data := bytes.Repeat([]byte{1, 0}, 3*d.Size())
		x, err := TensorOf(d, data, 2, 3)
		if err != nil {
			t.Errorf("%s: %v", d, err)
			continue
		}
		other, err := NewTensor(d)
		if err != nil {
			t.Errorf("%s, one number: %v", d, err)
			continue
		}
		Bytes(other)[0] = 9
		g := tf.NewGraph()
		in, err := g.AddOperation(tf.OpSpec{Type: "Placeholder", Name: "x", Attrs: map[string]any{"dtype": want}})
		if err != nil {
			t.Fatal(err)
		}
		same, err := g.AddOperation(tf.OpSpec{Type: "Identity", Name: "same", Input: []tf.Input{in.Output(0)}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := tf.NewSession(g, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Run(map[tf.Output]*tf.Tensor{in.Output(0): x}, []tf.Output{same.Output(0)}, nil)
		if err != nil || got[0].DataType() != want || !slices.Equal(got[0].Shape(), []int64{2, 3}) || !bytes.Equal(Bytes(got[0]), data) {
			t.Errorf("%s: %v, %v", d, got, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := NewTensor(codec.String, 1); err == nil {
		t.Error("text has no memory of a fixed size")
	}
}
