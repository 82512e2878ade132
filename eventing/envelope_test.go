package eventing

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/stream"
)

var sampleTime = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

func record(key, value []byte, headers ...stream.Header) stream.Record {
	return stream.Record{Topic: "t", Partition: 2, Offset: 42, Time: sampleTime, Key: key, Value: value, Headers: headers}
}

// The attributes as knative-extensions/eventing-kafka-broker writes them.
func TestFromRecordIsKafkaSourcesEnvelope(t *testing.T) {
	r := record([]byte{1}, []byte("v"), stream.Header{Key: "X-Trace_Id", Value: []byte("abc")}, stream.Header{Key: "Content-Type", Value: []byte("Text/Plain")})
	e := FromRecord(r, SourceName("kafkaml", "control"), KeyByteArray)
	h := http.Header{}
	WriteHeader(h, e)
	want := http.Header{
		"Ce-Specversion": {"1.0"}, "Ce-Type": {"dev.knative.kafka.event"},
		"Ce-Id": {"partition:2/offset:42"}, "Ce-Subject": {"partition:2#42"},
		"Ce-Source": {"/apis/v1/namespaces/kafkaml/kafkasources/control#t"},
		"Ce-Time":   {"2026-05-04T03:02:01Z"}, "Ce-Key": {"AQ=="}, "Ce-Partitionkey": {"AQ=="},
		"Ce-Kafkaheaderxtraceid": {"abc"}, "Content-Type": {"Text/Plain"},
		"Ce-Knativekafkapartition": {"2"}, "Ce-Knativekafkaoffset": {"42"},
	}
	if d := cmp.Diff(want, h); d != "" {
		t.Error(d)
	}
}

func TestKeyTypes(t *testing.T) {
	for _, c := range []struct {
		name, keyType string
		key           []byte
		want          string
	}{
		{"bytes", KeyByteArray, []byte{0, 1}, "AAE="},
		{"text", KeyString, []byte("7"), "7"},
		{"default is text", "", []byte("7"), "7"},
		{"text that is not UTF-8", KeyString, []byte{0xff}, "\uFFFD"},
		{"int", KeyInt, []byte{0xff, 0xff, 0xff, 0xfe}, "-2"},
		{"int of another size", KeyInt, []byte("12"), "12"},
		{"float", KeyFloat, []byte{0x3f, 0xc0, 0, 0}, "1.5"},
		{"double", KeyFloat, []byte{0x3f, 0xf8, 0, 0, 0, 0, 0, 0}, "1.5"},
		{"empty", KeyByteArray, []byte{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := FromRecord(record(c.key, nil), "s", c.keyType)
			if got := text(e.Extensions()["key"]); got != c.want {
				t.Errorf("key is %q, want %q", got, c.want)
			}
		})
	}
	if _, ok := FromRecord(record(nil, nil), "s", KeyByteArray).Extensions()["key"]; ok {
		t.Error("a record without a key has the extension key")
	}
}

// overHTTP sends e as a request and reads it at the other end.
func overHTTP(t *testing.T, e event.Event) event.Event {
	t.Helper()
	var got event.Event
	var readErr error
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, readErr = Read(r.Context(), r.Header, r.Body)
	}))
	defer s.Close()
	req, err := NewRequest(t.Context(), s.URL, e)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if readErr != nil {
		t.Fatal(readErr)
	}
	return got
}

// A record comes out as it went in, whatever its bytes, over both envelopes.
func TestRecordOfReadsBothEnvelopesAlike(t *testing.T) {
	for _, r := range []stream.Record{
		record([]byte{1}, []byte(`{"a":1}`)),
		record(nil, []byte{0, 0xff, 7}),
		record([]byte("12"), []byte("x"), stream.Header{Key: "traceid", Value: []byte("a%b \"ü\n")}),
		record([]byte("k"), nil),
		record([]byte("k"), []byte("text"), stream.Header{Key: "content-type", Value: []byte("text/plain")}),
	} {
		t.Run(string(r.Key)+"/"+string(r.Value), func(t *testing.T) {
			got, err := RecordOf(overHTTP(t, FromRecord(r, SourceName("ns", "n"), KeyByteArray)))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(r, got, cmp.Comparer(bytes.Equal)); d != "" {
				t.Errorf("KafkaSource: %s", d)
			}
		})
	}
	r := record([]byte("12"), []byte{0, 0xff})
	got, err := RecordOf(overHTTP(t, funcGo(r)))
	if err != nil {
		t.Fatal(err)
	}
	got.Headers = nil // its content type
	if d := cmp.Diff(r, got); d != "" {
		t.Errorf("func-go: %s", d)
	}
}

// funcGo is the envelope that func-go v0.22.0 makes (kafka/consumer.go).
func funcGo(r stream.Record) event.Event {
	e := event.New()
	e.SetID("partition:" + strconv.Itoa(r.Partition) + "/offset:" + strconv.FormatInt(r.Offset, 10))
	e.SetSource("kafka://b:9092/" + r.Topic)
	e.SetType(KafkaRecord)
	e.SetTime(r.Time)
	e.SetSubject(string(r.Key))
	_ = e.SetData("application/octet-stream", r.Value)
	e.SetExtension("kafkatopic", r.Topic)
	e.SetExtension("kafkapartition", r.Partition)
	e.SetExtension("kafkaoffset", r.Offset)
	e.SetExtension("kafkakey", string(r.Key))
	return e
}

func TestRecordThatIsACloudEventKeepsItsAttributes(t *testing.T) {
	r := record([]byte("k"), []byte(`{"values":[1]}`),
		stream.Header{Key: "ce_specversion", Value: []byte("1.0")}, stream.Header{Key: "ce_id", Value: []byte("i")}, stream.Header{Key: "ce_type", Value: []byte(PredictionMade)},
		stream.Header{Key: "ce_source", Value: []byte("/s")}, stream.Header{Key: "ce_subject", Value: []byte("9")}, stream.Header{Key: "ce_deploymentid", Value: []byte("4")},
		stream.Header{Key: "ce_time", Value: []byte("2026-05-04T03:02:01Z")}, stream.Header{Key: "content-type", Value: []byte("application/json")})
	e := overHTTP(t, FromRecord(r, "s", KeyByteArray))
	if e.Type() != PredictionMade || e.ID() != "i" || e.Source() != "/s" || e.Subject() != "9" || !e.Time().Equal(sampleTime) {
		t.Errorf("attributes changed: %s", e)
	}
	if e.Extensions()["deploymentid"] != "4" || e.Extensions()["knativekafkaoffset"] != "42" {
		t.Errorf("extensions: %v", e.Extensions())
	}
	if e.DataContentType() != "application/json" || string(e.Data()) != string(r.Value) {
		t.Errorf("data: %s", e)
	}
}

// A Trigger passes on what came to its Broker in either mode, with the Broker's
// extensions; a source that does not write KafkaSource's extensions still says
// where the record lay, in its subject.
func TestRecordOfReadsWhatABrokerDelivers(t *testing.T) {
	want := record([]byte{1}, []byte{0, 0xff, 7}, stream.Header{Key: "traceid", Value: []byte("abc")})
	for _, c := range []struct {
		name    string
		without bool // of knativekafkapartition and -offset
	}{{"all extensions", false}, {"subject alone", true}} {
		e := FromRecord(want, SourceName("ns", "n"), KeyByteArray)
		if c.without {
			e.SetExtension("knativekafkapartition", nil)
			e.SetExtension("knativekafkaoffset", nil)
		}
		e.SetExtension("knativearrivaltime", "2026-05-04T03:02:01.5Z")
		e.SetExtension("knativebrokerttl", "254")
		text, err := Structured(e)
		if err != nil {
			t.Fatal(err)
		}
		structured, err := Read(t.Context(), http.Header{"Content-Type": {event.ApplicationCloudEventsJSON}}, io.NopCloser(bytes.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		for mode, e := range map[string]event.Event{"binary": overHTTP(t, e), "structured": structured} {
			t.Run(c.name+", "+mode, func(t *testing.T) {
				got, err := RecordOf(e)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func TestRecordOfRefuses(t *testing.T) {
	for name, change := range map[string]func(*event.Event){
		"another subject":      func(e *event.Event) { e.SetSubject("7") },
		"a partition of words": func(e *event.Event) { e.SetExtension("knativekafkapartition", "x") },
		"a negative offset":    func(e *event.Event) { e.SetExtension("knativekafkaoffset", "-1") },
	} {
		t.Run(name, func(t *testing.T) {
			e := FromRecord(record(nil, nil), "s", "")
			if name == "another subject" {
				e.SetExtension("knativekafkapartition", nil)
			}
			change(&e)
			if r, err := RecordOf(e); err == nil {
				t.Errorf("read %+v", r)
			}
		})
	}
}

func FuzzRecordOf(f *testing.F) {
	f.Add("partition:0#0", "/s#t", "AQ==", "1", "2", "kafkaheaderx", "v", []byte("{}"))
	f.Add("7", "kafka://b/t", "", "-1", "99999999999999999999", "key", "%zz", []byte(nil))
	f.Fuzz(func(t *testing.T, subject, source, key, partition, offset, name, value string, data []byte) {
		e := event.New()
		e.SetID("1")
		e.SetType(KafkaRecord)
		e.SetSource(source)
		e.SetSubject(subject)
		e.SetExtension("key", key)
		e.SetExtension("knativekafkapartition", partition)
		e.SetExtension("knativekafkaoffset", offset)
		e.SetExtension(name, value)
		e.DataEncoded = data
		if r, err := RecordOf(e); err == nil && (r.Partition < 0 || r.Offset < 0 || !bytes.Equal(r.Value, data)) {
			t.Errorf("read %+v", r)
		}
	})
}

func FuzzEscape(f *testing.F) {
	f.Add("plain")
	f.Add("a b%\"ü\x00")
	f.Fuzz(func(t *testing.T, s string) {
		e := New(ModelDelete, "/s", "1", nil)
		e.SetExtension("x", escape(s))
		unescape(&e)
		if got := e.Extensions()["x"]; got != s {
			t.Errorf("%q came back as %q", s, got)
		}
	})
}

// Whatever a record holds, the event made of it can be sent and read back.
func FuzzRecordGoesOverHTTP(f *testing.F) {
	f.Add([]byte("k"), []byte("v"), "name", []byte("value"), "content-type", []byte("text/plain"))
	f.Add([]byte{0xff}, []byte(nil), "CE_id", []byte("\r\nx: y"), "ce_specversion", []byte("1.0"))
	f.Add([]byte(nil), []byte{0}, "content-type", []byte("a/b; c=\"\x01\""), "", []byte{0})
	f.Fuzz(func(t *testing.T, key, value []byte, h1 string, v1 []byte, h2 string, v2 []byte) {
		r := record(key, value, stream.Header{Key: h1, Value: v1}, stream.Header{Key: h2, Value: v2}, stream.Header{Key: "ce_type", Value: []byte("t")}, stream.Header{Key: "ce_source", Value: []byte("s")})
		e := FromRecord(r, SourceName("ns", "n"), KeyByteArray)
		req, err := NewRequest(t.Context(), "http://sink", e)
		if err != nil {
			t.Fatal(err)
		}
		got := received(t, req)
		back, err := Read(t.Context(), got.Header, got.Body)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back.Data(), value) || back.ID() != e.ID() {
			t.Errorf("%s came back as %s", e, back)
		}
	})
}
