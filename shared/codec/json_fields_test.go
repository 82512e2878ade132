package codec

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func paths(t testing.TB, texts ...string) []Path {
	t.Helper()
	var all []Path
	for _, text := range texts {
		p, err := ParsePath(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// fieldText is a field as text, for tables.
func fieldText(f Field) string {
	switch f.Kind {
	case Text:
		return "'" + string(f.Text) + "'"
	case Symbol:
		return string(f.Text) + "=" + fieldText(Field{Kind: Whole, Bits: f.Bits})
	case List:
		var all []string
		for _, i := range f.Items {
			all = append(all, fieldText(i))
		}
		return "[" + strings.Join(all, " ") + "]"
	case Truth, Whole, Real, Natural:
		text, _ := json.Marshal(f.Float())
		return string(text)
	}
	return f.Kind.String()
}

func read(r FieldReader, n int, record []byte) ([]string, error) {
	dst := make([]Field, n)
	var s Scratch
	err := r.Read(dst, &s, record)
	var all []string
	for _, f := range dst {
		all = append(all, fieldText(f))
	}
	return all, err
}

func TestPathText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a", "a"},
		{"payment.amount", "payment.amount"},
		{"$.payment.amount", "payment.amount"},
		{"$", ""},
		{"", ""},
		{"$ref.x", `["$ref"].x`},
		{"$[0]", "[0]"},
		{"items[0].price", "items[0].price"},
		{`tags["a.b"][12].c`, `tags["a.b"][12].c`},
		{`tags['a"b']`, `tags['a"b']`},
		{"größe.wert", "größe.wert"},
	} {
		p, err := ParsePath(c.text)
		if err != nil || p.String() != c.want {
			t.Errorf("%q: %q, %v; want %q", c.text, p.String(), err, c.want)
		}
		again, err := ParsePath(p.String())
		if err != nil || again.String() != c.want {
			t.Errorf("%q, written and read again: %q, %v", c.text, again.String(), err)
		}
	}
	for text, want := range map[string]string{
		"a..b":                          `at character 2: a name is missing`,
		"a.":                            `at character 2: a name is missing`,
		"a[-1]":                         `at character 2: [-1] is neither the index`,
		"a[x]":                          "neither the index of an array",
		"a[0":                           "the bracket does not end",
		`a["x`:                          "does not end",
		"a[0]b":                         "at character 5: a dot or a bracket is wanted",
		"items[*].price":                "neither the index",
		"items.*":                       "a path leads to one place",
		strings.Repeat("a.", 2000):      "more than 1000 characters",
		strings.Repeat("a.", 100) + "a": "more than 64 steps",
	} {
		if _, err := ParsePath(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v; want %q", text, err, want)
		}
	}
}

func TestFieldsOfJSON(t *testing.T) {
	at := paths(t, "a", "b.c", "d[1]", "d", `m["x.y"].z`, "o[0].p", "b")
	r, err := NewFields(pipeline.JSON, nil, Value, at, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ record, want string }{
		{`{"a":1,"b":{"c":-2.5,"q":{"c":9}},"d":[3,[4,5]],"m":{"x.y":{"z":"t"}},"o":[{"p":true},{"p":false}]}`, "1 -2.5 [4 5] [3 4 5] 't' 1 an object"},
		{`{"d":["x","y"], "a":null}`, "null nothing 'y' ['x' 'y'] nothing nothing nothing"},
		{` { } `, "nothing nothing nothing nothing nothing nothing nothing"},
		{`{"a":18446744073709551615,"b":{"c":1e3},"d":[]}`, "18446744073709552000 1000 nothing [] nothing nothing an object"},
		{`{"a":"é\n\ud83d\ude00\ud800!","b":"c","d":{"1":2}}`, "'é\n😀\ufffd!' nothing nothing an object nothing nothing 'c'"},
		{`[1,2]`, "nothing nothing nothing nothing nothing nothing nothing"},
		{"\x00\x00\x00\x00\x07" + `{"a":7}`, "7 nothing nothing nothing nothing nothing nothing"},
		{"\ufeff" + `{"a":7}`, "7 nothing nothing nothing nothing nothing nothing"},
		{`{"a":7}`, "7 nothing nothing nothing nothing nothing nothing"},
		{`{"d":[null,{"a":1}]}`, "nothing nothing an object [null an object] nothing nothing nothing"},
	} {
		got, err := read(r, len(at), []byte(c.record))
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v; want %q", c.record, strings.Join(got, " "), err, c.want)
		}
	}
	for record, want := range map[string]string{
		`{"a":1,"a":2}`:         `member "a" comes twice`,
		`{"a":1}{"a":2}`:        "more than one JSON value",
		`{"a":1e999}`:           "1e999 is out of range",
		`{"a":01}`:              "is not JSON",
		`{"a":NaN}`:             "it holds NaN or Infinity",
		`{'a':1}`:               "single quotes",
		"":                      "the value is empty (0 bytes)",
		"PAR1":                  "a Parquet file",
		`{"b":{"c":"\x"}}`:      "is not JSON",
		`{"zz":"` + "\n" + `"}`: "is not JSON",
	} {
		if _, err := read(r, len(at), []byte(record)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", record, err, want)
		}
	}
	if got := strings.Join(r.Paths([]byte(`{"b":{"c":1,"d.e":[1]},"o":[{"p":1}],"a":2}`)), " "); got != `a b.c b["d.e"] o[0].p` {
		t.Errorf("paths: %s", got)
	}
}

func TestFieldsOfKeys(t *testing.T) {
	at := paths(t, "", "id")
	r, err := NewFields(pipeline.JSON, nil, Key, at[:1], false)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"device-7": "'device-7'", "7": "7", `"x"`: "'x'", `{"id":1}`: `'{"id":1}'`, " 7 8": "' 7 8'", "": "''", "true": "1",
	} {
		if got, err := read(r, 1, []byte(key)); err != nil || got[0] != want {
			t.Errorf("key %q: %v, %v; want %s", key, got, err, want)
		}
	}
	if r, err = NewFields(pipeline.JSON, nil, Key, at, false); err != nil {
		t.Fatal(err)
	}
	if got, err := read(r, 2, []byte(`{"id":5}`)); err != nil || got[1] != "5" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := read(r, 2, []byte("device-7")); err == nil {
		t.Error("a key that is no JSON has no member")
	}
}

func TestFieldPut(t *testing.T) {
	var dst [8]byte
	f := real64(2.5)
	if err := f.Put(dst[:], Float32); err != nil || math.Float32frombits(uint32(dst[0])|uint32(dst[1])<<8|uint32(dst[2])<<16|uint32(dst[3])<<24) != 2.5 {
		t.Errorf("%v %v", dst, err)
	}
	if err := f.Put(dst[:], Int32); err == nil {
		t.Error("2.5 fits int32")
	}
	f = whole64(300)
	if err := f.Put(dst[:], Uint8); err == nil {
		t.Error("300 fits uint8")
	}
}

// FuzzFieldsOfJSON holds the one pass through a text against encoding/json: both
// take the same texts, and find the same numbers.
func FuzzFieldsOfJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":{"c":[1,2,{"d":"x\u00e9"}]}}`, `{"a":-0.5e+3}`, `[]`, `{"a":"\ud83d\ude00"}`, `{"a":[[1],[2]]}`, `nul`, `"\u12"`, `{"a":1,}`, `{"a" 1}`, "{\"a\":\x00}",
	} {
		f.Add([]byte(seed))
	}
	at := paths(f, "a", "b.c", "b.c[2].d", "a[0]")
	r, err := NewFields(pipeline.JSON, nil, Value, at, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		dst := make([]Field, len(at))
		var s Scratch
		err := r.Read(dst, &s, record)
		text := plainJSON(record)
		if err == nil && !json.Valid(text) {
			t.Fatalf("%q is taken and is not JSON", record)
		}
		if err != nil && json.Valid(text) && len(record) > 0 && !strings.Contains(err.Error(), "twice") && !strings.Contains(err.Error(), "out of range") {
			t.Fatalf("%q is JSON: %v", record, err)
		}
		var v map[string]any
		if err != nil || json.Unmarshal(text, &v) != nil {
			return
		}
		switch a := v["a"].(type) {
		case float64:
			if dst[0].Float() != a {
				t.Errorf("%s: a is %v, not %v", text, dst[0].Float(), a)
			}
		case string:
			if !strings.Contains(a, "\ufffd") && string(dst[0].Text) != a {
				t.Errorf("%s: a is %q, not %q", text, dst[0].Text, a)
			}
		}
	})
}

func BenchmarkFieldsOfJSON(b *testing.B) {
	record := []byte(`{"id":"3f1c9d1e-77aa-4a0e-9d54-0a7d3c5b1c11","at":1718040000123,"card":{"country":"DE","number":"4111-xxxx","limits":{"day":2500.0,"month":10000}},"payment":{"amount":129.99,"currency":"EUR","items":[{"sku":"a1","price":99.5},{"sku":"b2","price":30.49}]},"history":[0.1,0.25,1.5,2.75],"fraud":0}`)
	at := paths(b, "payment.amount", "card.limits.day", "card.limits.month", "payment.items[0].price", "history", "card.country", "fraud")
	r, err := NewFields(pipeline.JSON, nil, Value, at, false)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]Field, len(at))
	var s Scratch
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Read(dst, &s, record); err != nil {
			b.Fatal(err)
		}
	}
}
