package codec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// payment is a record as companies have them: nested, with nulls, unions, enums,
// maps, arrays of records and logical types.
const payment = `{"type":"record","name":"Payment","namespace":"shop","fields":[
	{"name":"id","type":{"type":"string","logicalType":"uuid"}},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
	{"name":"day","type":{"type":"int","logicalType":"date"}},
	{"name":"card","type":["null",{"type":"record","name":"Card","fields":[
		{"name":"country","type":"string"},
		{"name":"brand","type":{"type":"enum","name":"Brand","symbols":["VISA","MASTER","AMEX"]}},
		{"name":"limit","type":["null","double","long"],"default":null}]}]},
	{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
		{"name":"sku","type":"string"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}]}}},
	{"name":"scores","type":{"type":"array","items":["null","float"]}},
	{"name":"tags","type":{"type":"map","values":"long"}},
	{"name":"parent","type":["null","Payment"],"default":null},
	{"name":"fraud","type":"boolean"}]}`

// paid is a record of payment; its card may be null.
func paid(t testing.TB, card bool) []byte {
	t.Helper()
	codec, err := goavro.NewCodec(strings.NewReplacer(`,"logicalType":"uuid"`, "", `{"type":"long","logicalType":"timestamp-micros"}`, `"long"`).Replace(payment))
	if err != nil {
		t.Fatal(err)
	}
	native := map[string]any{
		"id": "6f1", "at": int64(1_718_040_000_123_456), "day": time.Unix(86400*19884, 0).UTC(),
		"card":   nil,
		"items":  []any{map[string]any{"sku": "a", "price": big.NewRat(9950, 100)}, map[string]any{"sku": "b", "price": big.NewRat(-1, 100)}},
		"scores": []any{goavro.Union("float", float32(0.5)), nil}, "tags": map[string]any{"a.b": int64(3)}, "parent": nil, "fraud": true,
	}
	if card {
		native["card"] = goavro.Union("shop.Card", map[string]any{"country": "DE", "brand": "AMEX", "limit": goavro.Union("long", int64(2500))})
	}
	b, err := codec.BinaryFromNative(nil, native)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var paymentPaths = []string{"id", "at", "day", "card.country", "card.brand", "card.limit", "items[1].price", "scores", "scores[0]", `tags["a.b"]`, "parent.fraud", "fraud", "items[5].sku"}

func avroConfigOf(member, schema string) json.RawMessage {
	config, err := json.Marshal(map[string]any{member: json.RawMessage(schema)})
	if err != nil {
		panic(err)
	}
	return config
}

func TestFieldsOfAvro(t *testing.T) {
	at := paths(t, paymentPaths...)
	r, err := NewFields(pipeline.AVRO, avroConfigOf("data_scheme", payment), Value, at, false)
	if err != nil {
		t.Fatal(err)
	}
	const with = "'6f1' 1718040000123456 19884 'DE' AMEX=2 2500 -0.01 [0.5 null] 0.5 3 nothing 1 nothing"
	got, err := read(r, len(at), paid(t, true))
	if err != nil || strings.Join(got, " ") != with {
		t.Errorf("%v, %v; want %s", strings.Join(got, " "), err, with)
	}
	const without = "'6f1' 1718040000123456 19884 nothing nothing nothing -0.01 [0.5 null] 0.5 3 nothing 1 nothing"
	if got, err = read(r, len(at), paid(t, false)); err != nil || strings.Join(got, " ") != without {
		t.Errorf("%v, %v; want %s", strings.Join(got, " "), err, without)
	}
	if kinds := r.Kinds(); kinds[0] != Text || kinds[1] != Whole || kinds[4] != Symbol || kinds[5] != Absent || kinds[6] != Real || kinds[7] != List {
		t.Errorf("kinds: %v", kinds)
	}
	if got := strings.Join(r.Paths(nil), " "); !strings.HasPrefix(got, "id at day card.country card.brand card.limit items[0].sku items[0].price scores tags.key parent.id") {
		t.Errorf("paths: %s", got)
	}
	for record, want := range map[string]string{
		"":                          "the value is empty",
		string(paid(t, true)) + "x": "1 bytes follow the record",
		string(paid(t, true)[:9]):   "ends within a value",
		"\x00\x00\x00\x00\x07" + string(paid(t, true)): "Confluent's framing",
	} {
		if _, err := read(r, len(at), []byte(record)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", record, err, want)
		}
	}
}

func TestNoSuchPathInAvro(t *testing.T) {
	_, err := NewFields(pipeline.AVRO, avroConfigOf("data_scheme", payment), Value, paths(t, "card.county"), false)
	var refusal *pipeline.Error
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), `there is no "card.county" in data_scheme`) || !strings.Contains(refusal.Hint, "card.country, card.brand") {
		t.Errorf("%v", err)
	}
	if _, err := NewFields(pipeline.AVRO, avroConfigOf("data_scheme", payment), Key, paths(t, "id"), false); err == nil || !strings.Contains(err.Error(), "key_scheme") {
		t.Errorf("a key without a schema: %v", err)
	}
}

func framed(id uint32, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), body...)
}

func TestFieldsOfFramedAvro(t *testing.T) {
	at := paths(t, append(paymentPaths, "none")...)
	r, err := NewFields(pipeline.AVRO, nil, Value, at, true)
	if err != nil {
		t.Fatal(err)
	}
	record := framed(9, paid(t, true))
	_, err = read(r, len(at), record)
	var missing *Missing
	if !errors.As(err, &missing) || missing.ID != 9 {
		t.Fatalf("%v; want that schema 9 is missing", err)
	}
	missing.Learn(Schema{Type: "AVRO", Text: payment})
	const want = "'6f1' 1718040000123456 19884 'DE' AMEX=2 2500 -0.01 [0.5 null] 0.5 3 nothing 1 nothing nothing"
	if got, err := read(r, len(at), record); err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v, %v; want %s", strings.Join(got, " "), err, want)
	}
	if _, err := read(r, len(at), []byte(`{"a":1}`)); err == nil || !strings.Contains(err.Error(), "not framed") || !strings.Contains(err.Error(), "it is JSON") {
		t.Errorf("JSON: %v", err)
	}
	key, err := NewFields(pipeline.AVRO, nil, Key, paths(t, ""), true)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(key, 1, []byte("device-1")); err != nil || got[0] != "'device-1'" {
		t.Errorf("a key of text: %v, %v", got, err)
	}
	_, err = read(key, 1, framed(3, []byte{4, 'a', 'b'}))
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
	missing.Learn(Schema{Type: "AVRO", Text: `"string"`})
	if got, err := read(key, 1, framed(3, []byte{4, 'a', 'b'})); err != nil || got[0] != "'ab'" {
		t.Errorf("a framed key: %v, %v", got, err)
	}
}

// TestFieldsByAReadersSchema: enums are numbered by it, and what the writer lacks
// takes its default.
func TestFieldsByAReadersSchema(t *testing.T) {
	const reader = `{"type":"record","name":"r","fields":[
		{"name":"brand","type":{"type":"enum","name":"B","symbols":["B","A"]}},{"name":"x","type":"double","aliases":["old"]},
		{"name":"lack","type":["long","null"],"default":42}]}`
	const writer = `{"type":"record","name":"w","fields":[
		{"name":"old","type":"float"},{"name":"brand","type":{"type":"enum","name":"B","symbols":["A","B"]}}]}`
	config := json.RawMessage(`{"framing":"confluent","data_scheme":` + reader + `}`)
	at := paths(t, "brand", "x", "lack")
	r, err := NewFields(pipeline.AVRO, config, Value, at, true)
	if err != nil {
		t.Fatal(err)
	}
	record := framed(1, []byte{0, 0, 0x20, 0x40, 0})
	_, err = read(r, len(at), record)
	var missing *Missing
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
	missing.Learn(Schema{Text: writer})
	if got, err := read(r, len(at), record); err != nil || strings.Join(got, " ") != "A=1 2.5 42" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := NewFields(pipeline.AVRO, config, Value, paths(t, "old"), true); err == nil || !strings.Contains(err.Error(), `no "old"`) {
		t.Errorf("a path that the reader's schema lacks: %v", err)
	}
}

func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		bytes []byte
		scale int
		want  float64
	}{
		{nil, 2, 0},
		{[]byte{0xff}, 2, -0.01},
		{[]byte{0x26, 0xde}, 2, 99.5},
		{[]byte{0x80}, 0, -128},
		{[]byte{1, 0, 0, 0, 0, 0, 0, 0, 0}, 3, 18446744073709551.616},
		{[]byte{1}, 400, 0},
		{[]byte{0xff, 0xff, 0xff}, 0, -1},
	} {
		if got := decimalOf(c.bytes, c.scale); got != c.want {
			t.Errorf("% x of scale %d: %v, want %v", c.bytes, c.scale, got, c.want)
		}
	}
}

// FuzzFieldsOfAvro holds that bytes of anybody end in fields or an error, and
// that a record which is taken is taken by goavro's reading, too.
func FuzzFieldsOfAvro(f *testing.F) {
	f.Add(paid(f, true))
	f.Add(paid(f, false))
	f.Add([]byte{0, 1, 2, 3})
	at := paths(f, paymentPaths...)
	r, err := NewFields(pipeline.AVRO, avroConfigOf("data_scheme", payment), Value, at, false)
	if err != nil {
		f.Fatal(err)
	}
	all := r.(*avroFields).reader
	f.Fuzz(func(t *testing.T, record []byte) {
		_, err := read(r, len(at), record)
		s := skipper{avroCursor{record}, skipWork + len(record)}
		skipped := s.skip(all, 0)
		if err == nil && (skipped != nil || len(s.rest) > 0) {
			t.Errorf("% x is taken, and skipping it says %v, %d bytes left", record, skipped, len(s.rest))
		}
	})
}

func BenchmarkFieldsOfAvro(b *testing.B) {
	record := paid(b, true)
	at := paths(b, paymentPaths...)
	r, err := NewFields(pipeline.AVRO, avroConfigOf("data_scheme", payment), Value, at, false)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]Field, len(at))
	var s Scratch
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Read(dst, &s, record); err != nil {
			b.Fatal(err)
		}
	}
}
