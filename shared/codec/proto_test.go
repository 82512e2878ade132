package codec

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const orderProto = `syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
enum Color { RED = 0; GREEN = 1; BLUE = 5; }
message Item { string sku = 1; double price = 2; repeated int32 sizes = 3; }
message Order {
  message Line { int32 n = 1; }
  double d = 1; float f = 2; int32 i32 = 3; int64 i64 = 4; uint32 u32 = 5; uint64 u64 = 6;
  sint32 s32 = 7; sint64 s64 = 8; fixed32 x32 = 9; fixed64 x64 = 10; sfixed32 sx32 = 11; sfixed64 sx64 = 12;
  bool ok = 13; string text = 14; bytes raw = 15; Color color = 16;
  optional int32 maybe = 17;
  oneof pay { int32 cash = 18; string card = 19; }
  repeated int32 packed = 20; repeated int32 loose = 21 [packed = false]; repeated string tags = 22;
  repeated Item items = 23; Item main = 24;
  map<string, double> by_name = 25; map<int32, Item> by_id = 26; map<bool, int64> by_truth = 27;
  google.protobuf.Timestamp at = 28; google.protobuf.Duration took = 29; google.protobuf.DoubleValue score = 30; google.protobuf.StringValue note = 31;
  Line line = 300; int32 far = 20000;
}`

// protoRecord writes a message from JSON, as Google's own library does.
func protoRecord(t testing.TB, text, message, from string) []byte {
	t.Helper()
	file, err := protoOf(Schema{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	m, err := messageNamed(file, message)
	if err != nil {
		t.Fatal(err)
	}
	d := dynamicpb.NewMessage(m)
	if err := protojson.Unmarshal([]byte(from), d); err != nil {
		t.Fatal(err)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plainField is a field as a test writes it.
func plainField(f Field) any {
	switch f.Kind {
	case Absent, Null, Object:
		return f.Kind.String()
	case Symbol:
		return fmt.Sprintf("%s=%d", f.Text, int64(f.Bits))
	case Text:
		return string(f.Text)
	case Natural:
		return f.Bits
	case List:
		all := []any{}
		for _, i := range f.Items {
			all = append(all, plainField(i))
		}
		return all
	}
	if f.Unit != Plain {
		return fmt.Sprintf("%d of %d", int64(f.Bits), f.Unit)
	}
	return f.Float()
}

func protoConfigOf(text, message string) json.RawMessage {
	c, _ := json.Marshal(map[string]string{"data_scheme": text, "data_message": message})
	return c
}

func parsePaths(t testing.TB, all ...string) (paths []Path) {
	t.Helper()
	for _, text := range all {
		p, err := ParsePath(text)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

const fullOrder = `{"d":1.5,"f":0.25,"i32":-3,"i64":"-9007199254740993","u32":4000000000,"u64":"18446744073709551615","s32":-5,"s64":"-6","x32":7,"x64":"8","sx32":-9,"sx64":"-10",
	"ok":true,"text":"ä","raw":"/w==","color":"BLUE","maybe":0,"card":"visa","packed":[1,-2,300],"loose":[4,5],"tags":["a","b"],
	"items":[{"sku":"x","price":1,"sizes":[1,2]},{"sku":"y","price":2.5}],"main":{"price":3},
	"byName":{"a.b":1.5,"c":2},"byId":{"7":{"price":70},"-1":{"sku":"m"}},"byTruth":{"true":"9"},
	"at":"2024-05-06T07:08:09.000500Z","took":"1.5s","score":0,"note":"n","line":{"n":4},"far":6}`

// Each kind of field is read by its path, bare and framed, as Google's library
// writes it.
func TestFieldsOfProtobuf(t *testing.T) {
	for _, test := range []struct {
		path        string
		full, empty any
	}{
		{"d", 1.5, 0.0},
		{"f", 0.25, 0.0},
		{"i32", -3.0, 0.0},
		{"i64", -9007199254740992.0, 0.0},
		{"u32", 4e9, 0.0},
		{"u64", uint64(math.MaxUint64), 0.0},
		{"s32", -5.0, 0.0},
		{"s64", -6.0, 0.0},
		{"x32", 7.0, 0.0},
		{"x64", 8.0, 0.0},
		{"sx32", -9.0, 0.0},
		{"sx64", -10.0, 0.0},
		{"ok", 1.0, 0.0},
		{"text", "ä", ""},
		{"raw", "\xff", ""},
		{"color", "BLUE=5", "RED=0"},
		{"maybe", 0.0, "nothing"},
		{"cash", "nothing", "nothing"},
		{"card", "visa", "nothing"},
		{"packed", []any{1.0, -2.0, 300.0}, []any{}},
		{"packed[2]", 300.0, "nothing"},
		{"loose", []any{4.0, 5.0}, []any{}},
		{"loose[1]", 5.0, "nothing"},
		{"loose[2]", "nothing", "nothing"},
		{"tags", []any{"a", "b"}, []any{}},
		{"tags[0]", "a", "nothing"},
		{"items", []any{"an object", "an object"}, []any{}},
		{"items[1].price", 2.5, "nothing"},
		{"items[1].sizes", []any{}, "nothing"},
		{"items[0].sizes[1]", 2.0, "nothing"},
		{"main", "an object", "nothing"},
		{"main.price", 3.0, "nothing"},
		{"main.sku", "", "nothing"},
		{`by_name["a.b"]`, 1.5, "nothing"},
		{"byName.c", 2.0, "nothing"},
		{"by_id[7].price", 70.0, "nothing"},
		{`by_id["-1"].sku`, "m", "nothing"},
		{"by_truth.true", 9.0, "nothing"},
		{"at", fmt.Sprintf("1714979289000500 of %d", Micros), "nothing"},
		{"at.seconds", 1714979289.0, "nothing"},
		{"took", 1.5, "nothing"},
		{"score", 0.0, "nothing"},
		{"note", "n", "nothing"},
		{"note.value", "n", "nothing"},
		{"line.n", 4.0, "nothing"},
		{"far", 6.0, 0.0},
	} {
		full, empty := protoRecord(t, orderProto, "Order", fullOrder), []byte{}
		readers := map[string]struct {
			r     FieldReader
			frame []byte
		}{}
		bare, err := NewFields(pipeline.PROTOBUF, protoConfigOf(orderProto, "shop.Order"), Value, parsePaths(t, test.path), false)
		if err != nil {
			t.Errorf("%s: %v", test.path, err)
			continue
		}
		readers["bare"] = struct {
			r     FieldReader
			frame []byte
		}{bare, nil}
		framed, err := NewFields(pipeline.PROTOBUF, nil, Value, parsePaths(t, test.path), true)
		if err != nil {
			t.Fatal(err)
		}
		readers["framed"] = struct {
			r     FieldReader
			frame []byte
		}{framed, []byte{0, 0, 0, 0, 9, 2, 2}}
		for name, of := range readers {
			for i, record := range [][]byte{full, empty} {
				want := []any{test.full, test.empty}[i]
				got, err := readFields(of.r, 1, append(append([]byte{}, of.frame...), record...), Schema{Type: "PROTOBUF", Text: orderProto})
				if err != nil {
					t.Errorf("%s, %s: %v", test.path, name, err)
					continue
				}
				if diff := cmp.Diff(want, plainField(got[0])); diff != "" {
					t.Errorf("%s, %s, %d: %s", test.path, name, i, diff)
				}
			}
		}
	}
}

// readFields reads a record, and teaches the schema that it is written by.
func readFields(r FieldReader, n int, record []byte, schema Schema) ([]Field, error) {
	dst, s := make([]Field, n), &Scratch{}
	for {
		err := r.Read(dst, s, record)
		var lacks *Missing
		if !errors.As(err, &lacks) {
			return dst, err
		}
		lacks.Learn(schema)
	}
}

// protobufTwice is a message that is split over a record, as the wire may.
func TestFieldsOfProtobufAsTheWireMayHaveThem(t *testing.T) {
	item := func(price float64, sku string) []byte {
		b := protowire.AppendTag(nil, 24, protowire.BytesType)
		var in []byte
		if sku != "" {
			in = protowire.AppendString(protowire.AppendTag(in, 1, protowire.BytesType), sku)
		}
		if price != 0 {
			in = protowire.AppendFixed64(protowire.AppendTag(in, 2, protowire.Fixed64Type), math.Float64bits(price))
		}
		return protowire.AppendBytes(b, in)
	}
	tag := func(n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
	}
	group := append(protowire.AppendTag(nil, 99, protowire.StartGroupType), append(tag(1, 5), protowire.AppendTag(nil, 99, protowire.EndGroupType)...)...)
	join := func(all ...[]byte) (b []byte) {
		for _, x := range all {
			b = append(b, x...)
		}
		return b
	}
	for name, test := range map[string]struct {
		record []byte
		paths  []string
		want   []any
	}{
		"a message in two parts":      {join(item(2, ""), item(0, "s")), []string{"main.price", "main.sku"}, []any{2.0, "s"}},
		"the last of two":             {join(tag(3, 1), tag(3, 2)), []string{"i32"}, []any{2.0}},
		"the last of a oneof":         {join(protowire.AppendString(protowire.AppendTag(nil, 19, protowire.BytesType), "c"), tag(18, 3)), []string{"cash", "card"}, []any{3.0, "nothing"}},
		"a list in pieces":            {join(tag(20, 1), tag(21, 9), protowire.AppendBytes(protowire.AppendTag(nil, 20, protowire.BytesType), []byte{2, 3}), tag(21, 8)), []string{"packed", "loose", "packed[1]"}, []any{[]any{1.0, 2.0, 3.0}, []any{9.0, 8.0}, 2.0}},
		"a list packed that was not":  {protowire.AppendBytes(protowire.AppendTag(nil, 21, protowire.BytesType), []byte{2, 3}), []string{"loose"}, []any{[]any{2.0, 3.0}}},
		"unknown fields and groups":   {join(group, tag(5000, 1), tag(3, 2), group), []string{"i32"}, []any{2.0}},
		"a symbol that is not there":  {tag(16, 77), []string{"color"}, []any{77.0}},
		"an enum below 0":             {tag(16, math.MaxUint64), []string{"color"}, []any{-1.0}},
		"a map's default":             {protowire.AppendBytes(protowire.AppendTag(nil, 25, protowire.BytesType), nil), []string{"by_name.x"}, []any{"nothing"}},
		"a map's value left out":      {protowire.AppendBytes(protowire.AppendTag(nil, 26, protowire.BytesType), []byte{8, 7}), []string{"by_id[7]", "by_id[7].price"}, []any{"an object", 0.0}},
		"the whole record":            {tag(3, 2), []string{"$", "i32"}, []any{"an object", 2.0}},
		"a place that several take":   {tag(3, 2), []string{"i32", "i32"}, []any{2.0, 2.0}},
		"a wrapper without its value": {protowire.AppendBytes(protowire.AppendTag(nil, 30, protowire.BytesType), nil), []string{"score"}, []any{0.0}},
	} {
		r, err := NewFields(pipeline.PROTOBUF, protoConfigOf(orderProto, "Order"), Value, parsePaths(t, test.paths...), false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := readFields(r, len(test.paths), test.record, Schema{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range got {
			if diff := cmp.Diff(test.want[i], plainField(got[i])); diff != "" {
				t.Errorf("%s: %s: %s", name, test.paths[i], diff)
			}
		}
	}
}

// What cannot be read is a fault that says what, and what to do.
func TestFaultsOfProtobuf(t *testing.T) {
	whole := protoRecord(t, orderProto, "Order", fullOrder)
	for name, test := range map[string]struct {
		record     []byte
		says, cure string
	}{
		"cut":           {whole[:20], "ends within a field", "the schema and the message"},
		"another type":  {[]byte{3<<3 | 5, 1, 2, 3, 4}, `field "i32": it is written as wire type 5`, "the schema and the message"},
		"framed":        {append([]byte{0, 0, 0, 0, 7, 0}, whole...), "the id 7 of a schema registry", "leave out the data_scheme"},
		"text":          {[]byte(`{"i32":3}`), "it is JSON", "input_format JSON"},
		"a number of 0": {[]byte{1, 2, 3}, "0 is not the number of a field", ""},
		"a long number": {append([]byte{3 << 3}, strings.Repeat("\xff", 11)...), "ends within a field", ""},
		"a group alone": {[]byte{99<<3&0x7f | 3 | 0x80, 6}, "field 99", ""},
		"no value":      {nil, "tombstone", ""},
	} {
		r, err := NewFields(pipeline.PROTOBUF, protoConfigOf(orderProto, "Order"), Value, parsePaths(t, "i32", "text", "far"), false)
		if err != nil {
			t.Fatal(err)
		}
		_, err = readFields(r, 3, test.record, Schema{})
		var f *Fault
		if !errors.As(err, &f) || !strings.Contains(f.Reason, test.says) || !strings.Contains(f.Hint, test.cure) {
			t.Errorf("%s: %v; hint %s", name, err, Hint(err))
		}
	}
}

// Schemas that cannot be used are refused, by what is wrong.
func TestSchemasOfProtobufAreRefused(t *testing.T) {
	deep := strings.Repeat("message A { ", 5000)
	for name, test := range map[string]struct{ config, path, says, cure string }{
		"none":            {`{}`, "a", "data_scheme", ".proto"},
		"no schema":       {string(protoConfigOf("message", "")), "a", "does not", "FileDescriptorSet"},
		"nested":          {string(protoConfigOf(deep, "")), "a", "nested more than 64 deep", ""},
		"several":         {string(protoConfigOf(orderProto, "")), "i32", "several messages", "shop.Order"},
		"another message": {string(protoConfigOf(orderProto, "Ordre")), "i32", `no message "Ordre"`, "shop.Order"},
		"no path":         {string(protoConfigOf(orderProto, "Order")), "main.cost", `no "main.cost"`, "d, f, i32"},
		"an import":       {string(protoConfigOf(`syntax = "proto3"; import "other.proto"; message A { int32 a = 1; }`, "")), "a", "other.proto", ""},
		"a framing":       {`{"framing":"glue"}`, "a", "glue", "confluent"},
		"both":            {`{"framing":"confluent","data_scheme":"x"}`, "a", "beside the framing", "leave out"},
		"no registry":     {`{"framing":"confluent"}`, "a", "knows of none", "SCHEMA_REGISTRY_URL"},
	} {
		_, err := NewFields(pipeline.PROTOBUF, json.RawMessage(test.config), Value, parsePaths(t, test.path), false)
		var refused *pipeline.Error
		if !errors.As(err, &refused) || !strings.Contains(err.Error()+refused.Field, test.says) || !strings.Contains(refused.Hint, test.cure) {
			if name != "no schema" || err == nil {
				t.Errorf("%s: %v; hint %v", name, err, refused)
			}
		}
	}
}

// A schema in base64 is that of protoc.
func TestADescriptorSetIsASchema(t *testing.T) {
	file, err := protoOf(Schema{Text: orderProto})
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(file)}}
	raw, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewFields(pipeline.PROTOBUF, protoConfigOf(base64.StdEncoding.EncodeToString(raw), "Order"), Value, parsePaths(t, "at", "far"), false)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readFields(r, 2, protoRecord(t, orderProto, "Order", fullOrder), Schema{})
	if err != nil || plainField(got[1]) != 6.0 {
		t.Error(got, err)
	}
}

// Records of Protobuf become tensors by the names of fields, framed by several
// schemas of a registry, with messages within messages and imports.
func TestProtobufBecomesTensors(t *testing.T) {
	const imported = `syntax = "proto3"; package p; message Point { double x = 1; double y = 2; }`
	schemas := map[uint32]Schema{
		1: {Type: "PROTOBUF", Text: `syntax = "proto3"; message A { message B { float b = 1; float a = 2; } message C { float a = 9; double b = 3; } }`},
		2: {Type: "PROTOBUF", Text: `syntax = "proto3"; import "common/point.proto"; message R { int32 b = 7; p.Point at = 1; bool a = 8; }`, References: []string{imported}, Names: []string{"common/point.proto"}},
		3: {Type: "PROTOBUF", Text: `syntax = "proto3"; message R { int32 b = 7; }`},
		4: {Type: "AVRO", Text: `"int"`},
		5: {Type: "PROTOBUF", Text: `syntax = "proto3"; message R {`},
	}
	frame := func(id uint32, indexes []byte, body ...byte) []byte {
		return append(append(binary.BigEndian.AppendUint32([]byte{0}, id), indexes...), body...)
	}
	float := func(n byte, v float32) []byte {
		return binary.LittleEndian.AppendUint32([]byte{n<<3 | 5}, math.Float32bits(v))
	}
	d, err := New(pipeline.PROTOBUF, json.RawMessage(`{"data_fields":["a","b"]}`), Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 2)}, Registry: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		record []byte
		want   []float64
		says   string
	}{
		"within, the first":  {frame(1, []byte{4, 0, 0}, append(float(1, 2), float(2, 1)...)...), []float64{1, 2}, ""},
		"within, the second": {frame(1, []byte{4, 0, 2}, float(9, 1)...), []float64{1, 0}, ""},
		"an import":          {frame(2, []byte{0}, 8<<3, 1, 7<<3, 5), []float64{1, 5}, ""},
		"a field less":       {frame(3, []byte{0}, 7<<3, 5), nil, `message R has no field "a"`},
		"no such message":    {frame(1, []byte{4, 0, 8}), nil, "no such message"},
		"too many indexes":   {frame(1, []byte{0xfe, 0xff, 3}), nil, "the indexes of its message"},
		"an AVRO schema":     {frame(4, []byte{0}), nil, "of the type AVRO"},
		"a broken schema":    {frame(5, []byte{0}), nil, "not a .proto file that compiles"},
		"without framing":    {[]byte{8, 1}, nil, "not framed by a schema registry"},
	} {
		got, err := taught(t, d, schemas, test.record)
		if test.says != "" {
			if err == nil || !strings.Contains(err.Error(), test.says) || Hint(err) == "" && test.says != "the indexes of its message" && test.says != "not a .proto file that compiles" {
				t.Errorf("%s: %v; hint %q", name, err, Hint(err))
			}
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

// TestTheLabelOfProtobuf is a field of the value, or the key.
func TestTheLabelOfProtobuf(t *testing.T) {
	const text = `syntax = "proto3"; enum K { no = 0; yes = 1; } message R { repeated float v = 1; K label = 2; string s = 3; }`
	record := protoRecord(t, text, "R", `{"v":[1,2],"label":"yes","s":"t"}`)
	b := Binding{Inputs: []pipeline.Tensor{tensor("v", "float32", 2), tensor("s", "string", 1)}, Labels: []pipeline.Tensor{tensor("y", "int32")}}
	d, err := New(pipeline.PROTOBUF, json.RawMessage(`{"label_field":"label","data_scheme":`+quote(text)+`}`), b)
	if err != nil {
		t.Fatal(err)
	}
	in, out := buffers(d.Inputs()), buffers(d.Labels())
	if err := d.Record(in, out, []byte("device-7"), record); err != nil || out[0][0] != 1 {
		t.Error(err, out)
	}
	d, err = New(pipeline.PROTOBUF, json.RawMessage(`{"data_fields":["v","s"],"label_field":null,"data_scheme":`+quote(text)+`,"label_scheme":"syntax = \"proto3\"; message L { int32 any = 1; }"}`), b)
	if err != nil {
		t.Fatal(err)
	}
	in, out = buffers(d.Inputs()), buffers(d.Labels())
	if err := d.Record(in, out, []byte{8, 3}, record); err != nil || out[0][0] != 3 {
		t.Error(err, out)
	}
	_, err = New(pipeline.PROTOBUF, json.RawMessage(`{"data_scheme":`+quote(text)+`}`), b)
	if err == nil || !strings.Contains(err.Error(), "label_scheme") {
		t.Error(err)
	}
}

func quote(text string) string { b, _ := json.Marshal(text); return string(b) }

// TestFieldsOfProtobufDoNotAllocate holds that reading costs no memory in the
// long run.
func TestFieldsOfProtobufDoNotAllocate(t *testing.T) {
	r, err := NewFields(pipeline.PROTOBUF, protoConfigOf(orderProto, "Order"), Value, parsePaths(t, "d", "i64", "text", "color", "packed", "loose", "items[1].price", `by_name["a.b"]`, "by_id[7].price", "at", "took", "score", "note"), false)
	if err != nil {
		t.Fatal(err)
	}
	record := protoRecord(t, orderProto, "Order", fullOrder)
	dst, s := make([]Field, 13), &Scratch{}
	if n := testing.AllocsPerRun(100, func() {
		if err := r.Read(dst, s, record); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzProtobuf feeds records and schemas of any kind: none may panic.
func FuzzProtobuf(f *testing.F) {
	f.Add(orderProto, protoRecord(f, orderProto, "Order", fullOrder))
	f.Add(`syntax = "proto2"; message A { optional group B = 1 { required int32 c = 2 [default = 7]; } extensions 100 to 200; }`, []byte{11, 16, 1, 12})
	f.Fuzz(func(t *testing.T, text string, record []byte) {
		if len(text) > 10_000 {
			return
		}
		file, err := protoOf(Schema{Text: text})
		if err != nil {
			return
		}
		for i := range file.Messages().Len() {
			m := file.Messages().Get(i)
			var paths []Path
			for _, p := range protoPaths(m, nil, nil) {
				if path, err := ParsePath(p); err == nil {
					paths = append(paths, path, path[:1])
				}
			}
			r := &protoFields{paths: paths, tree: newFieldTree(paths)}
			r.bare = r.compile(m)
			_ = r.Kinds()
			_, _ = readFields(r, len(paths), record, Schema{})
			frame := append([]byte{0, 0, 0, 0, 1, 2}, protowire.AppendVarint(nil, protowire.EncodeZigZag(int64(i)))...)
			_, _ = Schema{Type: "PROTOBUF", Text: text}.Tree(append(frame, record...)[5:])
		}
	})
}

// orders40 is a message of 40 fields, of which a benchmark takes 12.
func orders40() (text string, paths []string, values map[string]any) {
	var b strings.Builder
	values = map[string]any{}
	b.WriteString("syntax = \"proto3\"; message M {\n")
	for i := range 40 {
		name := fmt.Sprintf("f%d", i)
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "double %s = %d;", name, i+1)
			values[name] = float64(i) + .5
		case 1:
			fmt.Fprintf(&b, "int64 %s = %d;", name, i+1)
			values[name] = fmt.Sprint(1_000_000 + i)
		case 2:
			fmt.Fprintf(&b, "string %s = %d;", name, i+1)
			values[name] = "a text of some length"
		default:
			fmt.Fprintf(&b, "float %s = %d;", name, i+1)
			values[name] = float64(i)
		}
		if i%4 != 2 && len(paths) < 12 && i%3 != 1 {
			paths = append(paths, name)
		}
	}
	b.WriteString("}")
	return b.String(), paths, values
}

func BenchmarkProtobuf12Of40(b *testing.B) {
	text, names, values := orders40()
	from, _ := json.Marshal(values)
	record := protoRecord(b, text, "M", string(from))
	list, _ := json.Marshal(names)
	d, err := New(pipeline.PROTOBUF, json.RawMessage(`{"data_fields":`+string(list)+`,"data_scheme":`+quote(text)+`}`), Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", len(names))}})
	if err != nil {
		b.Fatal(err)
	}
	dst := buffers(d.Inputs())
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Sample(dst, record); err != nil {
			b.Fatal(err)
		}
	}
}
