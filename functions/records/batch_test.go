package records_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A preview gives the records that a model is best tried on: the first of each
// partition, and those of the smallest and the largest numbers.
func TestTheBatchOfAPreview(t *testing.T) {
	r := newRig(t)
	topic := streamtest.Topic(t, r.cluster, 2)
	for p := range 2 {
		var records []stream.Record
		for i := range 50 {
			value := fmt.Appendf(nil, `{"a": %d, "b": 2, "c": 3, "class": %d}`, 10*p+i%7, i%2)
			switch {
			case p == 0 && i == 0:
				value = []byte(`{"b": 2, "c": 3, "class": 0}`) // whose mean is wanted
			case p == 1 && i == 33:
				value = []byte(`{"a": 900, "b": -7, "c": 3, "class": 1}`)
			case p == 1 && i == 40:
				value = []byte(`{"a": "many", "b": 2, "c": 3, "class": 1}`)
			}
			records = append(records, stream.Record{Value: value})
		}
		if _, err := r.cluster.Produce(t.Context(), topic, p, records); err != nil {
			t.Fatal(err)
		}
	}
	var tried struct {
		Failed int64
		Batch  *pipeline.Batch
		Models []struct {
			Model   int64
			Version int
			Name    string
		}
	}
	config := `{"inputs": [{"path": "a", "missing": "mean"}, "b", "c"], "label": "class"}`
	r.try(t, topic, fmt.Sprintf(`{"deployment": %d, "input_format": "JSON", "input_config": %s, "batch": 8}`, r.deployment, config), &tried)
	want := []pipeline.Place{{Offset: 0}, {Offset: 1}, {Offset: 7}, {Partition: 1, Offset: 0}, {Partition: 1, Offset: 1}, {Partition: 1, Offset: 33}}
	b := tried.Batch
	if tried.Failed != 1 || len(tried.Models) != 1 || tried.Models[0].Name != "m" || b == nil || !slices.Equal(b.Records, want) {
		t.Fatalf("%+v", tried)
	}
	numbers, err := codec.Floats(b.Inputs[0].Data, codec.Float32)
	if err != nil || len(numbers) != 18 || float32(numbers[0]) != float32(922)/5 || numbers[15] != 900 || b.Inputs[0].DType != "float32" || len(b.Labels[0].Data) != 24 {
		t.Errorf("%v %v %+v", numbers, err, b.Labels)
	}
	tried.Batch = nil
	if r.try(t, topic, fmt.Sprintf(`{"deployment": %d, "input_format": "JSON", "input_config": %s}`, r.deployment, config), &tried); tried.Batch != nil {
		t.Error("a batch that nobody asked for")
	}
}
