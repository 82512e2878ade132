package codec

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func tensor(name, dtype string, shape ...int) pipeline.Tensor {
	return pipeline.Tensor{Name: name, DType: dtype, Shape: shape}
}

func inputs(t ...pipeline.Tensor) Binding { return Binding{Inputs: t} }

// buffers are tensors to decode into.
func buffers(tensors []Tensor) [][]byte {
	dst := make([][]byte, len(tensors))
	for i, t := range tensors {
		dst[i] = make([]byte, t.Bytes())
	}
	return dst
}

// decoded is a record as floats, tensor by tensor.
func decoded(tensors []Tensor, dst [][]byte) (all [][]float64) {
	for i, t := range tensors {
		all = append(all, floatsOf(t.DType, dst[i]))
	}
	return all
}

const measures = `{"type":"record","name":"m","fields":[
	{"name":"a","type":"float"},{"name":"b","type":["null","double"]},{"name":"c","type":"long"},{"name":"d","type":"boolean"}]}`

const kind = `{"type":"record","name":"k","fields":[{"name":"kind","type":{"type":"enum","name":"K","symbols":["x","y","z"]}}]}`

func avroOf(data, label string) string {
	b, err := json.Marshal(map[string]string{"data_scheme": data, "label_scheme": label}) // strings, as the original's producers send
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}

func TestDecode(t *testing.T) {
	tests := map[string]struct {
		format     pipeline.Format
		config     string
		bind       Binding
		key, value string
		want       [][]float64 // inputs
		labels     [][]float64
	}{
		"RAW, an image and its class": {
			pipeline.RAW, `{"data_type":"uint8","data_reshape":"2 3","label_type":"uint8","label_reshape":""}`,
			Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 6)}, Labels: []pipeline.Tensor{tensor("y", "int32")}},
			"\x07", "\x00\x01\x02\x03\x04\xff",
			[][]float64{{0, 1, 2, 3, 4, 255}},
			[][]float64{{7}},
		},
		"RAW, the original's scalar of shape 1": {
			pipeline.RAW, `{"data_type":"float","data_reshape":null,"label_type":"bool_","label_reshape":"1"}`,
			Binding{Inputs: []pipeline.Tensor{tensor("x", "float32")}, Labels: []pipeline.Tensor{tensor("y", "float32", 1)}},
			"\x01", "\x00\x00\x20\x40",
			[][]float64{{2.5}},
			[][]float64{{1}},
		},
		"RAW, two inputs one after the other": {
			pipeline.RAW, `{"data_type":"int16","data_reshape":[3]}`, inputs(tensor("a", "float32", 2), tensor("b", "float32", 1)),
			"", "\x01\x00\x02\x00\xff\xff",
			[][]float64{{1, 2}, {-1}},
			nil,
		},
		"RAW, an open size": {
			pipeline.RAW, `{"data_type":"uint8","data_reshape":"6"}`, inputs(tensor("x", "float32", -1, 3)),
			"", "\x01\x02\x03\x04\x05\x06",
			[][]float64{{1, 2, 3, 4, 5, 6}},
			nil,
		},
		"AVRO, fields into one input": {
			pipeline.AVRO, avroOf(measures, kind),
			Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 4)}, Labels: []pipeline.Tensor{tensor("y", "int32")}},
			"\x04", "\x00\x00\xc0\x3f\x02\x00\x00\x00\x00\x00\x00\x04\x40\x03\x01",
			[][]float64{{1.5, 2.5, -2, 1}},
			[][]float64{{2}},
		},
		"AVRO, a null is NaN": {
			pipeline.AVRO, avroOf(measures, ""), inputs(tensor("x", "float32", 4)),
			"", "\x00\x00\xc0\x3f\x00\x03\x01",
			[][]float64{{1.5, math.NaN(), -2, 1}},
			nil,
		},
		"AVRO, one of several numbers": {
			pipeline.AVRO, `{"data_scheme":{"type":"record","name":"r","fields":[{"name":"u","type":["null","int","double"]},{"name":"v","type":["float","long"]},` +
				`{"name":"w","type":{"type":"array","items":["int","null","boolean"]}}]}}`,
			inputs(tensor("x", "float32", 5)), "", "\x04\x00\x00\x00\x00\x00\x00\x04\x40\x02\x0e\x06\x00\x06\x02\x04\x01\x00",
			[][]float64{{2.5, 7, 3, math.NaN(), 1}},
			nil,
		},
		"AVRO, an array beside a field": {
			pipeline.AVRO, `{"data_scheme":{"type":"record","name":"r","fields":[{"name":"v","type":{"type":"array","items":"int"}},{"name":"w","type":"int"}]}}`,
			inputs(tensor("x", "int64", 4)), "", "\x04\x02\x04\x01\x02\x06\x00\x08",
			[][]float64{{1, 2, 3, 4}},
			nil,
		},
		"AVRO, a field an input": {
			pipeline.AVRO, `{"data_scheme":{"type":"record","name":"r","fields":[{"name":"b","type":"int"},{"name":"a","type":{"type":"array","items":"float"}}]}}`,
			inputs(tensor("a", "float32", 1), tensor("b", "float32")), "", "\x0e\x02\x00\x00\x20\x40\x00",
			[][]float64{{2.5}, {7}},
			nil,
		},
		"AVRO, the original's quotes": {
			pipeline.AVRO, `{"data_scheme":"{'type': 'record', 'name': 'r', 'fields': [{'name': 'v', 'type': 'int'}]}"}`,
			inputs(tensor("x", "float32", 1)), "", "\x04",
			[][]float64{{2}},
			nil,
		},
		"JSON, members in the order of data_fields": {
			pipeline.JSON, `{"data_fields":["b","a"],"label_field":"y"}`,
			Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 3)}, Labels: []pipeline.Tensor{tensor("y", "int32")}},
			` 3`, `{"a":[1.5, true],"other":{"b":"]}\""},"b":-2e1}`,
			[][]float64{{-20, 1.5, 1}},
			[][]float64{{3}},
		},
		"JSON, the label in an object": {
			pipeline.JSON, `{"data_fields":"a","label_field":"y"}`,
			Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 1)}, Labels: []pipeline.Tensor{tensor("y", "float32", 2)}},
			`{"z":1,"y":[0,1]}`, `{"a":null}`,
			[][]float64{{math.NaN()}},
			[][]float64{{0, 1}},
		},
		"JSON, the label in the value": {
			pipeline.JSON, `{"data_fields":["a"],"label_field":"y"}`,
			Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 1)}, Labels: []pipeline.Tensor{tensor("y", "int32")}},
			"", `{"a":1,"y":2}`,
			[][]float64{{1}},
			[][]float64{{2}},
		},
		"JSON, the label in the value beside a key of the producer's": {
			pipeline.JSON, `{"data_fields":["a"],"label_field":"y"}`,
			Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 1)}, Labels: []pipeline.Tensor{tensor("y", "int32")}},
			"42", `{"a":1,"y":2}`,
			[][]float64{{1}},
			[][]float64{{2}},
		},
		"JSON, an escaped name in the value beside a key": {
			pipeline.JSON, `{"data_fields":["a"],"label_field":"é"}`,
			Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 1)}, Labels: []pipeline.Tensor{tensor("y", "int32")}},
			"device-7", `{"a":1,"\u00e9":2}`,
			[][]float64{{1}},
			[][]float64{{2}},
		},
		"JSON, the label's name as a text in the value": {
			pipeline.JSON, `{"data_fields":["a"],"label_field":"y"}`,
			Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 1)}, Labels: []pipeline.Tensor{tensor("y", "int32")}},
			"3", `{"a":1,"axis":"y","deep":{"y":5}}`,
			[][]float64{{1}},
			[][]float64{{3}},
		},
		"JSON, members named as the inputs": {
			pipeline.JSON, ``, inputs(tensor("a", "float32", 2), tensor("b", "float32")), "", `{"\u0062":1,"a":[[2],[3]]}`, [][]float64{{2, 3}, {1}}, nil,
		},
		"Telegraf": {
			pipeline.TelegrafJSON, `{"data_fields":["a"]}`, inputs(tensor("x", "float32", 1)), "",
			`{"fields":{"value":"{\"a\": 4}"},"name":"mqtt","timestamp":1}`,
			[][]float64{{4}},
			nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := New(test.format, json.RawMessage(test.config), test.bind)
			if err != nil {
				t.Fatal(err)
			}
			in, out := buffers(d.Inputs()), buffers(d.Labels())
			if err := d.Record(in, out, []byte(test.key), []byte(test.value)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, decoded(d.Inputs(), in), cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.labels, decoded(d.Labels(), out)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	x4 := inputs(tensor("x", "float32", 4))
	two := inputs(tensor("a", "float32"), tensor("b", "float32"))
	record := func(fields string) string {
		return `{"data_scheme":{"type":"record","name":"r","fields":[` + fields + `]}}`
	}
	tests := map[string]struct {
		format         pipeline.Format
		config         string
		bind           Binding
		field, mention string
	}{
		"unknown format":         {"XML", `{}`, x4, "input_format", "XML"},
		"no config":              {pipeline.RAW, ``, x4, "input_config", "missing"},
		"config of another type": {pipeline.RAW, `[]`, x4, "input_config", "array"},
		"no type":                {pipeline.RAW, `{"data_reshape":"4"}`, x4, "input_config.data_type", "missing"},
		"unknown type":           {pipeline.RAW, `{"data_type":"int","data_reshape":"4"}`, x4, "input_config.data_type", `"int"`},
		"strings":                {pipeline.RAW, `{"data_type":"string"}`, x4, "input_config.data_type", "strings"},
		"too few elements":       {pipeline.RAW, `{"data_type":"uint8","data_reshape":"3"}`, x4, "input_config.data_reshape", "3 elements"},
		"another order":          {pipeline.RAW, `{"data_type":"uint8","data_reshape":"2 3"}`, inputs(tensor("x", "float32", 3, 2)), "input_config.data_reshape", "another order"},
		"a scalar for an image":  {pipeline.RAW, `{"data_type":"uint8"}`, x4, "input_config.data_reshape", "scalar"},
		"a shape of words":       {pipeline.RAW, `{"data_type":"uint8","data_reshape":"4 x"}`, x4, "input_config", `"4 x"`},
		"an absurd shape":        {pipeline.RAW, `{"data_type":"uint8","data_reshape":"99999 99999 99999"}`, x4, "input_config", "elements"},
		"open size, no division": {pipeline.RAW, `{"data_type":"uint8","data_reshape":"4"}`, inputs(tensor("x", "float32", -1, 3)), "input_config.data_reshape", "?x3"},
		"numbers for text":       {pipeline.RAW, `{"data_type":"uint8"}`, inputs(tensor("x", "string")), "input_config.data_type", "text"},
		"labels of text": {
			pipeline.RAW, `{"data_type":"uint8","data_reshape":"4","label_type":"string"}`,
			Binding{Inputs: x4.Inputs, Labels: []pipeline.Tensor{tensor("y", "string")}},
			"input_config", "labels are numbers",
		},
		"no label type": {
			pipeline.RAW, `{"data_type":"uint8","data_reshape":"4"}`,
			Binding{Inputs: x4.Inputs, Labels: []pipeline.Tensor{tensor("y", "int32")}},
			"input_config.label_type", "missing",
		},
		"no scheme":              {pipeline.AVRO, `{}`, x4, "input_config.data_scheme", "missing"},
		"no schema":              {pipeline.AVRO, `{"data_scheme":"nonsense"}`, x4, "input_config.data_scheme", "schema"},
		"no record":              {pipeline.AVRO, `{"data_scheme":{"type":"array","items":"int"}}`, x4, "input_config.data_scheme", "record"},
		"text in AVRO":           {pipeline.AVRO, record(`{"name":"city","type":"string"}`), x4, "input_config.data_scheme", `"city"`},
		"a record in AVRO":       {pipeline.AVRO, record(`{"name":"at","type":{"type":"record","name":"p","fields":[]}}`), x4, "input_config.data_scheme", `"at"`},
		"a wide union":           {pipeline.AVRO, record(`{"name":"u","type":["null","int",{"type":"array","items":"int"}]}`), x4, "input_config.data_scheme", `"u"`},
		"too few fields":         {pipeline.AVRO, record(`{"name":"v","type":"int"}`), x4, "input_config.data_scheme", "1 fields (v)"},
		"a field of no input":    {pipeline.AVRO, record(`{"name":"a","type":"int"},{"name":"q","type":"int"}`), two, "input_config.data_scheme", `"q"`},
		"an input of no field":   {pipeline.AVRO, record(`{"name":"a","type":"int"}`), two, "input_config.data_scheme", `"b"`},
		"an array, an open size": {pipeline.AVRO, record(`{"name":"v","type":{"type":"array","items":"int"}}`), inputs(tensor("x", "float32", -1)), "input_config.data_scheme", "open"},
		"a member named twice":   {pipeline.JSON, `{"data_fields":["a","a"]}`, x4, "input_config.data_fields", `"a"`},
		"members of no type":     {pipeline.JSON, `{"data_fields":[1]}`, x4, "input_config.data_fields", "number"},
		"Telegraf for training": {
			pipeline.TelegrafJSON, `{}`, Binding{Inputs: x4.Inputs, Labels: []pipeline.Tensor{tensor("y", "int32")}}, "input_format", "labels",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.format, json.RawMessage(test.config), test.bind)
			var known *pipeline.Error
			if !errors.As(err, &known) {
				t.Fatalf("got %v", err)
			}
			if known.Field != test.field || !strings.Contains(known.Error(), test.mention) || known.Kind != pipeline.Invalid {
				t.Errorf("got field %q: %v", known.Field, err)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	avro := `{"data_scheme":` + measures + `}`
	tests := map[string]struct {
		format         pipeline.Format
		config, dtype  string
		value, mention string
	}{
		"RAW, short":           {pipeline.RAW, `{"data_type":"uint8","data_reshape":"4"}`, "float32", "abc", "3 bytes, 4 are wanted (4 of uint8)"},
		"RAW, empty":           {pipeline.RAW, `{"data_type":"uint8","data_reshape":"4"}`, "float32", "", "0 bytes"},
		"AVRO, short":          {pipeline.AVRO, avro, "float32", "\x00\x00", `field "a"`},
		"AVRO, trailing":       {pipeline.AVRO, avro, "float32", "\x00\x00\xc0\x3f\x00\x03\x01\x00", "1 bytes follow"},
		"AVRO, no such branch": {pipeline.AVRO, avro, "float32", "\x00\x00\xc0\x3f\x08\x03\x01", "branch 4"},
		"AVRO, no boolean":     {pipeline.AVRO, avro, "float32", "\x00\x00\xc0\x3f\x00\x03\x02", "boolean"},
		"AVRO, null to int":    {pipeline.AVRO, avro, "int32", "\x00\x00\x00\x00\x00\x03\x01", "null"},
		"AVRO, fraction":       {pipeline.AVRO, avro, "int32", "\x00\x00\xc0\x3f\x00\x03\x01", "1.5"},
		"JSON, none":           {pipeline.JSON, `{"data_fields":["a"]}`, "float32", "{", "not JSON"},
		"JSON, no object":      {pipeline.JSON, `{"data_fields":["a"]}`, "float32", "[1,2,3,4]", "object"},
		"JSON, missing":        {pipeline.JSON, `{"data_fields":["a"]}`, "float32", `{"b":1}`, `"a" is missing`},
		"JSON, too few":        {pipeline.JSON, `{"data_fields":["a"]}`, "float32", `{"a":[1,2,3]}`, "1 of 4"},
		"JSON, rows of 3":      {pipeline.JSON, `{"data_fields":["a"]}`, "float32", `{"a":[[1,2,3],[4]]}`, "one of 3 beside one of 1"},
		"JSON, mixed":          {pipeline.JSON, `{"data_fields":["a"]}`, "float32", `{"a":[[1,2],3,4]}`, "beside arrays"},
		"JSON, mixed, deeper":  {pipeline.JSON, `{"data_fields":["a"]}`, "float32", `{"a":[1,2,[3,4]]}`, "beside arrays"},
		"JSON, nested on":      {pipeline.JSON, `{"data_fields":["a"]}`, "float32", `{"a":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`, "deep"},
		"JSON, too many":       {pipeline.JSON, `{"data_fields":["a"]}`, "float32", `{"a":[1,2,3,4,5]}`, "more values"},
		"JSON, text":           {pipeline.JSON, `{"data_fields":["a"]}`, "float32", `{"a":"1"}`, "text"},
		"JSON, object":         {pipeline.JSON, `{"data_fields":["a"]}`, "float32", `{"a":{}}`, "object"},
		"JSON, twice":          {pipeline.JSON, `{"data_fields":["a"]}`, "float32", `{"a":1,"a":2}`, "twice"},
		"JSON, out of range":   {pipeline.JSON, `{"data_fields":["a"]}`, "float64", `{"a":[1e999,0,0,0]}`, "range"},
		"Telegraf, no text":    {pipeline.TelegrafJSON, `{"data_fields":["a"]}`, "float32", `{"fields":{"value":4}}`, "Telegraf"},
		"Telegraf, no value":   {pipeline.TelegrafJSON, `{"data_fields":["a"]}`, "float32", `{"fields":{}}`, "fields.value"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := New(test.format, json.RawMessage(test.config), inputs(tensor("x", test.dtype, 4)))
			if err != nil {
				t.Fatal(err)
			}
			err = d.Sample(buffers(d.Inputs()), []byte(test.value))
			if err == nil || !strings.Contains(err.Error(), test.mention) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDecodeChecksRoom(t *testing.T) {
	for format, config := range map[pipeline.Format]string{
		pipeline.RAW: `{"data_type":"uint8","data_reshape":"1"}`, pipeline.JSON: `{"data_fields":["a"]}`,
	} {
		d, err := New(format, json.RawMessage(config), inputs(tensor("x", "float32", 1)))
		if err != nil {
			t.Fatal(err)
		}
		value := map[pipeline.Format]string{pipeline.RAW: "a", pipeline.JSON: `{"a":1}`}[format]
		for _, dst := range [][][]byte{{make([]byte, 9)}, {nil, nil}, {}} {
			if d.Sample(dst, []byte(value)) == nil {
				t.Errorf("%s: a wrong buffer is taken", format)
			}
		}
	}
}

func TestRawDoesNotAllocate(t *testing.T) {
	d, err := New(pipeline.RAW, []byte(`{"data_type":"uint8","data_reshape":"28 28"}`), inputs(tensor("x", "float32", 784)))
	if err != nil {
		t.Fatal(err)
	}
	dst, value := buffers(d.Inputs()), make([]byte, 784)
	if n := testing.AllocsPerRun(100, func() {
		if err := d.Sample(dst, value); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func TestShapesOfOneOrder(t *testing.T) {
	for _, test := range []struct {
		a, b []int
		same bool
	}{
		{[]int{28, 28}, []int{784}, true},
		{[]int{28, 28}, []int{28, 28, 1}, true},
		{[]int{1, 28, 28}, []int{28, 28, 1}, true},
		{[]int{32, 96}, []int{32, 32, 3}, true},
		{[]int{3, 32, 32}, []int{32, 32, 3}, false},
		{[]int{2, 3}, []int{3, 2}, false},
		{[]int{1}, nil, true},
	} {
		if sameOrder(test.a, test.b) != test.same || sameOrder(test.b, test.a) != test.same {
			t.Errorf("%v and %v: the same order is not %v", test.a, test.b, test.same)
		}
	}
	d, err := New(pipeline.JSON, json.RawMessage(`{"data_fields":["a"]}`), inputs(tensor("x", "float32", 3, 2)))
	if err != nil {
		t.Fatal(err)
	}
	for value, mention := range map[string]string{`{"a":[[1,2,3],[4,5,6]]}`: "arrays of 2x3", `{"a":[[1,2],[3,4],[5,6]]}`: "", `{"a":[1,2,3,4,5,6]}`: "", `{"a":[[[1],[2]],[[3],[4]],[[5],[6]]]}`: ""} {
		if err := d.Sample(buffers(d.Inputs()), []byte(value)); (err != nil) != (mention != "") || err != nil && !strings.Contains(err.Error(), mention) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// TestAttackLabelsOfTwoPlaces: a record without its label is not trained on by its key,
// which is the id of a device.
func TestAttackLabelsOfTwoPlaces(t *testing.T) {
	const with, without = `{"x":1,"y":2}`, `{"x":1}`
	for name, test := range map[string]struct{ first, second, says string }{
		"in the value, then not": {with, without, `has no "y", so that the key would be the label`},
		"in the key, then not":   {without, with, `has "y", and that of the first record has not`},
		"in the value":           {with, with, ""},
		"in the key":             {without, without, ""},
	} {
		d, err := New(pipeline.JSON, json.RawMessage(`{"data_fields":["x"],"label_field":"y"}`), Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 1)}, Labels: []pipeline.Tensor{tensor("y", "float32")}})
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{test.first, test.second} {
			err = d.Record(buffers(d.Inputs()), buffers(d.Labels()), []byte("17"), []byte(value))
		}
		if (err != nil) != (test.says != "") || err != nil && (!strings.Contains(err.Error(), test.says) || Hint(err) == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
