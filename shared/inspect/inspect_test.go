package inspect_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/inspect"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const payment = `{"type":"record","name":"Payment","fields":[{"name":"amount","type":"double"},{"name":"fee","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
	{"name":"payer","type":{"type":"record","name":"Payer","fields":[{"name":"country","type":{"type":"enum","name":"C","symbols":["es","fr"]}},{"name":"age","type":["null","int"]}]}},
	{"name":"tags","type":{"type":"map","values":"long"}},{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"price","type":"float"}]}}},
	{"name":"hash","type":{"type":"fixed","name":"H","size":2}},{"name":"is_fraud","type":"boolean"}]}`

// registry knows one schema.
func registry(id uint32) (codec.Schema, error) {
	if id != 7 {
		return codec.Schema{}, pipeline.Invalidf("schema", "the registry knows no schema %d", id)
	}
	return codec.Schema{Type: "AVRO", Text: payment}, nil
}

func framed(id uint32, body string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), body...)
}

func values(all ...[]byte) (sample []inspect.Record) {
	for _, v := range all {
		sample = append(sample, inspect.Record{Value: v})
	}
	return sample
}

// roles are the fields with what they may be.
func roles(h inspect.Half) map[string]string {
	all := map[string]string{}
	for _, f := range h.Fields {
		all[f.Path] = f.Holds + " " + f.Role
	}
	return all
}

// What people's records are is seen in the records alone.
func TestLook(t *testing.T) {
	var flowers, devices [][]byte
	for i := range 30 {
		flowers = append(flowers, fmt.Appendf(nil, `{"id": "f-%d", "sepal": {"length": %d.5, "width": %d}, "species": "%s"}`, i, i, i, []string{"setosa", "virginica"}[i%2]))
		devices = append(devices, fmt.Appendf(nil, `{"ts": %d, "deviceId": %d, "when": "2026-01-02T03:04:05Z", "window": [1, 2, %d], "a.b": null, "readings": [{"v": 1}, {"v": 2}], "on": true, "y": %d, "class": %d}`, 1_700_000_000_000+i, i, i, i%2, i%3))
	}
	whole := func(n int) (all [][]byte) {
		for i := range 20 {
			all = append(all, append(make([]byte, n-1), byte(i)|0x80))
		}
		return all
	}
	avro := framed(7, "\x00\x00\x00\x00\x00\x00\xf8\x3f"+"\x04\x04\xd2"+"\x02"+"\x02\x54"+"\x02\x02k\x06\x00"+"\x04\x00\x00\x80\x3f\x00\x00\x00\x40\x00"+"ab"+"\x01")
	for name, test := range map[string]struct {
		sample  []inspect.Record
		schemas inspect.Schemas
		kind    string
		format  pipeline.Format
		says    string
		fields  map[string]string // nil: not looked at
	}{
		"JSON": {values(flowers...), nil, inspect.KindJSON, pipeline.JSON, "all of 30 records are JSON", map[string]string{
			"id": "text id", "sepal.length": "number input", "sepal.width": "number input", "species": "text label",
		}},
		"JSON of devices": {values(devices...), nil, inspect.KindJSON, pipeline.JSON, "JSON", map[string]string{
			"ts": "number time", "deviceId": "number id", "when": "text time", "window": "numbers input", `["a.b"]`: "nothing none",
			"readings[0].v": "number input", "readings[1].v": "number input", "on": "boolean input", "y": "number input", "class": "number label",
		}},
		"AVRO": {values(avro, avro), registry, inspect.KindAvro, pipeline.AVRO, "AVRO of the schema registry (schema 7)", map[string]string{
			"amount": "number input", "fee": "number input", "payer.country": "text text", "payer.age": "number input", "tags.k": "number input",
			"items[0].price": "number input", "items[1].price": "number input", "hash": "bytes none", "is_fraud": "boolean label",
		}},
		"framed JSON":          {values(framed(9, `{"a": 1}`)), nil, inspect.KindJSON, pipeline.JSON, "JSON", map[string]string{"a": "number input"}},
		"no registry":          {values(avro), nil, inspect.KindFramed, "", "SCHEMA_REGISTRY_URL", map[string]string{}},
		"a schema not known":   {values(framed(8, "x")), registry, inspect.KindFramed, "", "knows no schema 8", map[string]string{}},
		"cut off":              {values(avro[:20]), registry, inspect.KindAvro, pipeline.AVRO, "AVRO", map[string]string{}},
		"RAW":                  {values(whole(784)...), nil, inspect.KindBinary, pipeline.RAW, "each of 784 bytes", map[string]string{}},
		"RAW of a zero":        {values(make([]byte, 16)), registry, inspect.KindBinary, pipeline.RAW, "each of 16 bytes", nil},
		"binary":               {values(whole(7)[0], whole(9)[1]), nil, inspect.KindBinary, "", "of 7 to 9 bytes", map[string]string{}},
		"text":                 {values([]byte("good film"), []byte("bad film")), nil, inspect.KindText, pipeline.RAW, "text", map[string]string{"": "text text"}},
		"Telegraf":             {values([]byte(`{"name":"cpu","fields":{"value":"{\"a\":1}"},"timestamp":1}`)), nil, inspect.KindTelegraf, pipeline.TelegrafJSON, "Telegraf", map[string]string{"a": "number input"}},
		"numbers alone":        {values([]byte("1"), []byte("2.5")), nil, inspect.KindJSON, "", "without members", map[string]string{"": "number input"}},
		"tombstones":           {values(nil, nil), nil, inspect.KindNone, "", "tombstones", map[string]string{}},
		"nothing":              {nil, nil, inspect.KindNone, "", "no records", map[string]string{}},
		"of different kinds":   {values(flowers[0], flowers[1], nil, []byte("oops")), nil, inspect.KindJSON, pipeline.JSON, "2 of 4 records are JSON; 1 are text, 1 are tombstones", nil},
		"of different types":   {values([]byte(`{"a": 1, "b": 1}`), []byte(`{"a": "1", "b": null}`)), nil, inspect.KindJSON, pipeline.JSON, "JSON", map[string]string{"a": "mixed none", "b": "number input"}},
		"lists of all lengths": {values([]byte(`{"a": [1], "t": ["x"]}`), []byte(`{"a": [], "t": []}`)), nil, inspect.KindJSON, pipeline.JSON, "JSON", map[string]string{"a": "numbers none", "t": "texts text"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := inspect.Look(test.sample, test.schemas)
			if r.Value.Kind != test.kind || r.Format != test.format || !strings.Contains(r.Says, test.says) || r.Format == "" && r.Hint == "" {
				t.Errorf("%s, %q, %q, %q", r.Value.Kind, r.Format, r.Says, r.Hint)
			}
			if diff := cmp.Diff(test.fields, roles(r.Value)); test.fields != nil && diff != "" {
				t.Error(diff)
			}
			if _, err := json.Marshal(r); err != nil || len(r.Shown) != len(test.sample) {
				t.Errorf("%d shown, %v", len(r.Shown), err)
			}
			for _, f := range r.Value.Fields {
				if path, err := codec.ParsePath(f.Path); err != nil || len(path) == 0 && f.Path != "" {
					t.Errorf("%q is no path: %v", f.Path, err)
				}
			}
		})
	}
}

// The values of a field are counted, and a record is shown with its members in
// their order.
func TestFields(t *testing.T) {
	r := inspect.Look([]inspect.Record{
		{Key: []byte("k"), Value: []byte(`{"z": 1, "a": [[1, 2], [3, 4.5]], "c": "x"}`)}, {Value: []byte(`{"z": 3, "a": [[0, 0], [0, 0]]}`)},
	}, nil)
	if got := string(r.Shown[0].Value); got != `{"z":1,"a":[[1,2],[3,4.5]],"c":"x"}` {
		t.Error(got)
	}
	if got := string(r.Shown[0].Key) + string(r.Shown[1].Key); got != `"k"null` {
		t.Error(got)
	}
	at := func(path string) inspect.Field {
		return r.Value.Fields[slices.IndexFunc(r.Value.Fields, func(f inspect.Field) bool { return f.Path == path })]
	}
	if z := at("z"); *z.Least != 1 || *z.Most != 3 || !z.Whole || z.Seen != 2 || z.Missing != 0 || z.Counts["3"] != 1 {
		t.Errorf("%+v", z)
	}
	if a := at("a"); *a.Length != [2]int{4, 4} || a.Whole || *a.Most != 4.5 {
		t.Errorf("%+v", a)
	}
	if c := at("c"); c.Missing != 1 || c.Distinct != 1 {
		t.Errorf("%+v", c)
	}
}

// Nested fields, words and numbers that some records do not have come to a
// mapping; what is decided for a person is said.
func TestProposalOfNestedFields(t *testing.T) {
	var sample [][]byte
	for i := range 30 {
		age := "null"
		if i%3 > 0 {
			age = fmt.Sprint(i)
		}
		sample = append(sample, fmt.Appendf(nil, `{"amount": %d.5, "card": {"brand": "%s", "age": %s}, "risk": 0.5, "is_fraud": %v}`, i, []string{"visa", "amex", "mc"}[i%3], age, i%2 == 0))
	}
	tensor := func(name string, shape ...int) pipeline.Tensor {
		return pipeline.Tensor{Name: name, DType: "float32", Shape: shape}
	}
	r := inspect.Look(values(sample...), nil)
	p := inspect.Propose(r, pipeline.Export{Inputs: []pipeline.Tensor{tensor("numbers", 3), tensor("brand", 3)}, Labels: []pipeline.Tensor{tensor("fraud", 1)}})
	const want = `{"inputs":{"brand":[{"classes":["amex","mc","visa"],"path":"card.brand"}],"numbers":["amount",{"missing":"mean","path":"card.age"},"risk"]},"label":"is_fraud"}`
	if string(p.Config) != want || len(p.Notes) != 2 || !strings.Contains(strings.Join(p.Notes, "\n"), "10 of 30 records have no card.age") {
		t.Errorf("%s\n%q", p.Config, p.Notes)
	}
	p = inspect.Propose(r, pipeline.Export{Inputs: []pipeline.Tensor{tensor("few", 2), tensor("brand", 3)}})
	if len(p.Inputs["few"]) > 0 || !strings.Contains(strings.Join(p.Notes, "\n"), `the input "few" takes 2 values, and 3 fields may be meant: choose among amount, card.age, risk`) {
		t.Errorf("%s\n%q", p.Config, p.Notes)
	}
}

// Change data capture writes decimals as text and deletions as tombstones: the
// text is parsed, and where leaves the tombstones out.
func TestProposalOfChanges(t *testing.T) {
	var sample [][]byte
	for i := range 30 {
		sample = append(sample, fmt.Appendf(nil, `{"after": {"amount": "%d.50", "zip": "0%d", "phone": "49301234567%02d", "fraud": "%d"}}`, i, 1000+i, i, i%2))
	}
	r := inspect.Look(values(append(sample, nil)...), nil)
	want := map[string]string{"after.amount": "text input", "after.zip": "text id", "after.phone": "text id", "after.fraud": "text label"}
	if diff := cmp.Diff(want, roles(r.Value)); diff != "" {
		t.Error(diff)
	}
	one := func(name string) []pipeline.Tensor {
		return []pipeline.Tensor{{Name: name, DType: "float32", Shape: []int{1}}}
	}
	p := inspect.Propose(r, pipeline.Export{Inputs: one("x"), Labels: one("y")})
	const config = `{"inputs":{"x":[{"parse":true,"path":"after.amount"}]},"label":{"parse":true,"path":"after.fraud"},"where":"value != null"}`
	if string(p.Config) != config || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "1 of 31 records are tombstones") {
		t.Errorf("%s\n%q", p.Config, p.Notes)
	}
}

// Whatever lies in a topic is looked at within bounds.
func FuzzLook(f *testing.F) {
	f.Add([]byte(`{"a": [1, {"b": null}]}`), uint32(7))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\xf8\x3f\x02"), uint32(7))
	f.Fuzz(func(t *testing.T, b []byte, id uint32) {
		r := inspect.Look([]inspect.Record{{Key: b, Value: b}, {Key: framed(id, string(b)), Value: framed(id, string(b))}}, registry)
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	})
}
