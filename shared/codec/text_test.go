package codec

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// mixed is a model of a number, two texts and a whole number; film is one of one text.
var (
	mixed = Binding{
		Inputs: []pipeline.Tensor{
			{Name: "age", DType: "float32", Shape: []int{1}}, {Name: "tags", DType: "string", Shape: []int{2}}, {Name: "zone", DType: "int64", Shape: []int{1}},
		},
		Labels: []pipeline.Tensor{{Name: "y", DType: "float32"}},
	}
	film = Binding{Inputs: []pipeline.Tensor{{Name: "review", DType: "string", Shape: []int{1}}}}
)

// texts reads the stored bytes of a tensor of text.
func texts(t *testing.T, stored []byte) (all []string) {
	t.Helper()
	for len(stored) > 0 {
		text, rest, ok := CutText(stored)
		if !ok {
			t.Fatalf("%q does not hold whole texts", stored)
		}
		all, stored = append(all, string(text)), rest
	}
	return all
}

// room is what a record of d is decoded into.
func room(d *Decoder) (inputs, labels [][]byte) {
	for _, t := range d.Inputs() {
		inputs = append(inputs, make([]byte, t.Bytes()))
	}
	for _, t := range d.Labels() {
		labels = append(labels, make([]byte, t.Bytes()))
	}
	return inputs, labels
}

const mixedScheme = `{"type":"record","name":"r","fields":[{"name":"zone","type":"long"},{"name":"tags","type":{"type":"array","items":["null","string"]}},{"name":"age","type":"double"}]}`

func TestTextOfRecords(t *testing.T) {
	avro := json.RawMessage(`{"data_scheme":` + mixedScheme + `,"label_scheme":{"type":"record","name":"l","fields":[{"name":"y","type":"int"}]}}`)
	bytesScheme := json.RawMessage(`{"data_scheme":{"type":"record","name":"r","fields":[{"name":"review","type":["null","bytes"]}]}}`)
	cases := map[string]struct {
		format     pipeline.Format
		config     json.RawMessage
		binding    Binding
		key, value string
		input      int
		want       []string
	}{
		"JSON":            {pipeline.JSON, json.RawMessage(`{"label_field":"y"}`), mixed, "", `{"tags":["a\u00e9\n",""],"age":4,"zone":9,"y":1}`, 1, []string{"aé\n", ""}},
		"JSON, plain":     {pipeline.JSON, nil, film, "", `{"review":"good film"}`, 0, []string{"good film"}},
		"TELEGRAF":        {pipeline.TelegrafJSON, nil, film, "", `{"fields":{"value":"{\"review\":\"good\"}"}}`, 0, []string{"good"}},
		"AVRO":            {pipeline.AVRO, avro, mixed, "\x02", "\x12\x04\x02\x02a\x02\x04\xc3\xa9\x00" + "\x00\x00\x00\x00\x00\x00\x10\x40", 1, []string{"a", "é"}},
		"AVRO, bytes":     {pipeline.AVRO, bytesScheme, film, "", "\x02\x06\x00\xff\x01", 0, []string{"\x00\xff\x01"}},
		"RAW":             {pipeline.RAW, json.RawMessage(`{"data_type":"string"}`), film, "", "good film", 0, []string{"good film"}},
		"RAW, empty text": {pipeline.RAW, json.RawMessage(`{"data_type":"string","data_reshape":"1"}`), film, "", "", 0, []string{""}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d, err := New(c.format, c.config, c.binding)
			if err != nil {
				t.Fatal(err)
			}
			inputs, labels := room(d)
			for range 2 { // the second record uses the memory of the first
				if err := d.Record(inputs, labels, []byte(c.key), []byte(c.value)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, texts(t, inputs[c.input])); diff != "" {
					t.Error(diff)
				}
			}
			if n, err := Floats(inputs[0], Float32); len(inputs) > 1 && (err != nil || n[0] != 4) {
				t.Errorf("age %v, %v", n, err)
			}
		})
	}
}

func TestTextThatIsRefused(t *testing.T) {
	number := Binding{Inputs: []pipeline.Tensor{{Name: "review", DType: "float32", Shape: []int{1}}}}
	stringScheme := `{"data_scheme":{"type":"record","name":"r","fields":[{"name":"review","type":"string"}]}}`
	bound := map[string]struct {
		format  pipeline.Format
		config  string
		binding Binding
		reason  string
	}{
		"a label":          {pipeline.JSON, `{}`, Binding{Inputs: number.Inputs, Labels: film.Inputs}, "labels are numbers"},
		"RAW, several":     {pipeline.RAW, `{"data_type":"string","data_reshape":"4"}`, Binding{Inputs: mixed.Inputs}, "one text"},
		"RAW, numbers":     {pipeline.RAW, `{"data_type":"uint8"}`, film, "takes text"},
		"RAW, a number":    {pipeline.RAW, `{"data_type":"string"}`, number, "strings do not fill"},
		"AVRO, a number":   {pipeline.AVRO, stringScheme, number, "text is not a number"},
		"AVRO, for a text": {pipeline.AVRO, strings.Replace(stringScheme, `"string"`, `"long"`, 1), film, "takes text"},
	}
	for name, c := range bound {
		if _, err := New(c.format, json.RawMessage(c.config), c.binding); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, want %q", name, err, c.reason)
		}
	}
	records := map[string]struct{ value, reason string }{
		"a number":  {`{"review":5}`, "takes text"},
		"null":      {`{"review":null}`, "is null"},
		"two texts": {`{"review":["a","b"]}`, "more values"},
		"none":      {`{"review":[]}`, "missing"},
	}
	for name, c := range records {
		d, err := New(pipeline.JSON, nil, film)
		if err != nil {
			t.Fatal(err)
		}
		inputs, _ := room(d)
		var fault *Fault
		if err := d.Sample(inputs, []byte(c.value)); !errors.As(err, &fault) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, want %q", name, err, c.reason)
		}
	}
	label := `{"data_scheme":` + mixedScheme + `,"label_scheme":{"type":"record","name":"l","fields":[{"name":"y","type":"string"}]}}`
	if _, err := NewEncoder(pipeline.AVRO, json.RawMessage(label)); err == nil || !strings.Contains(err.Error(), "not a number") {
		t.Errorf("an encoder of labels of text: %v", err)
	}
}

// A length beyond the record is refused before anything is read.
func TestTextOfHostileLength(t *testing.T) {
	d, err := New(pipeline.AVRO, json.RawMessage(`{"data_scheme":{"type":"record","name":"r","fields":[{"name":"review","type":"string"}]}}`), film)
	if err != nil {
		t.Fatal(err)
	}
	inputs, _ := room(d)
	for _, value := range []string{"\x01", "\x0aab", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if err := d.Sample(inputs, []byte(value)); err == nil {
			t.Errorf("%q is taken", value)
		}
	}
}

func TestCut(t *testing.T) {
	pair := Tensor{Name: "tags", DType: String, Shape: []int{2}}
	var stored []byte
	for _, s := range []string{"a", "", "bc", "d"} {
		stored = AppendText(stored, s)
	}
	first, rest, err := Cut(pair, stored, 1)
	if err != nil || len(texts(t, first)) != 2 || texts(t, rest)[0] != "bc" {
		t.Errorf("%q, %q, %v", first, rest, err)
	}
	if _, _, err := Cut(pair, stored, 3); err == nil {
		t.Error("more records are cut than there are")
	}
	numbers := Tensor{Name: "x", DType: Int16, Shape: []int{2}}
	if first, rest, err := Cut(numbers, []byte("abcdefgh"), 1); err != nil || string(first) != "abcd" || string(rest) != "efgh" {
		t.Errorf("%q, %q, %v", first, rest, err)
	}
}

// enums are fields of symbols: alone, in an array and in a union with null.
const enums = `{"type":"record","name":"r","fields":[
	{"name":"tags","type":{"type":"array","items":{"type":"enum","name":"E","symbols":["red","blue"]}}},
	{"name":"job","type":["null","E"]},{"name":"level","type":"E"}]}`

// An enum is its symbol where the model takes text, and its index where numbers.
func TestEnumsAsText(t *testing.T) {
	d, err := New(pipeline.AVRO, json.RawMessage(`{"data_scheme":`+enums+`}`), Binding{Inputs: []pipeline.Tensor{
		{Name: "level", DType: "float32", Shape: []int{1}}, {Name: "job", DType: "string", Shape: []int{1}}, {Name: "tags", DType: "string", Shape: []int{2}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	inputs, _ := room(d)
	if err := d.Sample(inputs, []byte("\x04\x02\x00\x00\x02\x02\x02")); err != nil {
		t.Fatal(err)
	}
	if n, err := Floats(inputs[0], Float32); err != nil || n[0] != 1 {
		t.Errorf("level %v, %v", n, err)
	}
	if diff := cmp.Diff([][]string{{"blue"}, {"blue", "red"}}, [][]string{texts(t, inputs[1]), texts(t, inputs[2])}); diff != "" {
		t.Error(diff)
	}
	for value, reason := range map[string]string{"\x04\x02\x00\x00\x00\x02": "is null", "\x04\x02\x04\x00\x02\x02\x02": "no symbol 2"} {
		if err := d.Sample(inputs, []byte(value)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, want %q", value, err, reason)
		}
	}
}

// arrayOfTexts is one number and some texts of a row.
func arrayOfTexts(t *testing.T, number []float64, texts ...string) Array {
	t.Helper()
	a := Array{DType: Float64, Data: arrayOf(t, Float64, number...)}
	for _, text := range texts {
		a.Texts = AppendText(a.Texts, text)
	}
	return a
}

func TestEncodedTextDecodes(t *testing.T) {
	const quoted = "\"a\\b\"\n\t\x01é<&>"
	for name, c := range map[string]struct {
		format  pipeline.Format
		config  string
		binding Binding
		array   Array
		want    []string
	}{
		"RAW":         {pipeline.RAW, `{"data_type":"string","data_reshape":"1"}`, film, arrayOfTexts(t, nil, quoted), []string{quoted}},
		"RAW, bytes":  {pipeline.RAW, `{"data_type":"string"}`, film, arrayOfTexts(t, nil, "\xff\x00"), []string{"\xff\x00"}},
		"JSON":        {pipeline.JSON, `{"data_fields":["zone","tags","age"]}`, mixed, arrayOfTexts(t, []float64{9, 4}, quoted, ""), []string{quoted, ""}},
		"JSON, alone": {pipeline.JSON, `{"data_fields":["zone","tags","age"]}`, film, arrayOfTexts(t, nil, quoted), []string{quoted}},
		"AVRO":        {pipeline.AVRO, `{"data_scheme":` + mixedScheme + `}`, mixed, arrayOfTexts(t, []float64{9, 4}, quoted, "\xff"), []string{quoted, "\xff"}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "JSON, alone" {
				c.config = `{"data_fields":["review"]}`
			}
			e, err := NewEncoder(c.format, json.RawMessage(c.config))
			if err != nil {
				t.Fatal(err)
			}
			input := 0
			if len(c.binding.Inputs) > 1 {
				input = 1
				e.Divide([]int{1, 2, 1}, nil)
				e.MarkTexts([]bool{false, true, false})
			} else {
				e.MarkTexts([]bool{true})
			}
			value, err := e.Sample(nil, c.array)
			if err != nil {
				t.Fatal(err)
			}
			d, err := New(c.format, json.RawMessage(c.config), Binding{Inputs: c.binding.Inputs})
			if err != nil {
				t.Fatal(err)
			}
			inputs, _ := room(d)
			if err := d.Sample(inputs, value); err != nil {
				t.Fatalf("%q: %v", value, err)
			}
			if diff := cmp.Diff(c.want, texts(t, inputs[input])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTextThatCannotBeEncoded(t *testing.T) {
	for name, c := range map[string]struct {
		format         pipeline.Format
		config, reason string
		array          Array
	}{
		"JSON, not UTF-8":   {pipeline.JSON, `{"data_fields":["a"]}`, "not UTF-8", arrayOfTexts(t, nil, "\xff")},
		"JSON, too few":     {pipeline.JSON, `{"data_fields":["a","b"]}`, "too few", arrayOfTexts(t, nil, "x")},
		"JSON, too many":    {pipeline.JSON, `{"data_fields":["a","b"]}`, "1 texts are left over", arrayOfTexts(t, nil, "x", "y", "z")},
		"RAW, two":          {pipeline.RAW, `{"data_type":"string"}`, "2 texts and 0 numbers", arrayOfTexts(t, nil, "x", "y")},
		"RAW, with numbers": {pipeline.RAW, `{"data_type":"string"}`, "1 texts and 1 numbers", arrayOfTexts(t, []float64{1}, "x")},
	} {
		e, err := NewEncoder(c.format, json.RawMessage(c.config))
		if err != nil {
			t.Fatal(err)
		}
		e.MarkTexts([]bool{true, true})
		if _, err := e.Sample(nil, c.array); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, want %q", name, err, c.reason)
		}
	}
}

func TestAppendQuoted(t *testing.T) {
	for _, text := range []string{"", "plain", "\"\\\n\r\t\x00\x1f\x7f", "é€😀\u2028", "<a href=\"x\">&"} {
		var back string
		if got := AppendQuoted(nil, []byte(text)); json.Unmarshal(got, &back) != nil || back != text {
			t.Errorf("%q is written as %s", text, got)
		}
	}
	if got := string(AppendQuoted(nil, []byte("a\xffé\xc3"))); got != "\"a\ufffdé\ufffd\"" {
		t.Errorf("got %q", got)
	}
}
