package keras

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
)

func floats(shape []int, values ...float32) framework.Rows {
	r := framework.Rows{DType: codec.Float32, Shape: shape}
	for _, v := range values {
		r.Data = binary.LittleEndian.AppendUint32(r.Data, math.Float32bits(v))
	}
	return r
}

func whole(values ...int32) framework.Rows {
	r := framework.Rows{DType: codec.Int32, Shape: []int{}}
	for _, v := range values {
		r.Data = binary.LittleEndian.AppendUint32(r.Data, uint32(v)) // #nosec G115 -- the same bits
	}
	return r
}

func words(all ...string) framework.Rows {
	r := framework.Rows{DType: codec.String, Shape: []int{1}}
	for _, w := range all {
		r.Data = codec.AppendText(r.Data, w)
	}
	return r
}

// A step is made on what a training would be given; where it fails, the record
// that it fails with is named.
func TestTry(t *testing.T) {
	w := sharedWorker(t)
	nan := float32(math.NaN())
	line := "model = keras.Sequential([keras.Input((2,)), layers.Dense(1, kernel_initializer='zeros')])\nmodel.compile('sgd', 'mse', metrics=['mae'])\n"
	classes := "model = keras.Sequential([keras.Input((1,)), layers.Dense(2, 'softmax')])\nmodel.compile('adam', 'sparse_categorical_crossentropy')\n"
	embedding := "model = keras.Sequential([keras.Input((1,), dtype='int32'), layers.Embedding(10, 2), layers.Flatten(), layers.Dense(1)])\nmodel.compile('sgd', 'mse')\n"
	ids := whole(3, 11, 5)
	ids.Shape = []int{1}
	open := `n, w = keras.Input((2,), name="n"), keras.Input((1,), dtype="string", name="w")
lookup = layers.StringLookup(max_tokens=5, pad_to_max_tokens=True, output_mode="one_hot")
text = layers.TextVectorization(max_tokens=9, output_mode="tf_idf", pad_to_max_tokens=True)
both = layers.Concatenate()([layers.Normalization()(n), layers.Flatten()(layers.Discretization(num_bins=3, output_mode="one_hot")(n)), lookup(w), layers.Flatten()(text(w))])
model = keras.Model([n, w], layers.Dense(1)(both))
model.compile("sgd", "mse")
`
	for name, c := range map[string]struct {
		source string
		batch  framework.TrialBatch
		says   string // of the fault
		record int
		all    int // records that fail alone
	}{
		"it trains":              {source: line, batch: framework.TrialBatch{Inputs: []framework.Rows{floats([]int{2}, 1, 2, 3, 4)}, Labels: []framework.Rows{floats([]int{1}, 2, 4)}}},
		"open layers":            {source: open, batch: framework.TrialBatch{Inputs: []framework.Rows{floats([]int{2}, 1, 2, 3, 4), words("red", "blue")}, Labels: []framework.Rows{floats([]int{1}, 2, 4)}}},
		"a number that is none":  {source: line, batch: framework.TrialBatch{Inputs: []framework.Rows{floats([]int{2}, 1, 2, 3, nan, 5, 6)}, Labels: []framework.Rows{floats([]int{1}, 2, 4, 5)}}, says: "the loss of the step is NaN: the input", record: 1, all: 1},
		"a class too many":       {source: classes, batch: framework.TrialBatch{Inputs: []framework.Rows{floats([]int{1}, 1, 2, 3)}, Labels: []framework.Rows{whole(0, 1, 7)}}, says: "Received a label value of 7 which is outside the valid range of [0, 2)", record: 2, all: 1},
		"an id beyond the table": {source: embedding, batch: framework.TrialBatch{Inputs: []framework.Rows{ids}, Labels: []framework.Rows{floats([]int{1}, 1, 2, 3)}}, says: "11 is not in [0, 10) (layer embedding", record: 1, all: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.batch.Records = len(c.batch.Labels[0].Data) / 4
			got, err := w.Try(t.Context(), framework.Source{Imports: imports, Text: c.source}, c.batch)
			if err != nil {
				t.Fatal(err)
			}
			switch f := got.Fault; {
			case f == nil && c.says != "" || f != nil && (c.says == "" || !strings.Contains(f.Reason, c.says) || f.Record != c.record || f.Failing != c.all):
				t.Errorf("fault %+v", f)
			case f == nil && !(got.Metrics["loss"] > 0):
				t.Errorf("%+v", got)
			}
			if loss := got.Metrics["loss"]; name == "it trains" && loss != 10 { // weights of zero: the mean of 4 and 16
				t.Errorf("loss %v", loss)
			}
			t.Logf("%.3f s %+v", got.Seconds, got.Fault)
		})
	}
}
