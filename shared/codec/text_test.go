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
	if _, err := NewEncoder(pipeline.AVRO, json.RawMessage(stringScheme)); err == nil || !strings.Contains(err.Error(), "not a number") {
		t.Errorf("an encoder of text: %v", err)
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
