package codec

import (
	"encoding/json"
	"testing"

	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Records in the single-object encoding are read where it is of the schema that is
// given, whole and by path; goavro writes them.
func TestAvroOfSingleObjects(t *testing.T) {
	union := map[string]any{"double": 2.0}
	for _, test := range []struct {
		schema string
		record map[string]any
	}{
		{
			`{"type":"record","name":"P","namespace":"a.b","doc":"of <points>","fields":[{"name":"x","type":{"type":"float"},"default":1},{"name":"y","type":["null","double"]}]}`,
			map[string]any{"x": float32(1), "y": union},
		},
		{
			`{"fields":[{"type":"float","name":"x"},{"type":"double","name":"y"}],"name":"c.P","type":"record","aliases":["Q"]}`,
			map[string]any{"x": float32(1), "y": 2.0},
		},
		{
			`{"type":"record","name":"P","namespace":"n","fields":[{"name":"x","type":{"type":"enum","name":"E","symbols":["A","B"]}},{"name":"y","type":["null",{"type":"array","items":"int"},"E"]}]}`,
			map[string]any{"x": "B", "y": map[string]any{"array": []any{int32(2)}}},
		},
	} {
		c, err := goavro.NewCodec(test.schema)
		if err != nil {
			t.Fatal(err)
		}
		value, err := c.SingleFromNative(nil, test.record)
		if err != nil {
			t.Fatal(err)
		}
		config := json.RawMessage(`{"data_scheme":` + test.schema + `}`)
		r, err := NewFields(pipeline.AVRO, config, Value, parsePaths(t, "x"), false)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readFields(r, 1, value, Schema{}); err != nil || got[0].Bits == 0 {
			t.Errorf("%s: %v, %v", test.schema, got, err)
		}
	}
	const flat = `{"type":"record","name":"P","fields":[{"name":"x","type":"float"},{"name":"y","type":"double"}]}`
	c, err := goavro.NewCodec(flat)
	if err != nil {
		t.Fatal(err)
	}
	value, err := c.SingleFromNative(nil, map[string]any{"x": float32(1), "y": 2.0})
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(pipeline.AVRO, json.RawMessage(`{"data_scheme":`+flat+`}`), Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 2)}})
	if err != nil {
		t.Fatal(err)
	}
	dst := buffers(d.Inputs())
	if err := d.Sample(dst, value); err != nil {
		t.Error(err)
	}
	if got, err := Floats(dst[0], Float32); err != nil || got[0] != 1 || got[1] != 2 {
		t.Error(got, err)
	}
}
