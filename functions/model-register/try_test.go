package modelregister

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// batchOf are records of three bytes each with their classes, at offset 100 on.
func batchOf(values []byte, classes ...uint32) pipeline.Batch {
	b := pipeline.Batch{
		Inputs: []pipeline.Packed{{Tensor: pipeline.Tensor{Name: "input", DType: "uint8", Shape: []int{3}}, Data: values}},
		Labels: []pipeline.Packed{{Tensor: pipeline.Tensor{Name: "output", DType: "int32", Shape: []int{}}}},
	}
	for i, c := range classes {
		b.Records = append(b.Records, pipeline.Place{Partition: 2, Offset: int64(100 + i)})
		b.Labels[0].Data = binary.LittleEndian.AppendUint32(b.Labels[0].Data, c)
	}
	return b
}

// A model is tried on a few records: what it would be trained on is cast as in a
// training, the record that it fails with is named by its place, and what does not
// fit is refused by its member.
func TestTryAModel(t *testing.T) {
	r := newRig(t)
	r.want(t, http.StatusCreated, "POST", "/models", form("small", small))
	good := batchOf([]byte{1, 2, 3, 4, 5, 6}, 0, 1)
	var got pipeline.Trial
	trial := func(body any) pipeline.Trial {
		t.Helper()
		got = pipeline.Trial{}
		remarshal(t, r.want(t, http.StatusOK, "POST", "/models/1/try", body), &got)
		return got
	}
	trial(map[string]any{"version": 1, "batch": good})
	if loss := got.Metrics["loss"]; !(loss > 0 && loss < 100) || got.Fault != nil || got.Records != 2 || got.Version != 1 || len(got.Metrics) != 2 {
		t.Errorf("%+v", got)
	}
	trial(map[string]any{"batch": batchOf([]byte{1, 2, 3, 4, 5, 6}, 0, 7)})
	if f := got.Fault; f == nil || f.Record == nil || *f.Record != (pipeline.Place{Partition: 2, Offset: 101}) || f.Failing != 1 || f.Tried != 2 || !strings.Contains(f.Reason, "label value of 7") {
		t.Errorf("%+v", got.Fault)
	}
	if got := r.exports(t); len(got) != 1 {
		t.Errorf("a trial left %v", got)
	}
	wide := batchOf([]byte{1, 2, 3, 4}, 0, 1)
	wide.Inputs[0].Shape = []int{2}
	half := good
	half.Labels = []pipeline.Packed{{Tensor: pipeline.Tensor{DType: "float64", Shape: []int{}}, Data: binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.5))}}
	half.Records = half.Records[:1]
	half.Inputs = batchOf([]byte{1, 2, 3}).Inputs
	for field, c := range map[string]struct {
		batch  pipeline.Batch
		reason string
	}{
		"batch.inputs":  {wide, "has the shape [2], the model takes [3]"},
		"batch.labels":  {half, "partition 2, offset 100: value 0.5 of element 0 does not fit int32"},
		"batch.records": {batchOf(make([]byte, 99), make([]uint32, 33)...), "33 records, 1 to 32"},
	} {
		problem := r.want(t, http.StatusUnprocessableEntity, "POST", "/models/1/try", map[string]any{"batch": c.batch})
		if problem["field"] != field || !strings.Contains(problem["detail"].(string), c.reason) {
			t.Errorf("%s: %v", field, problem)
		}
	}
	r.want(t, http.StatusNotFound, "POST", "/models/1/try", map[string]any{"version": 2, "batch": good})
}

func remarshal(t *testing.T, from map[string]any, to *pipeline.Trial) {
	t.Helper()
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}
