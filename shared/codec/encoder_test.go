package codec

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestEncodeDecodes(t *testing.T) {
	tests := map[string]struct {
		format        pipeline.Format
		config        string
		sample, label []float64
		divide        []int
	}{
		"RAW":  {pipeline.RAW, `{"data_type":"float16","data_reshape":"2 2","label_type":"int64","label_reshape":""}`, []float64{1, -2, 0.5, 4}, []float64{9}, nil},
		"AVRO": {pipeline.AVRO, avroOf(measures, kind), []float64{1.5, math.NaN(), -1 << 40, 1}, []float64{2}, nil},
		"AVRO, one of several numbers": {
			pipeline.AVRO, avroOf(`{"type":"record","name":"r","fields":[{"name":"a","type":["int","null","double"]},{"name":"b","type":["long","int"]},{"name":"c","type":["int","null","double"]}]}`, kind),
			[]float64{0.25, 1 << 40, math.NaN()},
			[]float64{1},
			nil,
		},
		"AVRO, arrays": {
			pipeline.AVRO, avroOf(`{"type":"record","name":"r","fields":[
				{"name":"a","type":{"type":"array","items":"int"}},{"name":"b","type":"int"},
				{"name":"c","type":{"type":"array","items":["float","null"]}},{"name":"d","type":[{"type":"array","items":"int"},"null"]}]}`, kind),
			[]float64{1, 2, 3, math.NaN(), 5},
			[]float64{0},
			[]int{2, 1, 2, 0},
		},
		"JSON":         {pipeline.JSON, `{"data_fields":["a","b\"c"],"label_field":"y"}`, []float64{1.25, math.NaN()}, []float64{-3}, nil},
		"JSON, arrays": {pipeline.JSON, `{"data_fields":["a"],"label_field":["y","z"]}`, []float64{1, 2, 3}, []float64{4, 5}, nil},
		"JSON, divided": {
			pipeline.JSON, `{"data_fields":["a","b"],"label_field":["y"]}`,
			[]float64{1, 2, 3},
			[]float64{4, 5},
			[]int{1, 2},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := NewEncoder(test.format, json.RawMessage(test.config))
			if err != nil {
				t.Fatal(err)
			}
			e.Divide(test.divide, nil)
			value, err := e.Sample(nil, Array{DType: Float64, Data: arrayOf(t, Float64, test.sample...)})
			if err != nil {
				t.Fatal(err)
			}
			key, err := e.Label(nil, Array{DType: Float64, Data: arrayOf(t, Float64, test.label...)})
			if err != nil {
				t.Fatal(err)
			}
			d, err := New(test.format, json.RawMessage(test.config), Binding{
				Inputs: []pipeline.Tensor{tensor("x", "float64", len(test.sample))}, Labels: []pipeline.Tensor{tensor("y", "float64", len(test.label))},
			})
			if err != nil {
				t.Fatal(err)
			}
			in, out := buffers(d.Inputs()), buffers(d.Labels())
			if err := d.Record(in, out, key, value); err != nil {
				t.Fatalf("%q, %q: %v", key, value, err)
			}
			if diff := cmp.Diff([][]float64{test.sample}, decoded(d.Inputs(), in), cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([][]float64{test.label}, decoded(d.Labels(), out)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	tests := map[string]struct {
		format  pipeline.Format
		config  string
		values  []float64
		mention string
	}{
		"RAW, count":          {pipeline.RAW, `{"data_type":"uint8","data_reshape":"2"}`, []float64{1}, "1 numbers do not fill 2"},
		"RAW, range":          {pipeline.RAW, `{"data_type":"uint8","data_reshape":"2"}`, []float64{1, 300}, "300"},
		"AVRO, too few":       {pipeline.AVRO, avroOf(measures, ""), []float64{1, 2, 3}, "too few"},
		"AVRO, too many":      {pipeline.AVRO, avroOf(measures, ""), []float64{1, 2, 3, 1, 5}, "left over"},
		"AVRO, boolean":       {pipeline.AVRO, avroOf(measures, ""), []float64{1, 2, 3, 4}, `"d": 4`},
		"AVRO, fraction":      {pipeline.AVRO, avroOf(measures, ""), []float64{1, 2, 3.5, 1}, `"c": 3.5`},
		"AVRO, enum":          {pipeline.AVRO, avroOf(kind, ""), []float64{3}, `"kind": 3`},
		"AVRO, arrays, count": {pipeline.AVRO, avroOf(`{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"array","items":"int"}},{"name":"b","type":{"type":"array","items":"int"}}]}`, ""), []float64{3}, "2 fields are arrays"},
		"JSON, too few":       {pipeline.JSON, `{"data_fields":["a","b"]}`, []float64{1}, "too few"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := NewEncoder(test.format, json.RawMessage(test.config))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Sample(nil, Array{DType: Float64, Data: arrayOf(t, Float64, test.values...)}); err == nil || !strings.Contains(err.Error(), test.mention) {
				t.Errorf("got %v", err)
			}
			if _, err := e.Label(nil, Array{}); err == nil {
				t.Error("a label without a description is encoded")
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	floats := make([]float64, 30)
	for i := range floats {
		floats[i] = float64(i) * 1.5
	}
	var fields []string
	for i := range floats {
		fields = append(fields, `{"name":"f`+string(rune('a'+i%26))+string(rune('a'+i/26))+`","type":"float"}`)
	}
	schema := `{"type":"record","name":"r","fields":[` + strings.Join(fields, ",") + `]}`
	avro := avroOf(schema, kind)
	nullable := strings.ReplaceAll(schema, `"float"`, `["null","float"]`)
	reordered := `{"type":"record","name":"r","fields":[` + strings.Join(append(slices.Clone(fields[1:]), fields[0]), ",") + `]}`
	for name, test := range map[string]struct {
		format   pipeline.Format
		config   string
		registry string // the writer's schema
	}{
		"RAW":                                   {pipeline.RAW, `{"data_type":"float32","data_reshape":"30"}`, ""},
		"AVRO":                                  {pipeline.AVRO, avro, ""},
		"JSON":                                  {pipeline.JSON, `{"data_fields":["a"]}`, ""},
		"AVRO of nullable fields":               {pipeline.AVRO, avroOf(nullable, kind), ""},
		"AVRO of nullable fields of a registry": {pipeline.AVRO, avroOf(nullable, kind), nullable},
		"AVRO of a registry":                    {pipeline.AVRO, avro, schema},
		"AVRO of a registry in another order":   {pipeline.AVRO, avro, reordered},
	} {
		b.Run(name, func(b *testing.B) {
			e, err := NewEncoder(test.format, json.RawMessage(test.config))
			if err != nil {
				b.Fatal(err)
			}
			value, err := e.Sample(nil, Array{DType: Float64, Data: arrayOf(b, Float64, floats...)})
			if err != nil {
				b.Fatal(err)
			}
			binding, config := inputs(tensor("x", "float32", 30)), test.config
			if binding.Registry = test.registry != ""; binding.Registry {
				config = `{"framing":"confluent",` + config[1:]
			}
			d, err := New(test.format, json.RawMessage(config), binding)
			if err != nil {
				b.Fatal(err)
			}
			if test.registry != "" {
				value = append([]byte{0, 0, 0, 0, 9}, value...)
				if _, err := taught(b, d, map[uint32]Schema{9: {Text: test.registry}}, value); err != nil {
					b.Fatal(err)
				}
			}
			dst := buffers(d.Inputs())
			b.SetBytes(int64(len(value)))
			for b.Loop() {
				if err := d.Sample(dst, value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
