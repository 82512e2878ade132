package codec

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// every is a schema of each kind of field, in an order that mixes sizes.
const every = `{"type":"record","name":"e","fields":[
	{"name":"i","type":"int"},{"name":"l","type":"long"},{"name":"f","type":"float"},{"name":"d","type":"double"},
	{"name":"b","type":"boolean"},{"name":"e","type":{"type":"enum","name":"E","symbols":["p","q","r"]}},
	{"name":"again","type":"E"},{"name":"date","type":{"type":"int","logicalType":"date"}},
	{"name":"n","type":["null","double"]},{"name":"m","type":["long","null"]},
	{"name":"a","type":{"type":"array","items":{"type":"array","items":"float"}}}]}`

// everyFields is how many numbers a record of every holds beside its array.
const everyFields = 10

// FuzzAvroAgainstGoavro holds the direct decoder against goavro: what goavro
// reads we read alike, and what it refuses we refuse.
func FuzzAvroAgainstGoavro(f *testing.F) {
	goavro.MaxBlockCount = 1 << 20                                                                           // it allocates what a block says it has: 19 GB for one of the seeds
	codec, err := goavro.NewCodec(strings.ReplaceAll(every, `{"type":"int","logicalType":"date"}`, `"int"`)) // goavro makes dates times
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range []any{nil, goavro.Union("double", 2.5)} {
		b, err := codec.BinaryFromNative(nil, map[string]any{
			"i": -5, "l": int64(1) << 50, "f": float32(1.5), "d": math.Pi, "b": true, "e": "r", "again": "p", "date": 19000,
			"n": n, "m": goavro.Union("long", 7), "a": []any{[]any{float32(1)}, []any{float32(2)}, []any{float32(3)}},
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{})
	s, err := parseAvro("", json.RawMessage(every))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		native, rest, err := codec.NativeFromBinary(record)
		var want []float64
		if err == nil && len(rest) == 0 {
			want = flatten(t, native.(map[string]any))
		}
		elements := max(len(want), everyFields+3)
		p := &avroPart{layout{tensors: []Tensor{{Name: "x", DType: Float64, Shape: []int{elements}}}}, s.fields, ""}
		dst := buffers(p.tensors)
		ours := p.decode(dst, record)
		switch {
		case want == nil && ours == nil && !lenient(err):
			t.Fatalf("goavro refuses it (%v, %d bytes left), we do not", err, len(rest))
		case len(want) == elements && ragged(native):
			if ours == nil {
				t.Fatal("arrays of different lengths are taken")
			}
		case len(want) == elements && ours != nil:
			t.Fatalf("goavro reads %v, we refuse: %v", want, ours)
		case len(want) == elements:
			if diff := cmp.Diff([][]float64{want}, decoded(p.tensors, dst), cmpopts.EquateNaNs()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// ragged reports whether the arrays in the array "a" of a goavro record differ in length.
func ragged(record any) bool {
	rows := record.(map[string]any)["a"].([]any)
	return slices.ContainsFunc(rows, func(row any) bool { return len(row.([]any)) != len(rows[0].([]any)) })
}

// lenient is where goavro is stricter than the specification: it bounds the
// counts and sizes of blocks by constants of its own.
func lenient(err error) bool {
	return err != nil && strings.Contains(err.Error(), "block")
}

// flatten is a goavro record as our decoder writes it.
func flatten(t *testing.T, r map[string]any) (all []float64) {
	symbols := map[string]float64{"p": 0, "q": 1, "r": 2}
	var add func(v any)
	add = func(v any) {
		switch v := v.(type) {
		case nil:
			all = append(all, math.NaN())
		case int32:
			all = append(all, float64(v))
		case int64:
			all = append(all, float64(v))
		case float32:
			all = append(all, float64(v))
		case float64:
			all = append(all, v)
		case bool:
			all = append(all, float64(truth(v)))
		case string:
			all = append(all, symbols[v])
		case map[string]any:
			for _, of := range v {
				add(of)
			}
		case []any:
			for _, of := range v {
				add(of)
			}
		default:
			t.Fatalf("%T", v)
		}
	}
	for _, name := range []string{"i", "l", "f", "d", "b", "e", "again", "date", "n", "m", "a"} {
		add(r[name])
	}
	return all
}

// FuzzAvroSchema feeds schemas: none may panic, and one that is taken must
// decode what it encodes.
func FuzzAvroSchema(f *testing.F) {
	for _, schema := range []string{every, measures, kind, `"int"`, `{"type":"record","name":"r","fields":[{"name":"a","type":["null",["int"]]}]}`} {
		f.Add([]byte(schema))
	}
	f.Fuzz(func(t *testing.T, schema []byte) {
		s, err := parseAvro("data_scheme", schema)
		if err != nil || len(s.fields) == 0 || len(s.fields) > 100 {
			return
		}
		counts := make([]int, len(s.fields))
		for i, field := range s.fields {
			counts[i] = 1
			if field.kind == avroArray && field.items.kind == avroArray || field.holdsText() {
				return // not written; FuzzTextOfAvro has text
			}
		}
		w := avroWriter{fields: s.fields, counts: counts}
		zeros := make([]float64, len(s.fields))
		b, err := w.encode(nil, Array{DType: Float64, Data: arrayOf(t, Float64, zeros...)})
		if err != nil {
			t.Fatal(err)
		}
		p := &avroPart{layout{tensors: []Tensor{{DType: Float32, Shape: []int{len(zeros)}}}}, s.fields, ""}
		if err := p.decode(buffers(p.tensors), b); err != nil {
			t.Fatalf("%x: %v", b, err)
		}
	})
}

// FuzzJSON holds the scanner against encoding/json.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{`{"a":1,"b":[2,3]}`, `{"b":[[1],[true]],"a":null,"c":{"a":"\\\""}}`, `[]`, `{"a":-0,"b":[1e300,123456789012345678901]}`, `{"\u0061":1,"b":[0,0]}`} {
		f.Add([]byte(text))
	}
	p, err := newJSONPart("", []string{"a", "b"}, []pipeline.Tensor{tensor("x", "float64", 3)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dst := buffers(p.tensors)
		if p.decode(dst, text) != nil {
			return
		}
		var object map[string]any
		if err := json.Unmarshal(text, &object); err != nil {
			t.Fatalf("we take what encoding/json refuses: %v", err)
		}
		var want []float64
		var add func(v any)
		add = func(v any) {
			switch v := v.(type) {
			case nil:
				want = append(want, math.NaN())
			case float64:
				want = append(want, v)
			case bool:
				want = append(want, float64(truth(v)))
			case []any:
				for _, of := range v {
					add(of)
				}
			default:
				t.Fatalf("we take %T", v)
			}
		}
		add(object["a"])
		add(object["b"])
		if diff := cmp.Diff([][]float64{want}, decoded(p.tensors, dst), cmpopts.EquateNaNs()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzConfig feeds input_configs of every format: none may panic, and each
// refusal names a member.
func FuzzConfig(f *testing.F) {
	f.Add("RAW", []byte(`{"data_type":"uint8","data_reshape":"2 2","label_type":"int8"}`), []byte("abcd"))
	f.Add("AVRO", []byte(avroOf(measures, kind)), []byte("\x00\x00\xc0\x3f\x00\x03\x01"))
	f.Add("JSON", []byte(`{"data_fields":"a,b","label_field":null}`), []byte(`{"a":1,"b":[1,2,3]}`))
	f.Add("TELEGRAF_STR_JSON", []byte(`{}`), []byte(`{"fields":{"value":"{}"}}`))
	f.Add("RAW", []byte(`{"data_type":"string"}`), []byte("good film"))
	f.Add("AVRO", []byte(`{"data_scheme":`+wordy+`}`), []byte("\x02a"))
	f.Add("JSON", []byte(`{"data_fields":["x"]}`), []byte(`{"x":["a","b","c","d"]}`))
	f.Fuzz(func(t *testing.T, format string, config, record []byte) {
		for _, wants := range [][]pipeline.Tensor{{tensor("x", "float32", 2, 2)}, {tensor("x", "string", 1)}, {tensor("x", "string", 2), tensor("y", "int64", 1)}} {
			d, err := New(pipeline.Format(format), config, Binding{Inputs: wants})
			if err != nil {
				if pipeline.KindOf(err) != pipeline.Invalid {
					t.Fatalf("%v", err)
				}
				continue
			}
			_ = d.Sample(buffers(d.Inputs()), record) // untrusted: an error is fine, a panic is not
		}
	})
}

// FuzzFramed reads records by schemas, both of which come from strangers: none
// makes it panic or work without end.
func FuzzFramed(f *testing.F) {
	for _, fields := range []string{
		`{"name":"a","type":"float"},{"name":"b","type":["null","double"]}`,
		`{"name":"b","type":"int"},{"name":"in","type":{"type":"record","name":"In","fields":[{"name":"n","type":["null","In"]},{"name":"m","type":{"type":"map","values":"bytes"}}]}},{"name":"a","type":{"type":"array","items":"long"}}`,
		`{"name":"r","type":{"type":"array","items":"r"}},{"name":"a","type":"boolean"},{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}}`,
	} {
		f.Add(record(fields), []byte("\x02\x04\x06\x08\x00\x00\x01\x02\x03\x04\x00"))
	}
	f.Add(`{"type":"record","name":"r","fields":[{"name":"x","type":{"type":"record","name":"E","fields":[]}},{"name":"l","type":{"type":"array","items":"E"}}]}`, []byte("\xfe\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, schema string, body []byte) {
		for _, config := range []string{`{"data_fields":["a","b"]}`, `{"framing":"confluent","data_scheme":` + record(`{"name":"a","type":"double"},{"name":"b","type":"double","default":1}`) + `}`} {
			d := framedDecoder(t, config, tensor("x", "float32", 2))
			_, _ = taught(t, d, map[uint32]Schema{1: {Text: schema}}, append([]byte{0, 0, 0, 0, 1}, body...))
		}
	})
}
