package codec

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// FuzzTextOfJSON holds the texts that the scanner reads against encoding/json's.
func FuzzTextOfJSON(f *testing.F) {
	for _, text := range []string{
		`{"a":"x","b":["",["\u00e9"]]}`, `{"b":["\"\\\/\b\n","\ud83d\ude00"],"a":"\ud800"}`, `{"a":"` + "\xff\xc3" + `","b":["é","\u0000"]}`,
		`{"a":1,"b":["x","y"]}`, `{"a":null,"b":["x","y"]}`, `{"a":"x","b":["y"]}`, `{"a":"x","b":{"c":"d"}}`, `{"a":"x","b":["y","z","w"]}`, `{"a":true,"b":"x"}`,
	} {
		f.Add([]byte(text))
	}
	p, err := newJSONPart("", []string{"a", "b"}, []pipeline.Tensor{tensor("x", "string", 3)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dst := buffers(p.tensors)
		if p.decode(dst, text) != nil {
			return
		}
		var object map[string]any
		if err := json.Unmarshal(bytes.TrimPrefix(text, []byte(byteOrderMark)), &object); err != nil {
			t.Fatalf("we take what encoding/json refuses: %v", err)
		}
		got := texts(t, dst[0])
		for i := range got { // encoding/json replaces what is not UTF-8, each byte
			got[i] = string([]rune(got[i]))
		}
		want := append(flatTexts(t, object["a"]), flatTexts(t, object["b"])...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// flatTexts are the strings of a value, row-major.
func flatTexts(t *testing.T, v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, of := range v {
			all = append(all, flatTexts(t, of)...)
		}
		return all
	}
	t.Fatalf("we take %T as text", v)
	return nil
}

// wordy is a schema of each kind of field that may be text.
const wordy = `{"type":"record","name":"w","fields":[
	{"name":"s","type":"string"},{"name":"b","type":"bytes"},{"name":"e","type":{"type":"enum","name":"E","symbols":["p","q"]}},
	{"name":"n","type":["null","string"]},{"name":"a","type":{"type":"array","items":{"type":"array","items":"string"}}},{"name":"c","type":{"type":"array","items":["E","null"]}}]}`

// FuzzTextOfAvro holds the texts of the direct decoder against goavro's.
func FuzzTextOfAvro(f *testing.F) {
	codec, err := goavro.NewCodec(wordy)
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range []any{nil, goavro.Union("string", "é")} {
		b, err := codec.BinaryFromNative(nil, map[string]any{
			"s": "a", "b": []byte("\xff\x00"), "e": "q", "n": n,
			"a": []any{[]any{"x", ""}, []any{}, []any{strings.Repeat("long", 40)}}, "c": []any{goavro.Union("E", "p")},
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	s, err := parseAvro("", json.RawMessage(wordy))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		native, rest, err := codec.NativeFromBinary(record)
		var want []string
		whole := err == nil && len(rest) == 0
		null := false
		if whole {
			want, null = wordsOf(t, native.(map[string]any))
		}
		p := &avroPart{layout{tensors: []Tensor{{Name: "x", DType: String, Shape: []int{max(len(want), 4)}}}}, s.fields, ""}
		dst := buffers(p.tensors)
		ours := p.decode(dst, record)
		switch {
		case !whole && ours == nil && !lenient(err):
			t.Fatalf("goavro refuses it (%v, %d bytes left), we do not", err, len(rest))
		case whole && null && ours == nil:
			t.Fatal("a null is taken as text")
		case whole && !null && len(want) >= 4 && ragged(native):
			if ours == nil {
				t.Fatal("arrays of different lengths are taken")
			}
		case whole && !null && len(want) >= 4 && ours != nil:
			t.Fatalf("goavro reads %q, we refuse: %v", want, ours)
		case whole && ours == nil:
			if diff := cmp.Diff(want, texts(t, dst[0])); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// wordsOf are the texts of a goavro record as our decoder writes them, and
// whether one is null.
func wordsOf(t *testing.T, r map[string]any) (all []string, null bool) {
	var add func(v any)
	add = func(v any) {
		switch v := v.(type) {
		case nil:
			null = true
		case string:
			all = append(all, v)
		case []byte:
			all = append(all, string(v))
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
	for _, name := range []string{"s", "b", "e", "n", "a", "c"} {
		add(r[name])
	}
	return all, null
}

// FuzzStoredText cuts bytes that are no stored texts: nothing beyond them is
// read, and what is cut and put together again is what there was.
func FuzzStoredText(f *testing.F) {
	f.Add(AppendText(AppendText(nil, "a"), ""), 1)
	f.Add([]byte("\xff\xff\xff\xff"), 1)
	f.Add([]byte("\x02\x00\x00\x00a"), 3)
	f.Fuzz(func(t *testing.T, stored []byte, records int) {
		if records < 0 || records > 1000 {
			return
		}
		first, rest, err := Cut(Tensor{Name: "x", DType: String, Shape: []int{2}}, stored, records)
		if err != nil {
			return
		}
		if got := append(append([]byte(nil), first...), rest...); string(got) != string(stored) {
			t.Fatalf("%q and %q are not %q", first, rest, stored)
		}
		again := []byte(nil)
		for _, text := range texts(t, first) {
			again = AppendText(again, text)
		}
		if string(again) != string(first) || len(texts(t, first)) != 2*records {
			t.Fatalf("%q is %q", again, first)
		}
	})
}

// FuzzEncodedText writes texts in each format and reads them back.
func FuzzEncodedText(f *testing.F) {
	f.Add([]byte("good film"), []byte("\"\\\n"))
	f.Add([]byte(""), []byte("\xff"))
	binding := Binding{Inputs: []pipeline.Tensor{tensor("x", "string", 2)}}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		a := Array{DType: Float64, Texts: AppendText(AppendText(nil, one), two)}
		for format, config := range map[pipeline.Format]string{
			pipeline.JSON: `{"data_fields":["a","b"]}`,
			pipeline.AVRO: `{"data_scheme":{"type":"record","name":"r","fields":[{"name":"a","type":"string"},{"name":"b","type":["null","bytes"]}]}}`,
		} {
			e, err := NewEncoder(format, json.RawMessage(config))
			if err != nil {
				t.Fatal(err)
			}
			e.MarkTexts([]bool{true, true})
			value, err := e.Sample(nil, a)
			if err != nil {
				if format == pipeline.JSON && (!utf8.Valid(one) || !utf8.Valid(two)) {
					continue
				}
				t.Fatal(err)
			}
			d, err := New(format, json.RawMessage(config), binding)
			if err != nil {
				t.Fatal(err)
			}
			dst, _ := room(d)
			if err := d.Sample(dst, value); err != nil || string(dst[0]) != string(a.Texts) {
				t.Fatalf("%s: %q, %v", format, dst[0], err)
			}
		}
	})
}
