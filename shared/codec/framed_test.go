package codec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// framedBy puts the framing of a schema's id before a record that goavro writes.
func framedBy(t testing.TB, id uint32, schema string, record any) []byte {
	t.Helper()
	c, err := goavro.NewCodec(schema)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.BinaryFromNative(binary.BigEndian.AppendUint32([]byte{0}, id), record)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// taught decodes a value into floats; schemas are what the registry holds.
func taught(t testing.TB, d *Decoder, schemas map[uint32]Schema, value []byte) ([]float64, error) {
	t.Helper()
	dst := buffers(d.Inputs())
	for {
		err := d.Sample(dst, value)
		var lacks *Missing
		if !errors.As(err, &lacks) {
			if err != nil {
				return nil, err
			}
			all := []float64{}
			for i, in := range d.Inputs() {
				v, err := Floats(dst[i], in.DType)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, v...)
			}
			return all, nil
		}
		lacks.Learn(schemas[lacks.ID])
	}
}

func record(fields string) string { return `{"type":"record","name":"r","fields":[` + fields + `]}` }

func framedDecoder(t testing.TB, config string, wants ...pipeline.Tensor) *Decoder {
	t.Helper()
	d, err := New(pipeline.AVRO, json.RawMessage(config), Binding{Inputs: wants, Registry: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A record is read by the schema that wrote it, resolved by name to what is
// wanted.
func TestFramedRecordsAreResolvedByName(t *testing.T) {
	const (
		abc     = `{"name":"a","type":"float"},{"name":"b","type":"float"},{"name":"c","type":"float"}`
		nesting = `{"name":"in","type":{"type":"record","name":"In","fields":[{"name":"n","type":["null","In"]},{"name":"m","type":{"type":"map","values":"bytes"}},
			{"name":"f","type":{"type":"fixed","name":"F","size":3}},{"name":"l","type":{"type":"array","items":["null","string","double"]}}]}}`
	)
	in := map[string]any{
		"n": map[string]any{"In": map[string]any{"n": nil, "m": map[string]any{}, "f": []byte("xyz"), "l": []any{}}},
		"m": map[string]any{"k": []byte("v")}, "f": []byte("abc"),
		"l": []any{nil, map[string]any{"string": "s"}, map[string]any{"double": 2.5}},
	}
	three, names := []pipeline.Tensor{tensor("x", "float32", 3)}, `{"data_fields":["a","b","c"]}`
	reader := `{"framing":"confluent","data_scheme":` + record(`{"name":"a","type":"double"},{"name":"b","type":"float","default":7},{"name":"c","type":["null","float"],"default":null}`) + `}`
	enum := `{"framing":"confluent","data_scheme":` + record(`{"name":"e","type":{"type":"enum","name":"E","symbols":["RED","GREEN","BLUE"]}}`) + `}`
	for name, test := range map[string]struct {
		config string
		wants  []pipeline.Tensor
		writer string
		record map[string]any
		want   []float64
	}{
		"in order":           {names, three, record(abc), map[string]any{"a": 1, "b": 2, "c": 3}, []float64{1, 2, 3}},
		"in another order":   {names, three, record(`{"name":"c","type":"int"},{"name":"z","type":"string"},{"name":"a","type":"long"},{"name":"b","type":"boolean"}`), map[string]any{"a": 1, "b": true, "c": 3, "z": "text"}, []float64{1, 1, 3}},
		"among nested ones":  {names, three, record(nesting + `,{"name":"a","type":"float"},{"name":"d","type":"double"},{"name":"e","type":"double"},{"name":"b","type":["float","null"]},{"name":"c","type":"double"}`), map[string]any{"in": in, "a": 1, "d": 0, "e": 0, "b": map[string]any{"float": 2}, "c": 3}, []float64{1, 2, 3}},
		"by a wider reader":  {reader, three, record(abc), map[string]any{"a": 1, "b": 2, "c": 3}, []float64{1, 2, 3}},
		"defaults":           {reader, three, record(`{"name":"a","type":"int"}`), map[string]any{"a": 1}, []float64{1, 7, math.NaN()}},
		"a default before":   {reader, three, record(`{"name":"c","type":"float"},{"name":"a","type":"int"}`), map[string]any{"a": 1, "c": 3}, []float64{1, 7, 3}},
		"an enum's symbol":   {enum, []pipeline.Tensor{tensor("x", "int32", 1)}, record(`{"name":"e","type":{"type":"enum","name":"E","symbols":["BLUE","RED"]}}`), map[string]any{"e": "BLUE"}, []float64{2}},
		"several numbers":    {names, three, record(`{"name":"a","type":["null","int","double"]},{"name":"b","type":["long","float"]},{"name":"c","type":["double","null"]}`), map[string]any{"a": map[string]any{"double": 1.5}, "b": map[string]any{"long": 2}, "c": nil}, []float64{1.5, 2, math.NaN()}},
		"several, widened":   {reader, three, record(`{"name":"a","type":["int","float"]},{"name":"b","type":["null","int","long"]}`), map[string]any{"a": map[string]any{"float": 1.5}, "b": map[string]any{"int": 2}}, []float64{1.5, 2, math.NaN()}},
		"arrays":             {`{"data_fields":["b","a"]}`, three, record(`{"name":"a","type":{"type":"array","items":"int"}},{"name":"b","type":"float"}`), map[string]any{"a": []any{2, 3}, "b": 1}, []float64{1, 2, 3}},
		"the inputs' names":  {`{}`, []pipeline.Tensor{tensor("b", "float32", 1), tensor("a", "int64")}, record(abc + `,{"name":"d","type":"int"}`), map[string]any{"a": 1, "b": 2, "c": 3, "d": 4}, nil},
		"the only field":     {``, []pipeline.Tensor{tensor("x", "float32", 2)}, record(`{"name":"v","type":{"type":"array","items":"float"}}`), map[string]any{"v": []any{1, 2}}, []float64{1, 2}},
		"several of the map": {`{}`, []pipeline.Tensor{tensor("b", "float32", 1), tensor("a", "float32")}, record(abc), map[string]any{"a": 1, "b": 2, "c": 3}, []float64{2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			d := framedDecoder(t, test.config, test.wants...)
			got, err := taught(t, d, map[uint32]Schema{77: {Type: "AVRO", Text: test.writer}}, framedBy(t, 77, test.writer, test.record))
			if test.want == nil { // a float where a whole number is wanted
				test.want = []float64{2, 1}
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A schema is read with those that it refers to, and a stream by as many as
// wrote it.
func TestFramedRecordsOfManySchemas(t *testing.T) {
	d := framedDecoder(t, `{"data_fields":["a"]}`, tensor("x", "float32", 1))
	const point = `{"type":"record","name":"Point","namespace":"geo","fields":[{"name":"lat","type":"double"}]}`
	schemas := map[uint32]Schema{
		1: {Text: record(`{"name":"a","type":"float"}`)},
		2: {Type: "AVRO", Text: `{"type":"record","name":"r","namespace":"geo","fields":[{"name":"p","type":"Point"},{"name":"q","type":"geo.Point"},{"name":"a","type":"float"}]}`, References: []string{point}},
		3: {Text: `"float"`}, 4: {Text: `float`},
	}
	whole := `{"type":"record","name":"r","namespace":"geo","fields":[{"name":"p","type":` + point + `},{"name":"q","type":"geo.Point"},{"name":"a","type":"float"}]}`
	p := map[string]any{"lat": 1.5}
	for range 3 {
		for id, value := range map[uint32][]byte{
			1: framedBy(t, 1, schemas[1].Text, map[string]any{"a": 5}),
			2: framedBy(t, 2, whole, map[string]any{"p": p, "q": p, "a": 5}),
		} {
			if got, err := taught(t, d, schemas, value); err != nil || got[0] != 5 {
				t.Errorf("schema %d: %v, %v", id, got, err)
			}
		}
	}
	sole := framedDecoder(t, `{}`, tensor("x", "float32", 1))
	for id := uint32(3); id <= 4; id++ {
		if got, err := taught(t, sole, schemas, framedBy(t, id, `"float"`, 5)); err != nil || got[0] != 5 {
			t.Errorf("schema %d, of a number alone: %v, %v", id, got, err)
		}
	}
}

// What cannot be decoded says which schema, which field, and what to do.
func TestFramedFaults(t *testing.T) {
	deep := strings.Repeat(`{"type":"array","items":`, 100) + `"int"` + strings.Repeat(`}`, 100)
	for name, test := range map[string]struct {
		config, writer, value string
		wants                 pipeline.Tensor
		reason, hint          string
	}{
		"no such field":      {`{"data_fields":["a"]}`, record(`{"name":"b","type":"int"}`), "\x02", tensor("x", "float32", 1), `schema 9 of the registry: it has no field "a"; its fields are b`, "data_fields"},
		"names are wanted":   {`{}`, record(`{"name":"a","type":"int"},{"name":"b","type":"int"}`), "\x02\x02", tensor("x", "float32", 2), `no field "x"; its fields are a, b`, "name in data_fields"},
		"nested":             {`{"data_fields":["a"]}`, record(`{"name":"a","type":{"type":"map","values":"int"}}`), "", tensor("x", "float32", 1), `field "a" is a map`, "data_fields"},
		"text":               {`{"data_fields":["a"]}`, record(`{"name":"a","type":["null","string"]}`), "", tensor("x", "float32", 1), `field "a" is string, and "x" of the model takes numbers`, ""},
		"an enum":            {`{"data_fields":["a"]}`, record(`{"name":"a","type":{"type":"enum","name":"E","symbols":["A"]}}`), "", tensor("x", "float32", 1), "is an enum", "data_scheme"},
		"narrower":           {`{"framing":"confluent","data_scheme":` + record(`{"name":"a","type":"int"}`) + `}`, record(`{"name":"a","type":"double"}`), "", tensor("x", "float32", 1), "was written as double and is read as int", "wider"},
		"another type":       {`{"data_fields":["a"]}`, "PROTOBUF", "", tensor("x", "float32", 1), "of the type PROTOBUF", "input_format"},
		"no schema":          {`{"data_fields":["a"]}`, "<html>", "", tensor("x", "float32", 1), "not JSON", ""},
		"nested without end": {`{"data_fields":["a"]}`, record(`{"name":"a","type":` + deep + `}`), "", tensor("x", "float32", 1), "nested more than", ""},
		"itself":             {`{"data_fields":["a"]}`, record(`{"name":"r","type":"r"},{"name":"a","type":"int"}`), "\x02", tensor("x", "float32", 1), "nests more than", ""},
		"cut off":            {`{"data_fields":["a"]}`, record(`{"name":"a","type":"double"}`), "\x02", tensor("x", "float32", 1), `schema 9: field "a"`, "cut off"},
		"more":               {`{"data_fields":["a"]}`, record(`{"name":"a","type":"int"}`), "\x02\x02", tensor("x", "float32", 1), "1 bytes follow", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := Schema{Type: "AVRO", Text: test.writer}
			if test.writer == "PROTOBUF" {
				s.Type = test.writer
			}
			_, err := taught(t, framedDecoder(t, test.config, test.wants), map[uint32]Schema{9: s}, append([]byte{0, 0, 0, 0, 9}, test.value...))
			if err == nil || !strings.Contains(err.Error(), test.reason) || !strings.Contains(Hint(err), test.hint) {
				t.Errorf("got %v; hint %q", err, Hint(err))
			}
		})
	}
}

// Records among framed ones that are not, and framed ones where there is no
// registry, are refused by name.
func TestFramedAndUnframed(t *testing.T) {
	d := framedDecoder(t, `{"data_fields":["a"]}`, tensor("x", "float32", 1))
	for value, want := range map[string]string{
		`{"a": 1}`: "it is JSON",
		"\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02": "C3 01",
		"\x02":         "it begins with 02",
		"\x00\x00\x00": "it begins with 00 00 00",
	} {
		if _, err := taught(t, d, nil, []byte(value)); err == nil || !strings.Contains(err.Error(), "not framed") || !strings.Contains(err.Error(), want) || Hint(err) == "" {
			t.Errorf("%q: %v; hint %q", value, err, Hint(err))
		}
	}
	for config, want := range map[string]string{
		`{"framing":"confluent"}`: "knows of none",
		`{"data_fields":["a"]}`:   "data_scheme: is missing",
		`{"framing":"glue"}`:      "not a framing",
	} {
		_, err := New(pipeline.AVRO, json.RawMessage(config), inputs(tensor("x", "float32", 1)))
		var known *pipeline.Error
		if !errors.As(err, &known) || !strings.Contains(known.Error(), want) || config != `{"framing":"glue"}` && !strings.Contains(known.Hint, "SCHEMA_REGISTRY_URL") {
			t.Errorf("%s: %v", config, err)
		}
	}
}

// JSON is read behind the framing of a schema registry as without it, in the
// value and in the key.
func TestFramedJSON(t *testing.T) {
	const framing = "\x00\x00\x00\x00\x07"
	for name, r := range map[string][2]string{
		"the label in the value": {"device 7", framing + `{"a":1,"b":2,"y":3}`},
		"the label in the key":   {framing + "3", framing + `{"a":1,"b":2}`},
		"no framing":             {"3", `{"a":1,"b":2}`},
	} {
		d, err := New(pipeline.JSON, json.RawMessage(`{"data_fields":["a","b"],"label_field":"y"}`), Binding{
			Inputs: []pipeline.Tensor{tensor("x", "float32", 2)}, Labels: []pipeline.Tensor{tensor("y", "int32")},
		})
		if err != nil {
			t.Fatal(err)
		}
		in, label := buffers(d.Inputs()), buffers(d.Labels())
		if err := d.Record(in, label, []byte(r[0]), []byte(r[1])); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if binary.LittleEndian.Uint32(label[0]) != 3 || binary.LittleEndian.Uint32(in[0][4:]) != math.Float32bits(2) {
			t.Errorf("%s: %v, %v", name, in, label)
		}
	}
}

// A framed enum is text by the symbols that wrote it, with a schema to read by or
// without one; a symbol that the reader does not have is refused.
func TestFramedEnumsAsText(t *testing.T) {
	writer := record(`{"name":"job","type":{"type":"enum","name":"E","symbols":["cook","nurse"]}}`)
	reader := record(`{"name":"job","type":{"type":"enum","name":"E","symbols":["nurse","pilot"]}}`)
	for config, want := range map[string]map[string]string{
		`{}`: {"nurse": "nurse", "cook": "cook"},
		`{"framing":"confluent","data_scheme":` + reader + `}`: {"nurse": "nurse", "cook": ""},
	} {
		d := framedDecoder(t, config, tensor("job", "string", 1))
		for symbol, text := range want {
			dst := buffers(d.Inputs())
			value := framedBy(t, 7, writer, map[string]any{"job": symbol})
			err := d.Sample(dst, value)
			var lacks *Missing
			if errors.As(err, &lacks) {
				lacks.Learn(Schema{Text: writer})
				err = d.Sample(dst, value)
			}
			switch {
			case text == "" && (err == nil || !strings.Contains(err.Error(), "symbol")):
				t.Errorf("%s: %s is taken: %v", config, symbol, err)
			case text != "" && (err != nil || texts(t, dst[0])[0] != text):
				t.Errorf("%s: %q, %v", config, dst[0], err)
			}
		}
	}
}
