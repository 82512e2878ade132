package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const pointScheme = `{"type":"record","name":"p","fields":[{"name":"u","type":"double"},{"name":"v","type":"double"}]}`

// TestFaultsSayWhatTheBytesAre holds that a record that cannot be decoded is
// recognised by its bytes, with what to do about it.
func TestFaultsSayWhatTheBytesAre(t *testing.T) {
	avro := avroOf(pointScheme, `{"type":"record","name":"l","fields":[{"name":"y","type":"int"}]}`)
	const raw = `{"data_type":"float32","data_reshape":"2","label_type":"uint8","label_reshape":""}`
	const fields = `{"data_fields":["u","v"],"label_field":"y"}`
	point := make([]byte, 16)
	binary.LittleEndian.PutUint64(point[8:], math.Float64bits(2.5))
	short := []byte{0, 0, 128, 63, 0, 0, 0, 64}
	none := []byte(nil)
	tests := map[string]struct {
		format       pipeline.Format
		config       string
		key, value   []byte
		reason, hint string
	}{
		"a registry's framing, AVRO":      {pipeline.AVRO, avro, []byte{2}, append([]byte{0, 0, 0, 0, 42}, point...), "the id 42 of a schema registry", "without its first 5 bytes"},
		"a registry's framing of the key": {pipeline.AVRO, avro, []byte{0, 0, 0, 0, 9, 2}, point, "the id 9", "without its first 5 bytes"},
		"a registry's framing, no JSON":   {pipeline.JSON, fields, none, []byte("\x00\x00\x00\x00\x07" + "\x02\x04"), "the id 7 of a schema registry", "input_format AVRO"},
		"a registry's framing, RAW":       {pipeline.RAW, raw, []byte{1}, append([]byte{0, 0, 0, 1, 0}, short...), "the id 256", "first 5 bytes"},
		"a framing and another schema":    {pipeline.AVRO, avro, []byte{2}, []byte{0, 0, 0, 0, 5, 1, 2}, "may begin with the framing", "SCHEMA_REGISTRY_URL"},
		"single-object encoding":          {pipeline.AVRO, avro, []byte{2}, append([]byte{0xc3, 1, 8, 7, 6, 5, 4, 3, 2, 1}, point...), "C3 01", "10 bytes"},
		"Glue's framing":                  {pipeline.AVRO, avro, []byte{2}, append(append([]byte{3, 0}, make([]byte, 16)...), point...), "AWS Glue", "18 bytes"},
		"a container":                     {pipeline.AVRO, avro, []byte{2}, []byte("Obj\x01\x04\x16avro.schema"), "a whole Avro container file", "the body of each record"},
		"a PNG":                           {pipeline.RAW, raw, []byte{1}, []byte("\x89PNG\r\n\x1a\n0000"), "a PNG picture", "decode it"},
		"a JPEG":                          {pipeline.JSON, fields, none, []byte("\xff\xd8\xff\xe0\x00\x10JFIF"), "a JPEG picture", "decode it"},
		"a BMP":                           {pipeline.RAW, raw, []byte{1}, []byte("BM\x0e\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00"), "a BMP picture", "decode it"},
		"text that begins as a BMP":       {pipeline.RAW, raw, []byte{1}, []byte("BMW, Mercedes"), `the text "BMW`, "reads files of text"},
		"gzip":                            {pipeline.JSON, fields, none, []byte("\x1f\x8b\x08\x00rest"), "packed by gzip", "unpacked"},
		"UTF-16":                          {pipeline.JSON, fields, none, []byte("\xff\xfe{\x00}\x00"), "UTF-16", "UTF-8"},
		"an NPY file":                     {pipeline.RAW, raw, []byte{1}, []byte("\x93NUMPY\x01\x00rest"), "an NPY file", "tobytes"},
		"a line of CSV":                   {pipeline.RAW, raw, []byte{1}, []byte("0.5,1.25\n"), `the text "0.5,1.25"`, "reads files of text"},
		"JSON in RAW":                     {pipeline.RAW, raw, []byte{1}, []byte(`{"u":1}`), "it is JSON", "input_format JSON"},
		"JSON in AVRO":                    {pipeline.AVRO, avro, []byte{2}, []byte(`{"u":1}`), "it is JSON", "input_format JSON"},
		"base64":                          {pipeline.RAW, raw, []byte{1}, []byte(base64.StdEncoding.EncodeToString(short)), "base64 of 8 bytes", "bytes themselves"},
		"another type":                    {pipeline.RAW, raw, []byte{1}, point, "2 of float64 or int64", "data_type"},
		"a digit for a wider label":       {pipeline.RAW, strings.Replace(raw, "uint8", "int32", 1), []byte("4"), short, `the text "4"`, "as JSON"},
		"a tombstone":                     {pipeline.RAW, raw, []byte{1}, nil, "tombstone", "value != null"},
		"an empty value":                  {pipeline.JSON, fields, []byte("1"), []byte{}, "the value is empty", "leave"},
		"no key":                          {pipeline.RAW, raw, nil, short, "this record has no key", "label_field"},
		"an empty key":                    {pipeline.RAW, raw, []byte{}, short, "is empty (0 bytes)", "label_field"},
		"null in JSON":                    {pipeline.JSON, fields, none, []byte("null"), "is null", "leave"},
		"NaN":                             {pipeline.JSON, fields, none, []byte(`{"u": NaN, "v": 2, "y": 0}`), "NaN or Infinity (at byte 6)", "write null"},
		"a comment":                       {pipeline.JSON, fields, none, []byte("{\"u\": 1, /* mm */ \"v\": 2, \"y\": 0}"), "a comment (at byte 9)", "leave comments out"},
		"a last comma":                    {pipeline.JSON, fields, none, []byte(`{"u": [1, 2, ], "v": 2, "y": 0}`), "comma stands before", "last comma"},
		"a leading zero":                  {pipeline.JSON, fields, none, []byte(`{"u": 007, "v": 2, "y": 0}`), "a number begins with 0", "leading zeros"},
		"a leading plus":                  {pipeline.JSON, fields, none, []byte(`{"u": +7, "v": 2, "y": 0}`), "a number begins with +", "5 for +5"},
		"names without quotation marks":   {pipeline.JSON, fields, none, []byte(`{u: 7, v: 2, y: 0}`), "without quotation marks", "json.dumps"},
		"a zero byte at the end":          {pipeline.JSON, fields, none, []byte("{\"u\": 1, \"v\": 2, \"y\": 0}\x00\x00"), "a zero byte", "without it"},
		"Infinity":                        {pipeline.JSON, fields, none, []byte(`{"u": -Infinity, "v": 2, "y": 0}`), "NaN or Infinity", "write null"},
		"Python's dict":                   {pipeline.JSON, fields, none, []byte(`{'u': 1, 'v': 2, 'y': 0}`), "single quotes", "json.dumps"},
		"Python's None":                   {pipeline.JSON, fields, none, []byte(`{"u": None, "v": 2, "y": 0}`), "Python's None", "json.dumps"},
		"two objects":                     {pipeline.JSON, fields, none, []byte(`{"u":1}` + "\n" + `{"u":2}`), "more than one JSON value", "one object a record"},
		"cut JSON":                        {pipeline.JSON, fields, none, []byte(`{"u":1,"v`), "ends too early", "whole"},
		"encoded twice":                   {pipeline.JSON, fields, none, []byte(`"{\"u\":1}"`), "encoded twice", "once"},
		"an array":                        {pipeline.JSON, fields, none, []byte(`[1,2]`), "an array", "an object"},
		"a member below":                  {pipeline.JSON, fields, none, []byte(`{"y":0,"data":{"inner":{"u":1,"v":2}}}`), "data.inner.u below the first level", "first level"},
		"a path for a name":               {pipeline.JSON, `{"data_fields":["data.u","data.v"],"label_field":"y"}`, none, []byte(`{"y":0,"data":{"u":1,"v":2}}`), "data.u below the first level", "first level"},
		"within an array":                 {pipeline.JSON, fields, none, []byte(`{"metrics":[{"fields":{"u":1}}]}`), "metrics.fields.u", "first level"},
		"Debezium":                        {pipeline.JSON, fields, none, []byte(`{"before":null,"after":{"u":1,"v":2,"y":0},"op":"c"}`), "Debezium", "ExtractNewRecordState"},
		"Connect's schema":                {pipeline.JSON, fields, none, []byte(`{"schema":{},"payload":{"u":1,"v":2}}`), "Kafka Connect", "schemas.enable=false"},
		"another case":                    {pipeline.JSON, fields, none, []byte(`{"U":1,"v":2,"y":0}`), `there is a "U"`, "exactly"},
		"other members":                   {pipeline.JSON, fields, none, []byte(`{"p":1,"q":2}`), "the record has p, q", "name in data_fields"},
		"a number as text":                {pipeline.JSON, fields, none, []byte(`{"u":"1.5","v":2,"y":0}`), `written as text, "\"1.5\""`, "without quotation marks"},
		"a class as text":                 {pipeline.JSON, fields, none, []byte(`{"u":1,"v":2,"y":"oak"}`), `the text is "oak"`, "number of the class"},
		"one-hot":                         {pipeline.JSON, fields, none, []byte(`{"u":1,"v":2,"y":[0,0,1]}`), "one-hot label, class 2 of 3", "categorical_crossentropy"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := New(test.format, json.RawMessage(test.config), Binding{Inputs: inputs(tensor("x", "float32", 2)).Inputs, Labels: inputs(tensor("y", "int32")).Inputs})
			if err != nil {
				t.Fatal(err)
			}
			err = d.Record(buffers(d.Inputs()), buffers(d.Labels()), test.key, test.value)
			if err == nil || !strings.Contains(err.Error(), test.reason) || !strings.Contains(Hint(err), test.hint) {
				t.Errorf("got %v; hint %q", err, Hint(err))
			}
		})
	}
}

func TestARecordForNoTensorIsRefused(t *testing.T) {
	d, err := New(pipeline.RAW, json.RawMessage(`{"data_type":"uint8","data_reshape":"1"}`), Binding{Inputs: []pipeline.Tensor{}})
	if err == nil && d.Sample(nil, []byte{1, 2}) == nil {
		t.Error("two bytes were taken for no tensor")
	}
}

func TestAClassOutOfRangeIsExplainedByItsKey(t *testing.T) {
	for name, test := range map[string]struct {
		label  int64
		key    []byte
		reason string
		hint   string
	}{
		"a digit of text":   {'7', []byte("7"), `the text "7", whose byte is 55`, "as one byte"},
		"digits of text":    {0x3231, []byte("12"), `the text "12"`, "as JSON"},
		"the highest first": {3 << 24, []byte{0, 0, 0, 3}, "from its last byte on it is 3", "little-endian"},
		"counted from 1":    {10, []byte{10}, "the classes 0 to 9", "subtract 1"},
		"far away":          {200, []byte{200}, "the classes 0 to 9", "as many outputs"},
		"no key":            {12, nil, "the classes 0 to 9", "from 0"},
	} {
		if err := Class(test.label, 10, test.key); !strings.Contains(err.Error(), test.reason) || !strings.Contains(Hint(err), test.hint) {
			t.Errorf("%s: %v; hint %q", name, err, Hint(err))
		}
	}
}

// FuzzFault feeds the looks at faulty records bytes of every kind: none may
// panic, and each says something.
func FuzzFault(f *testing.F) {
	for _, record := range []string{"", "\x00\x00\x00\x00\x01", "\xc3\x01", `{"u":{"u":[{"u":[}`, `{"after":1,"before":2}`, `{"u": Na`, "{'a", `"`, "[{", `{"y":[[]]}`} {
		f.Add([]byte(record))
	}
	var all []*Decoder
	for format, config := range map[pipeline.Format]string{
		pipeline.RAW: `{"data_type":"float32","data_reshape":"2","label_type":"uint8"}`, pipeline.AVRO: avroOf(pointScheme, kind), pipeline.JSON: `{"data_fields":["u","v"],"label_field":"y"}`,
	} {
		d, err := New(format, json.RawMessage(config), Binding{Inputs: inputs(tensor("x", "float32", 2)).Inputs, Labels: inputs(tensor("y", "int32")).Inputs})
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, d)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		for _, d := range all {
			for _, err := range []error{d.Sample(buffers(d.Inputs()), bytes.Clone(record)), d.Label(buffers(d.Labels()), record)} {
				if err != nil && err.Error() == "" {
					t.Errorf("%q: nothing is said", record)
				}
			}
		}
		if Class(99, 10, record).Error() == "" {
			t.Error("nothing is said")
		}
	})
}

// TestWhatRecordsLookLike are hints that tell what stands in a record.
func TestWhatRecordsLookLike(t *testing.T) {
	d, err := New(pipeline.JSON, json.RawMessage(`{"data_fields":["größe","b"]}`), inputs(tensor("x", "float32", 2)))
	if err != nil {
		t.Fatal(err)
	}
	for record, says := range map[string][2]string{
		"{\"gro\u0308ße\":1,\"b\":2}": {`"gro\u0308\u00dfe", not "gr\u00f6\u00dfe"`, "NFC"},
		`{"größe":"True","b":2}`:      {`the text is "True"`, `"classes": ["false", "true"]`},
		`1.5,2`:                       {"values with , between them", "CSV"},
	} {
		if err := d.Sample(buffers(d.Inputs()), []byte(record)); err == nil || !strings.Contains(err.Error(), says[0]) || !strings.Contains(Hint(err), says[1]) {
			t.Errorf("%s: %v (%s)", record, err, Hint(err))
		}
	}
}
