package eventing

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// fromKnative is what a sink gets of a record that KafkaSource sends.
func fromKnative(t *testing.T, r stream.Record) http.Header {
	t.Helper()
	to, err := parseEndpoint("http://sink")
	if err != nil {
		t.Fatal(err)
	}
	wire, err := appendRequest(nil, to, "kafkaml", "", parcel{Event: FromRecord(r, SourceName("kafkaml", "in"), KeyByteArray), contentType: contentType(r)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		t.Fatal(err)
	}
	return got.Header
}

// received is a request as its server reads it off the wire.
func received(t *testing.T, req *http.Request) *http.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Whatever a record says of its content, it is read.
func TestRecordsOfAnyContentTypeAreRead(t *testing.T) {
	for _, media := range []string{
		"application/x+avro", "nonsense", "application/cloudevents+json", "application/cloudevents-batch+json", "application/cloudevents+protobuf",
		"text/plain; charset=", "a/b; c=\"", "", "application/json", ";", "ümlaut/x",
	} {
		r := record([]byte{3}, []byte("not what it says"), stream.Header{Key: "content-type", Value: []byte(media)})
		e, err := Read(t.Context(), fromKnative(t, r), io.NopCloser(bytes.NewReader(r.Value)))
		if err != nil {
			t.Errorf("%q: %v", media, err)
			continue
		}
		if got, err := RecordOf(e); err != nil || got.Topic != "t" || got.Offset != 42 || !bytes.Equal(got.Value, r.Value) || !bytes.Equal(got.Key, r.Key) {
			t.Errorf("%q: %+v, %v", media, got, err)
		}
	}
}

// So is one whose attributes, as a CloudEvent, are none.
func TestRecordsThatAreSpoiledCloudEventsAreRead(t *testing.T) {
	for name, value := range map[string]string{
		"Ce-Source": "http://%zz", "Ce-Time": "yesterday", "Ce-Dataschema": "no uri", "Ce-Type": " ", "Ce-Id": "", "Ce-Data": "x", "Ce-Data_base64": "x",
		"Ce-": "x", "Ce-Datacontenttype": "x", "Ce-Specversion": "0.3",
	} {
		h := http.Header{
			"Ce-Specversion": {"1.0"}, "Ce-Id": {"i"}, "Ce-Source": {"/own#part"}, "Ce-Type": {"com.example.thing"}, "Kn-Namespace": {"kafkaml"},
			"Ce-Knativekafkapartition": {"1"}, "Ce-Knativekafkaoffset": {"5"},
		}
		h[name] = []string{value}
		e, err := Read(t.Context(), h, io.NopCloser(strings.NewReader("v")))
		if err != nil || !IsRecord(e) {
			t.Errorf("%s %q: %v", name, value, err)
			continue
		}
		if r, err := RecordOf(e); err != nil || r.Topic != "" || r.Partition != 1 || r.Offset != 5 || string(r.Value) != "v" {
			t.Errorf("%s %q: %+v, %v", name, value, r, err)
		}
	}
}

// Knative encodes nothing; another sender of CloudEvents does.
func TestAttributesAreDecodedAsTheirSenderEncodesThem(t *testing.T) {
	for _, c := range []struct{ header, sent, knative, other string }{
		{"t%41-2", "t%41-2", "t%41-2", "tA-2"},
		{"100%", "100%", "100%", "100%"},
		{"a%20b", "a%20b", "a%20b", "a b"},
		{"Größe", "Gr\xf6\xdfe", "Größe", "Gr\xf6\xdfe"},
		{"温度", "??", "??", "??"},
	} {
		r := record(nil, nil, stream.Header{Key: "x", Value: []byte(c.header)})
		h := fromKnative(t, r)
		if got := h.Get("Ce-Kafkaheaderx"); got != c.sent {
			t.Errorf("%q is sent as %q", c.header, got)
		}
		for namespace, want := range map[string]string{"kafkaml": c.knative, "": c.other} {
			h.Del(headerNamespace)
			if namespace != "" {
				h.Set(headerNamespace, namespace)
			}
			e, err := Read(t.Context(), h, io.NopCloser(strings.NewReader("")))
			if err != nil || e.Extensions()["kafkaheaderx"] != want {
				t.Errorf("%q from %q: %v, %v", c.header, namespace, e.Extensions()["kafkaheaderx"], err)
			}
		}
	}
}

// A topic stands behind the source of a record only, not in that of an event
// that a record was.
func TestTopicOfARecord(t *testing.T) {
	plain := record([]byte("k"), []byte("v"))
	event := record([]byte("k"), []byte("v"), stream.Header{Key: "ce_specversion", Value: []byte("1.0")}, stream.Header{Key: "ce_id", Value: []byte("i")},
		stream.Header{Key: "ce_type", Value: []byte("com.example.thing")}, stream.Header{Key: "ce_source", Value: []byte("/plant#line-3")})
	passedOn := record([]byte("k"), []byte("v"), stream.Header{Key: "ce_specversion", Value: []byte("1.0")}, stream.Header{Key: "ce_id", Value: []byte("partition:0/offset:7")},
		stream.Header{Key: "ce_type", Value: []byte(KafkaRecord)}, stream.Header{Key: "ce_source", Value: []byte("/apis/v1/namespaces/n/kafkasources/s#another")})
	for name, c := range map[string]struct {
		r    stream.Record
		want string
	}{"a record": {plain, "t"}, "an event": {event, ""}, "a record of a KafkaSource that was written to this topic": {passedOn, ""}} {
		e, err := Read(t.Context(), fromKnative(t, c.r), io.NopCloser(bytes.NewReader(c.r.Value)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := RecordOf(e); err != nil || got.Topic != c.want || got.Partition != 2 || got.Offset != 42 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzReadRecord(f *testing.F) {
	f.Add("Ce-Source", "http://%zz", "text/plain", []byte("v"))
	f.Add("Ce-Time", "x", "application/cloudevents+json", []byte("{"))
	f.Add("Ce-Knativekafkaoffset", "-1", "", []byte(nil))
	f.Fuzz(func(t *testing.T, name, value, contentType string, body []byte) {
		h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Type": {KafkaRecord}, "Ce-Id": {"i"}, "Ce-Source": {"/s"}, "Content-Type": {contentType}}
		if len(name) > 0 && name != "Ce-Specversion" && name != "Ce-Type" {
			h[name] = []string{value}
		}
		e, err := Read(t.Context(), h, io.NopCloser(bytes.NewReader(body)))
		if err != nil || !bytes.Equal(e.Data(), body) {
			t.Errorf("%s, %v", e, err)
		}
	})
}
