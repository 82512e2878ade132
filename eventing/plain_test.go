package eventing

import (
	"bufio"
	"bytes"
	"cmp"
	"io"
	"maps"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// plainly compares ReadPlain with Read and RecordOf, and reports whether it took the
// request.
func plainly(t *testing.T, h http.Header, value []byte) bool {
	t.Helper()
	p, ok := ReadPlain(h, value)
	if !ok {
		return false
	}
	e, err := Read(t.Context(), h, io.NopCloser(bytes.NewReader(value)))
	if err != nil {
		t.Errorf("%v: %v", h, err)
		return true
	}
	want, err := RecordOf(e)
	token, _ := e.Extensions()[TokenExtension].(string)
	if len(value) == 0 {
		p.Value, want.Value = nil, nil
	}
	if err != nil || !reflect.DeepEqual(p.Record, want) || p.Subject != e.Subject() || p.Token != token || HasHeaders(e) || e.Extensions()[UndeliveredExtension] != nil {
		t.Errorf("%v:\n%+v, %q, %q\n%+v, %q, %q: %v", h, p.Record, p.Subject, p.Token, want, e.Subject(), token, err)
	}
	return true
}

// What is read without an event is what is read with one; a request that has
// anything else in it is left to the event.
func TestReadPlain(t *testing.T) {
	r := record([]byte{0, 1, 0xff}, []byte("value"))
	plain := fromKnative(t, r)
	plain.Set("Ce-"+TokenExtension, "secret")
	if !plainly(t, plain, r.Value) {
		t.Fatalf("%v is not taken", plain)
	}
	taken := map[string][]string{
		"Ce-Key": {"AA==", "not base64!", "AA"}, "Ce-Subject": {"a%20b", "\"q\""}, "Ce-Time": {"2026-01-01T00:00:00.123456789+02:00"}, "Accept": {"*/*"},
		"Ce-Source": {"/apis/v1/namespaces/n/kafkasources/x#a.b_c-D"}, "Ce-Partitionkey": {"other"},
	}
	left := map[string][]string{
		"Kn-Namespace": {""}, "Content-Type": {"application/json", ""}, "Ce-Type": {"", "x", "DEV.knative.kafka.event"}, "Ce-Specversion": {"", "0.3"}, "Ce-Id": {"", "partition:1/offset:1"},
		"Ce-Source":  {"", "/apis/v1/namespaces/n#", "/apis/v1/namespaces/n", "/other#t", "/apis/v1/namespaces/%41#t", "/apis/v1/namespaces/n#t#u", "/apis/v1/namespaces/ä#t"},
		"Ce-Subject": {"ä", "\u00a0", "\x01", " ", "a "}, "Ce-Time": {"", "yesterday"}, "Ce-Key": {"", "é"}, "Ce-Knativekafkapartition": {"", "-1", "x", "3000000000"}, "Ce-Knativekafkaoffset": {"", "-1", "1e3"},
		"Ce-Kafkaheaderx": {"v"}, "Ce-Kafkatopic": {"t"}, "Ce-Kafkamlundelivered": {"why"}, "Ce-": {"x"}, "Ce-Dataschema": {"http://x"}, "ce-id": {"x"}, "Ce-Unknown": {"x"},
	}
	for want, headers := range map[bool]map[string][]string{true: taken, false: left} {
		for name, values := range headers {
			for _, v := range values {
				h := maps.Clone(plain)
				h[name] = []string{v}
				if plainly(t, h, r.Value) != want {
					t.Errorf("%s: %q: taken is %v", name, v, !want)
				}
			}
		}
	}
	twice := maps.Clone(plain)
	twice["Ce-Key"] = []string{"AA==", "AQ=="}
	if plainly(t, twice, nil) {
		t.Error("a header that comes twice is taken")
	}
}

// A request that is written without an event is that of one.
func TestAppendPlain(t *testing.T) {
	to, err := parseEndpoint("http://[::1]:8080/a%20b?c=d")
	if err != nil {
		t.Fatal(err)
	}
	read := func(wire []byte, err error) *http.Request {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
		if err != nil {
			t.Fatalf("%q: %v", wire, err)
		}
		r.Body = nil
		return r
	}
	at := time.Unix(1_700_000_000, 120_000_000)
	for name, c := range map[string]struct {
		x     deliverer
		r     stream.Record
		plain bool
	}{
		"as a rule":          {deliverer{}, stream.Record{Topic: "a.b_c-D", Partition: 3, Offset: 1 << 40, Key: []byte{0, 0xff}, Value: []byte("v"), Time: at}, true},
		"no key, no value":   {deliverer{token: "secret"}, stream.Record{Topic: "t", Time: at}, true},
		"an empty key":       {deliverer{overrides: map[string]string{TokenExtension: "x"}}, stream.Record{Topic: "t", Key: []byte{}, Time: at}, true},
		"a header":           {deliverer{}, stream.Record{Topic: "t", Time: at, Headers: []stream.Header{{Key: "a", Value: []byte("b")}}}, false},
		"no time":            {deliverer{}, stream.Record{Topic: "t"}, false},
		"a large key":        {deliverer{}, stream.Record{Topic: "t", Time: at, Key: make([]byte, 1<<20)}, false},
		"a key as text":      {deliverer{keyType: KeyString}, stream.Record{Topic: "t", Time: at}, false},
		"an odd source":      {deliverer{name: SourceName("n", "\u00e4")}, stream.Record{Topic: "t", Time: at}, false},
		"an odd override":    {deliverer{overrides: map[string]string{"a": "b\r\nc"}}, stream.Record{Topic: "t", Time: at}, false},
		"override of a key":  {deliverer{overrides: map[string]string{"key": "b"}}, stream.Record{Topic: "t", Time: at}, false},
		"override of the id": {deliverer{overrides: map[string]string{"id": "b"}}, stream.Record{Topic: "t", Time: at}, false},
		"a bad name":         {deliverer{overrides: map[string]string{"a b": "b"}}, stream.Record{Topic: "t", Time: at}, false},
		"a spoiled token":    {deliverer{token: "a\nb"}, stream.Record{Topic: "t", Time: at}, false},
	} {
		c.x.namespace, c.x.name, c.x.keyType = "n", cmp.Or(c.x.name, SourceName("n", "x")), cmp.Or(c.x.keyType, KeyByteArray)
		c.x.fixed = c.x.ofAll()
		if plain := c.x.plainly(&c.r) != nil; plain != c.plain {
			t.Errorf("%s: sent plainly is %v", name, plain)
		}
		if !c.plain {
			continue
		}
		got, want := read(c.x.appendPlain(nil, to, &c.r), nil), read(appendRequest(nil, to, "n", c.x.token, c.x.wrap(c.r)))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v\n%+v", name, got, want)
		}
		if _, ok := ReadPlain(got.Header, c.r.Value); !ok && c.x.token == "" {
			t.Errorf("%s: is not read plainly", name)
		}
	}
}

func FuzzReadPlain(f *testing.F) {
	f.Add("Ce-Key", "AA==", "/apis/v1/namespaces/n/kafkasources/x#t", "partition:1#2", []byte("v"))
	f.Add("Ce-Time", "2026-01-01T00:00:00Z", "x#y", " ", []byte(nil))
	f.Fuzz(func(t *testing.T, name, v, source, subject string, value []byte) {
		h := http.Header{
			"Kn-Namespace": {"n"}, "Ce-Specversion": {"1.0"}, "Ce-Type": {KafkaRecord}, "Ce-Id": {"partition:1/offset:2"}, "Ce-Source": {source},
			"Ce-Subject": {subject}, "Ce-Knativekafkapartition": {"1"}, "Ce-Knativekafkaoffset": {"2"},
		}
		h[name] = []string{v}
		plainly(t, h, value)
	})
}

// The header that is written without an event is that of one.
func TestWriteNew(t *testing.T) {
	for _, subject := range []string{"", "partition:1#2", "a b\"%ä"} {
		e := event.New()
		e.SetID("i d")
		e.SetType(PredictionMade)
		e.SetSource("/s")
		if subject != "" {
			e.SetSubject(subject)
		}
		e.SetDataContentType(event.ApplicationJSON)
		got, want := http.Header{}, http.Header{}
		WriteNew(got, PredictionMade, "/s", "i d", subject)
		at, err := time.Parse(time.RFC3339Nano, got.Get("Ce-Time"))
		if err != nil || time.Since(at) > time.Minute {
			t.Errorf("time %q: %v", got.Get("Ce-Time"), err)
		}
		e.SetTime(at)
		if WriteHeader(want, e); !reflect.DeepEqual(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func BenchmarkReadPlain(b *testing.B) {
	h := http.Header{}
	e := FromRecord(stream.Record{Topic: "t", Key: []byte("k"), Time: time.Now(), Value: []byte("v")}, SourceName("n", "x"), KeyByteArray)
	WriteHeader(h, e)
	h[headerNamespace] = []string{"n"}
	for b.Loop() {
		if _, ok := ReadPlain(h, e.Data()); !ok {
			b.Fatal(h)
		}
	}
}
