package features

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

func tensor(name, dtype string, shape ...int) pipeline.Tensor {
	return pipeline.Tensor{Name: name, DType: dtype, Shape: shape}
}

func buffers(tensors []codec.Tensor) [][]byte {
	all := make([][]byte, len(tensors))
	for i, t := range tensors {
		all[i] = make([]byte, t.Bytes())
	}
	return all
}

// shownTensors are the values of tensors, as text.
func shownTensors(t testing.TB, tensors []codec.Tensor, data [][]byte) string {
	t.Helper()
	var all []string
	for i, of := range tensors {
		if of.DType == codec.String {
			var texts []string
			for rest := data[i]; len(rest) > 0; {
				var text []byte
				text, rest, _ = codec.CutText(rest)
				texts = append(texts, fmt.Sprintf("%q", text))
			}
			all = append(all, of.Name+strings.Join(texts, ","))
			continue
		}
		numbers, err := codec.Floats(data[i], of.DType)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, of.Name+fmt.Sprint(numbers))
	}
	return strings.Join(all, " ")
}

// decode decodes a record, and shows inputs and labels.
func decode(t testing.TB, d *Decoder, r stream.Record) (string, error) {
	t.Helper()
	inputs, labels := buffers(d.Inputs()), buffers(d.Labels())
	if err := d.Record(inputs, labels, &r); err != nil {
		if hint := codec.Hint(err); hint != "" {
			err = fmt.Errorf("%w | %s", err, hint)
		}
		return "", err
	}
	shown := shownTensors(t, d.Inputs(), inputs)
	if len(labels) > 0 {
		shown += " -> " + shownTensors(t, d.Labels(), labels)
	}
	sample := buffers(d.Inputs())
	if err := d.Sample(sample, &r); err != nil {
		t.Errorf("the record is taken with its label and not without: %v", err)
	} else if got := shownTensors(t, d.Inputs(), sample); !strings.HasPrefix(shown, got) {
		t.Errorf("without its label the record is %s, with it %s", got, shown)
	}
	return shown, nil
}

const order = `{"payment":{"amount":12.5,"currency":"EUR","at":"2024-06-10T17:20:30.5Z"},"card":{"limit":null},
	"items":[{"price":1},{"price":2.5}],"scores":[0.5,1,2],"text":"7","nothing":"","fraud":"yes","day":1718040030500,"member":true}`

var sent = stream.Record{
	Topic: "orders", Key: []byte("device-7"), Value: []byte(order), Time: time.UnixMilli(1_718_040_000_123),
	Headers: []stream.Header{{Key: "source", Value: []byte("web")}, {Key: "weight", Value: []byte("2.5")}},
}

// mappings are what inputs and label of an input_config make of one record. The
// model has an input x of so many numbers, or the inputs that are given, and a
// label y.
var mappings = []struct {
	name, config string
	inputs       []pipeline.Tensor
	label        pipeline.Tensor
	want         string // of the record, or of its error after !, or of a refusal after ?
}{
	{"a path", `{"inputs":"payment.amount","label":{"path":"fraud","classes":["no","yes"]}}`, x(1), y(), "x[12.5] -> y[1]"},
	{"several paths, an array and a key", `{"inputs":{"x":["payment.amount","scores","items[1].price","member"]},"label":"items[0].price"}`, x(6), y(), "x[12.5 0.5 1 2 2.5 1] -> y[1]"},
	{"inputs by name, label beside", `{"inputs":{"a":"payment.amount","b":"items[0].price"},"label_field":"items[1].price"}`, []pipeline.Tensor{tensor("a", "float64"), tensor("b", "int32", 1)}, tensor("y", "float32", 1), "a[12.5] b[1] -> y[2.5]"},
	{"text", `{"inputs":{"c":"payment.currency","k":{"from":"key"},"h":{"from":"header","path":"source"}},"label":"member"}`, []pipeline.Tensor{tensor("c", "string", 1), tensor("k", "string"), tensor("h", "string", 1)}, y(), `c"EUR" k"device-7" h"web" -> y[1]`},
	{"numbers as text", `{"inputs":{"c":{"path":"payment.amount","as":"text"}},"label":"member"}`, []pipeline.Tensor{tensor("c", "string", 1)}, y(), `c"12.5" -> y[1]`},
	{"numbers out of text", `{"inputs":[{"path":"text","parse":true},{"from":"header","path":"weight","parse":true}],"label":"member"}`, x(2), y(), "x[7 2.5] -> y[1]"},
	{"times", `{"inputs":[{"path":"payment.at","as":"hour"},{"path":"payment.at","as":"weekday"},{"path":"day","as":"minute"},{"from":"timestamp","as":"seconds"},{"path":"payment.at","as":"year"},{"from":"timestamp"}],"label":"member"}`, []pipeline.Tensor{tensor("x", "float64", 6)}, y(), "x[17 0 20 1.718040000123e+09 2024 1.718040000123e+12] -> y[1]"},
	{"a constant for null", `{"inputs":[{"path":"card.limit","missing":-1},{"path":"none.there","missing":0.5}],"label":"member"}`, x(2), y(), "x[-1 0.5] -> y[1]"},
	{"a constant for an array", `{"inputs":{"x":{"path":"none","missing":9}},"label":"member"}`, x(3), y(), "x[9 9 9] -> y[1]"},
	{"a mask", `{"inputs":{"x":["payment.amount",{"path":"card.limit","mask":"there"},{"path":"text","parse":true,"mask":"there"}]},"label":"member"}`, []pipeline.Tensor{tensor("x", "float32", 3), tensor("there", "int32", 2)}, y(), "x[12.5 0 7] there[0 1] -> y[1]"},
	{"a constant for an empty text", `{"inputs":[{"path":"nothing","parse":true,"missing":3}],"label":"member"}`, x(1), y(), "x[3] -> y[1]"},
	{"a mean, not known yet", `{"inputs":["payment.amount",{"path":"card.limit","missing":"mean"}],"label":"member"}`, x(2), y(), "x[12.5 NaN] -> y[1]"},
	{"classes to one-hot", `{"inputs":"payment.amount","label":{"path":"fraud","classes":["no","maybe","yes"]}}`, x(1), tensor("y", "float32", 3), "x[12.5] -> y[0 0 1]"},
	{"classes of a number", `{"inputs":"payment.amount","label":{"path":"items[0].price","classes":["0","1"]}}`, x(1), y(), "x[12.5] -> y[1]"},
	{"label from a header", `{"inputs":"payment.amount","label":{"from":"header","path":"weight","parse":true}}`, x(1), y("float32"), "x[12.5] -> y[2.5]"},
	{"label of the key, by classes", `{"inputs":"payment.amount","label":{"from":"key","classes":["device-6","device-7"]}}`, x(1), y(), "x[12.5] -> y[1]"},
	{"only the label is mapped", `{"data_fields":"day","label":{"path":"fraud","classes":["no","yes"]}}`, []pipeline.Tensor{tensor("x", "float64", 1)}, y(), "x[1.7180400305e+12] -> y[1]"},
	{"kept", `{"inputs":"payment.amount","label":"member","where":"value.payment.amount > 12 && key != '' && headers.source == 'web' && has(value.card.limit) && value.card.limit == null && !has(value.card.none) && value.scores.exists(s, s > 1.5) && value['items'][0].price == 1 && timestamp < timestamp('2025-01-01T00:00:00Z')"}`, x(1), y(), "x[12.5] -> y[1]"},
	{"left out", `{"inputs":"payment.amount","label":"member","where":"value.payment.currency != 'EUR'"}`, x(1), y(), "!where of the input_config leaves the record out"},
	{"left out without a mapping", `{"data_fields":"day","label_field":"day","where":"value.day < 0.0"}`, x(1), y("float32"), "!where of the input_config leaves the record out"},
	{"kept without a mapping", `{"data_fields":"day","label_field":"member","where":"value.day > 0.0"}`, []pipeline.Tensor{tensor("x", "float64", 1)}, y(), "x[1.7180400305e+12] -> y[1]"},

	{"absent", `{"inputs":"payment.amont","label":"member"}`, x(1), y(), `!value: "payment.amont" is not there; the record has card.limit, day, fraud, items[0].price, member, nothing, payment.amount, payment.at, payment.currency, scores, text | say what stands for it`},
	{"null", `{"inputs":"card.limit","label":"member"}`, x(1), y(), `!value: "card.limit" is null | say what stands for it`},
	{"text for a number", `{"inputs":"payment.currency","label":"member"}`, x(1), y(), `!value: "payment.currency" is the text "EUR", numbers are wanted | number the texts by "classes"`},
	{"a number in text", `{"inputs":"text","label":"member"}`, x(1), y(), `!value: "text" is the text "7", numbers are wanted | take numbers out of text by "parse": true`},
	{"a time in text", `{"inputs":"payment.at","label":"member"}`, x(1), y(), `!numbers are wanted | read it as a time by "as": "seconds"`},
	{"an object", `{"inputs":"payment","label":"member"}`, x(1), y(), `!value: "payment" is an object | give the path to a value within it`},
	{"too few", `{"inputs":["scores"],"label":"member"}`, x(4), y(), `!x: 1 of 4 values are missing | name as many columns`},
	{"a step of a window", `{"inputs":["scores"],"label":"member"}`, []pipeline.Tensor{tensor("x", "float32", 24, 3)}, y(), `!x: 69 of 72 values are missing | name as many columns as the model takes numbers, or arrays that hold as many; where 24 records of a key are one sample, ask for windows of them: "window": {"by": "key", "size": 24}`},
	{"too many", `{"inputs":["scores"],"label":"member"}`, x(2), y(), `!"scores" item 2: holds more values than the tensor has elements`},
	{"no class", `{"inputs":"payment.amount","label":{"path":"payment.currency","classes":["USD","GBP"]}}`, x(1), y(), `!label: "payment.currency" is "EUR", which is none of the classes USD, GBP | add it`},
	{"a label that does not fit", `{"inputs":"payment.amount","label":"payment.amount"}`, x(1), y(), `!label: "payment.amount" 12.5 does not fit int64`},
	{"where, of a field that is not there", `{"inputs":"payment.amount","label":"member","where":"value.nowhere > 1"}`, x(1), y(), `!where (value.nowhere > 1) cannot be told: the record has no value.nowhere | try whether a field is there with has(value.field)`},
	{"where, of two types", `{"inputs":"payment.amount","label":"member","where":"value.payment.amount * 2 > 1"}`, x(1), y(), `!where (value.payment.amount * 2 > 1) cannot be told: no such overload | operands of arithmetic are of one type`},

	{"no such input", `{"inputs":{"z":"a"},"label":"b"}`, x(1), y(), `?inputs: the model has no "z" (it takes "x"; a column that`},
	{"an input that is left out", `{"inputs":{"a":"p"},"label":"b"}`, []pipeline.Tensor{tensor("a", "float32"), tensor("b", "float32")}, y(), `?inputs: nothing is said of "b" of the model (say where it comes from`},
	{"named twice", `{"inputs":{"x":"a","x":"b"},"label":"b"}`, x(1), y(), `?inputs: "x" is named twice`},
	{"a list for two inputs", `{"inputs":["p"],"label":"b"}`, []pipeline.Tensor{tensor("a", "float32"), tensor("b", "float32")}, y(), `?the model has 2 inputs`},
	{"a mask of no input", `{"inputs":{"x":{"path":"a","mask":"m"}},"label":"b"}`, x(1), y(), `?inputs: a: the model has no input "m" for its mask (name an input of the model: "x")`},
	{"a mask without a name", `{"inputs":{"x":{"path":"a","missing":"mask"}},"label":"b"}`, x(1), y(), `?which input takes the mask is missing`},
	{"a mask with columns", `{"inputs":{"x":{"path":"a","mask":"m"},"m":"c"},"label":"b"}`, []pipeline.Tensor{tensor("x", "float32"), tensor("m", "float32")}, y(), `?its mask "m" is an input with columns of its own`},
	{"a mean of whole numbers", `{"inputs":{"x":{"path":"a","missing":"mean"}},"label":"b"}`, []pipeline.Tensor{tensor("x", "int32")}, y(), `?a mean is a fraction, and "x" of the model takes int32`},
	{"text for a missing number", `{"inputs":{"x":{"path":"a","missing":"none"}},"label":"b"}`, x(1), y(), `?"none" cannot stand for a missing value of "x", which takes numbers`},
	{"a number for a missing text", `{"inputs":{"x":{"path":"a","missing":0}},"label":"b"}`, []pipeline.Tensor{tensor("x", "string")}, y(), `?0 cannot stand for a missing value of "x", which takes text`},
	{"a constant that does not fit", `{"inputs":{"x":{"path":"a","missing":0.5}},"label":"b"}`, []pipeline.Tensor{tensor("x", "int32")}, y(), `?what stands for a missing value, 0.5 does not fit int32`},
	{"an unknown member", `{"inputs":{"x":{"pth":"a"}},"label":"b"}`, x(1), y(), `?unknown field "pth" (a column is a path`},
	{"an unknown origin", `{"inputs":{"x":{"from":"topic"}},"label":"b"}`, x(1), y(), `?a column cannot come from "topic" (use from: value, key, header, timestamp)`},
	{"an unknown conversion", `{"inputs":{"x":{"path":"a","as":"minutes"}},"label":"b"}`, x(1), y(), `?cannot be taken as "minutes" (use as: day, hour`},
	{"as text for numbers", `{"inputs":{"x":{"path":"a","as":"text"}},"label":"b"}`, x(1), y(), `?"text" gives text, and "x" of the model takes numbers`},
	{"a header without a name", `{"inputs":{"x":{"from":"header"}},"label":"b"}`, x(1), y(), `?the name of the header is missing`},
	{"a broken path", `{"inputs":{"x":"a..b"},"label":"b"}`, x(1), y(), `?x: path "a..b", at character 2: a name is missing`},
	{"more columns than elements", `{"inputs":{"x":["a","b","c"]},"label":"b"}`, x(2), y(), `?3 columns do not fill "x", which takes 2`},
	{"an open size", `{"inputs":"a","label":"b"}`, []pipeline.Tensor{tensor("x", "float32", -1)}, y(), `?"x" of the model has an open size`},
	{"a mean for a label", `{"inputs":"a","label":{"path":"b","missing":"mean"}}`, x(1), y("float32"), `?a mean cannot stand for a label`},
	{"where that does not parse", `{"inputs":"a","label":"b","where":"value.a >"}`, x(1), y(), `?input_config.where: column 10: the expression ends too early`},
	{"where with an operator too many", `{"inputs":"a","label":"b","where":"value.a >> 2"}`, x(1), y(), `?where: column 10: '>' cannot stand here`},
	{"where of an unknown name", `{"inputs":"a","label":"b","where":"value.a > 1 &&\n amount > 2"}`, x(1), y(), `?where: line 2, column 2: undeclared reference to 'amount'`},
	{"where of the whole record", `{"inputs":"a","label":"b","where":"value == 2"}`, x(1), y(), `?column 1: value is the whole record`},
	{"where that gives a number", `{"inputs":"a","label":"b","where":"1 + 2"}`, x(1), y(), `?where: gives int, and not true or false`},
	{"where that is no text", `{"inputs":"a","label":"b","where":7}`, x(1), y(), `?where: is no text`},
	{"on_bad that is no word of it", `{"inputs":"a","label":"b","on_bad":"ignore"}`, x(1), y(), `?on_bad: "ignore" is not what can be done`},
	{"on_bad without a number", `{"inputs":"a","label":"b","on_bad":{"skip":-1}}`, x(1), y(), `?on_bad: {"skip":-1} is not`},
}

func x(n int) []pipeline.Tensor { return []pipeline.Tensor{tensor("x", "float32", n)} }

func y(dtype ...string) pipeline.Tensor { return tensor("y", append(dtype, "int64")[0]) }

func TestMappings(t *testing.T) {
	for _, c := range mappings {
		t.Run(c.name, func(t *testing.T) {
			d, err := New(pipeline.JSON, json.RawMessage(c.config), codec.Binding{Inputs: c.inputs, Labels: []pipeline.Tensor{c.label}})
			if want, refused := strings.CutPrefix(c.want, "?"); refused {
				var refusal *pipeline.Error
				if !errors.As(err, &refusal) || !strings.Contains(fmt.Sprintf("%v (%s)", err, refusal.Hint), want) {
					t.Errorf("%v; want %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := decode(t, d, sent)
			if want, fails := strings.CutPrefix(c.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s, %v; want %q", got, err, want)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
		})
	}
}

// TestWithoutAMapping holds that records are read as by the codec alone.
func TestWithoutAMapping(t *testing.T) {
	b := codec.Binding{Inputs: x(2), Labels: []pipeline.Tensor{y()}}
	d, err := New(pipeline.JSON, json.RawMessage(`{"data_fields":["a","b"],"on_bad":"skip"}`), b)
	if err != nil {
		t.Fatal(err)
	}
	if d.Mapped() || d.Filters() || d.plain == nil {
		t.Error("it is not read by the codec alone")
	}
	got, err := decode(t, d, stream.Record{Key: []byte("3"), Value: []byte(`{"a":1,"b":2}`)})
	if err != nil || got != "x[1 2] -> y[3]" {
		t.Errorf("%s, %v", got, err)
	}
	if most := d.Tolerance().Most(1001); most != 11 {
		t.Errorf("%d of 1001 may be skipped, want 11", most)
	}
}

// TestMeans: what is missing takes the mean of its element, once that is known.
func TestMeans(t *testing.T) {
	config := json.RawMessage(`{"inputs":["payment.amount",{"path":"card.limit","missing":"mean"}]}`)
	d, err := New(pipeline.JSON, config, codec.Binding{Inputs: x(2)}, WithLearned(pipeline.Learned{Means: map[string][]float64{"x": {1, 0.1}}}))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decode(t, d, sent); err != nil || got != "x[12.5 0.10000000149011612]" {
		t.Errorf("%s, %v", got, err)
	}
	if got := fmt.Sprint(d.Averaged()); got != "[0]" {
		t.Errorf("averaged: %s", got)
	}
}

// TestRawWithAMappedLabel: formats without fields take labels from elsewhere.
func TestRawWithAMappedLabel(t *testing.T) {
	config := json.RawMessage(`{"data_type":"uint8","data_reshape":"2","label":{"from":"header","path":"class","parse":true},"where":"key.startsWith('a')"}`)
	d, err := New(pipeline.RAW, config, codec.Binding{Inputs: x(2), Labels: []pipeline.Tensor{y()}})
	if err != nil {
		t.Fatal(err)
	}
	r := stream.Record{Key: []byte("a1"), Value: []byte{1, 2}, Headers: []stream.Header{{Key: "class", Value: []byte("4")}}}
	if got, err := decode(t, d, r); err != nil || got != "x[1 2] -> y[4]" {
		t.Errorf("%s, %v", got, err)
	}
	if r.Key = []byte("b"); !errors.Is(d.Sample(buffers(d.Inputs()), &r), ErrLeftOut) {
		t.Error("the record is not left out")
	}
	_, err = New(pipeline.RAW, json.RawMessage(`{"inputs":"a.b","data_type":"uint8","data_reshape":"2"}`), codec.Binding{Inputs: x(2)})
	if err == nil || !strings.Contains(err.Error(), "records of RAW have no fields") {
		t.Errorf("a path into RAW: %v", err)
	}
}

const orderScheme = `{"type":"record","name":"o","fields":[{"name":"p","type":{"type":"record","name":"P","fields":[
	{"name":"amount","type":"double"},{"name":"brand","type":{"type":"enum","name":"B","symbols":["VISA","AMEX"]}},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
	{"name":"note","type":["null","string"]}]}},{"name":"scores","type":{"type":"array","items":"float"}}]}`

func TestMappingsOfAvro(t *testing.T) {
	scheme := `"data_scheme":` + orderScheme
	// amount 2.5, AMEX, 1500 microseconds, note null, scores [0.5].
	record := stream.Record{Value: []byte{0, 0, 0, 0, 0, 0, 4, 0x40, 2, 0xb8, 0x17, 0, 2, 0, 0, 0, 0x3f, 0}}
	for _, c := range []struct{ config, want string }{
		{`{"inputs":["p.amount","p.brand","p.at","scores"],` + scheme + `}`, "x[2.5 1 1.5 0.5]"},
		{`{"inputs":["p.amount",{"path":"p.brand","classes":["AMEX","VISA"]},"scores[0]",{"path":"p.note","missing":7,"parse":true}],` + scheme + `,"where":"value.p.brand == 'AMEX' && value.p.at > timestamp('1970-01-01T00:00:00Z') && value.p.note == null"}`, "x[2.5 0 0.5 7]"},
		{`{"inputs":["p.amount","p.brnd","p.at","scores"],` + scheme + `}`, `there is no "p.brnd" in data_scheme (the paths are p.amount, p.brand, p.at, p.note, scores)`},
		{`{"inputs":["p.amount","p.note","p.at","scores"],` + scheme + `}`, `p.note: is text, and "x" of the model takes numbers`},
		{`{"inputs":["p","p.brand","p.at","scores"],` + scheme + `}`, `p: is an object (give the path`},
		{`{"inputs":["p.amount","p.brand","p.at"],` + scheme + `}`, `3 columns do not fill "x", which takes 4`},
		{`{"inputs":["p.amount","p.brand","p.at","scores"],"where":"value.q > 1",` + scheme + `}`, `there is no "q" in data_scheme`},
		{`{"inputs":["p.amount"]}`, "data_scheme: is missing"},
	} {
		d, err := New(pipeline.AVRO, json.RawMessage(c.config), codec.Binding{Inputs: x(4)})
		var got string
		if err == nil {
			got, err = decode(t, d, record)
		}
		var refusal *pipeline.Error
		if errors.As(err, &refusal) {
			got = fmt.Sprintf("%v (%s)", err, refusal.Hint)
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%.60s: %s, %v; want %q", c.config, got, err, c.want)
		}
	}
}

// TestEnumsOfARegistry: a writer's numbers are taken only where that is asked for.
func TestEnumsOfARegistry(t *testing.T) {
	for as, want := range map[string]string{"": "is an enum, whose numbers may change with the schema", `,"as":"number"`: "x[1]"} {
		d, err := New(pipeline.AVRO, json.RawMessage(`{"inputs":[{"path":"p.brand"`+as+`}]}`), codec.Binding{Inputs: x(1), Registry: true})
		if err != nil {
			t.Fatal(err)
		}
		r := stream.Record{Value: []byte{0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 4, 0x40, 2, 0xb8, 0x17, 0, 0}}
		var missing *codec.Missing
		if err := d.Sample(buffers(d.Inputs()), &r); !errors.As(err, &missing) {
			t.Fatal(err)
		}
		missing.Learn(codec.Schema{Type: "AVRO", Text: orderScheme})
		got, err := decode(t, d, r)
		if !strings.Contains(fmt.Sprint(got, err), want) {
			t.Errorf("%s: %s, %v; want %s", as, got, err, want)
		}
	}
}

// FuzzMapping holds that bytes of anybody end in tensors or an error.
func FuzzMapping(f *testing.F) {
	f.Add([]byte(order), []byte("k"))
	f.Add([]byte(`{}`), []byte(nil))
	config := json.RawMessage(`{"inputs":{"x":["payment.amount",{"path":"card.limit","missing":"mean"},{"path":"text","parse":true,"mask":"m"},{"path":"payment.at","as":"weekday"}],"t":[{"path":"payment.currency","as":"text"},{"from":"key"}]},
		"label":{"path":"fraud","classes":["no","yes"]},"where":"value.member && value.scores.exists(s, s > 1.0)"}`)
	d, err := New(pipeline.JSON, config, codec.Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 4), tensor("m", "bool"), tensor("t", "string", 2)}, Labels: []pipeline.Tensor{y()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value, key []byte) {
		r := stream.Record{Value: value, Key: key}
		inputs, labels := buffers(d.Inputs()), buffers(d.Labels())
		_ = d.Record(inputs, labels, &r)
	})
}

// BenchmarkMapping is a nested record of 300 bytes, of which 10 numbers are taken.
func BenchmarkMapping(b *testing.B) {
	value := []byte(`{"id":"3f1c9d1e-77aa-4a0e-9d54-0a7d3c5b1c11","at":1718040000123,"card":{"country":"DE","number":"4111-xxxx","limits":{"day":2500.0,"month":10000}},"payment":{"amount":129.99,"currency":"EUR","items":[{"sku":"a1","price":99.5},{"sku":"b2","price":30.49}]},"history":[0.1,0.25,1.5,2.75],"fraud":0}`)
	for name, where := range map[string]string{"plain": "", "where": `,"where":"value.payment.amount > 0.0"`} {
		b.Run(name, func(b *testing.B) {
			config := json.RawMessage(`{"inputs":["payment.amount","card.limits.day","card.limits.month","payment.items[0].price","payment.items[1].price","history",{"path":"at","as":"hour"}],"label":"fraud"` + where + `}`)
			d, err := New(pipeline.JSON, config, codec.Binding{Inputs: x(10), Labels: []pipeline.Tensor{y()}})
			if err != nil {
				b.Fatal(err)
			}
			inputs, labels := buffers(d.Inputs()), buffers(d.Labels())
			r := stream.Record{Value: value}
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Record(inputs, labels, &r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// TestWithoutAKey: a record without a key is kept or not by a filter that asks for
// one, and what stands for a missing value stands for what would be in the key.
func TestWithoutAKey(t *testing.T) {
	d, err := New(pipeline.JSON, json.RawMessage(`{"inputs":[{"from":"key","path":"id","missing":7}],"where":"key == '' || key == 'k'"}`), codec.Binding{Inputs: x(1)})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range [][]byte{nil, {}} {
		if got, err := decode(t, d, stream.Record{Key: key, Value: []byte(`{}`)}); err != nil || got != "x[7]" {
			t.Errorf("%s, %v", got, err)
		}
	}
	if _, err := decode(t, d, stream.Record{Key: []byte(`{"id":5}`), Value: []byte(`{}`)}); !errors.Is(err, ErrLeftOut) {
		t.Errorf("another key: %v", err)
	}
}

// A label that does not suit the loss is told the loss that it suits, also where
// the format has a hint of its own; a mapping's own hints stay.
func TestLabelsThatDoNotSuitTheLoss(t *testing.T) {
	e := pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{2}}}, Labels: []pipeline.Tensor{{Name: "y", DType: "float32", Shape: []int{10}}},
		Task: pipeline.Classification, Classes: 10, Loss: "categorical_crossentropy",
	}
	for config, want := range map[string]string{
		`{"data_type":"float32","data_reshape":"2","label_type":"uint8","label_reshape":"1"}`: "sparse_categorical_crossentropy",
		`{"inputs":["a","b"],"label":{"from":"nowhere"}}`:                                     "use from: value",
	} {
		format := pipeline.RAW
		if strings.Contains(config, "inputs") {
			format = pipeline.JSON
		}
		_, err := ForTraining(format, json.RawMessage(config), e, false)
		var refusal *pipeline.Error
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Hint, want) {
			t.Errorf("%s: %v, %+v", config, err, refusal)
		}
	}
}

// A record without a value has no fields: where can leave it out.
func TestTombstones(t *testing.T) {
	const told = "value: the record has no value: it is a tombstone, which deletes its key"
	for where, want := range map[string]string{
		`value != null`:                         ErrLeftOut.Error(),
		`!(value == null) && value.x > 1.0`:     ErrLeftOut.Error(),
		`has(value.x)`:                          ErrLeftOut.Error(),
		`null != value && value.op != 'd'`:      ErrLeftOut.Error(),
		`value == null`:                         told,
		`value.op != 'd'`:                       told,
		`key == 'other'`:                        ErrLeftOut.Error(),
		`['value'].exists(v, v == 'a') || true`: told,
	} {
		for _, config := range []struct {
			format pipeline.Format
			text   string
		}{
			{pipeline.JSON, `{"inputs":"x","where":%q}`},
			{pipeline.JSON, `{"data_fields":["x"],"where":%q}`},
			{pipeline.RAW, `{"data_type":"uint8","data_reshape":"1","where":%q}`},
		} {
			if config.format == pipeline.RAW && strings.Contains(where, "value.") {
				continue // it has no fields
			}
			d, err := New(config.format, fmt.Appendf(nil, config.text, where), codec.Binding{Inputs: x(1)})
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			if err := d.Sample(buffers(d.Inputs()), &stream.Record{Key: []byte("k")}); err == nil || err.Error() != want {
				t.Errorf("%s %s: %v, not %s", config.format, where, err, want)
			}
		}
	}
	d, err := New(pipeline.RAW, json.RawMessage(`{"data_type":"uint8","data_reshape":"1","where":"value != null"}`), codec.Binding{Inputs: x(1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Sample(buffers(d.Inputs()), &stream.Record{Value: []byte{7}}); err != nil {
		t.Error(err)
	}
}

// TestAttackColumnsOfOtherLengths: arrays of several columns are as long in each
// record, in training by the first and in serving by those of the training.
func TestAttackColumnsOfOtherLengths(t *testing.T) {
	config := json.RawMessage(`{"inputs":["a","b"]}`)
	bind := func(options ...Option) *Decoder {
		d, err := New(pipeline.JSON, config, codec.Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 3)}}, options...)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	good, shifted := stream.Record{Value: []byte(`{"a":[1],"b":[2,3]}`)}, stream.Record{Value: []byte(`{"a":[1,2],"b":3}`)}
	d := bind()
	if got, err := decode(t, d, good); err != nil || got != "x[1 2 3]" {
		t.Fatalf("%s: %v", got, err)
	}
	const says = `field "a" holds 2 values, and 1 in `
	if _, err := decode(t, d, shifted); err == nil || !strings.Contains(err.Error(), says+"the first record") {
		t.Errorf("trained on: %v", err)
	}
	if _, err := decode(t, bind(WithLearned(pipeline.Learned{Lengths: d.Lengths()})), shifted); err == nil || !strings.Contains(err.Error(), says+"the records that the model was trained on") {
		t.Errorf("served: %v", err)
	}
	for name, test := range map[string]struct {
		learned pipeline.Learned
		want    map[string][]string
	}{"known": {pipeline.Learned{Lengths: d.Lengths()}, map[string][]string{}}, "unknown": {pipeline.Learned{}, map[string][]string{"x": {"a", "b"}}}} {
		if got := bind(WithLearned(test.learned)).Unheld(); !maps.EqualFunc(got, test.want, slices.Equal) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
