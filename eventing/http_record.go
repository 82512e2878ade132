package eventing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// headerNamespace says that Knative's data plane sent a request. It writes the
// values of attributes as they are: what looks like percent-encoding is the
// record's own, and what is not ASCII comes in Latin-1.
const headerNamespace = "Kn-Namespace"

// IsRecord reports whether e carries a Kafka record, also one that was a
// CloudEvent and keeps its type: the extensions of KafkaSource or func-go show
// it.
func IsRecord(e event.Event) bool {
	if e.Type() == KafkaRecord {
		return true
	}
	x := e.Extensions()
	return x["knativekafkaoffset"] != nil || x["kafkaoffset"] != nil
}

// FromSource reports whether a request says that Knative's data plane sent it,
// which tries again what is answered 503 and lets go what is refused.
func FromSource(h http.Header) bool { return h.Get(headerNamespace) != "" }

// HasHeaders reports whether an event's record has headers, which may not be as
// they are in the log, or was a CloudEvent, whose key KafkaSource leaves out.
func HasHeaders(e event.Event) bool {
	if e.Type() != KafkaRecord || e.DataContentType() != "" {
		return true
	}
	for name := range e.Extensions() {
		if strings.HasPrefix(name, "kafkaheader") {
			return true
		}
	}
	return false
}

// carriesRecord is IsRecord of a request in binary mode.
func carriesRecord(h http.Header) bool {
	return h.Get("Ce-Specversion") != "" &&
		(h.Get("Ce-Type") == KafkaRecord || h.Get("Ce-Knativekafkaoffset") != "" || h.Get("Ce-Kafkaoffset") != "")
}

// readRecord reads an event that carries a Kafka record. It refuses nothing that
// comes from the record: the sender would not try again, and the record were
// lost. Attributes that the record spoils are left out, or replaced by those
// that KafkaSource gives to a record that is no CloudEvent.
func readRecord(h http.Header, body io.Reader) (event.Event, error) {
	data, err := readAll(body)
	if err != nil {
		return event.Event{}, notAnEvent(err)
	}
	decode := percentDecoded
	if h.Get(headerNamespace) != "" {
		decode = latin1Decoded
	}
	e := event.New()
	for name, values := range h {
		if attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-"); ok && len(values) > 0 && sound(attribute, values[0]) {
			setAttribute(&e, attribute, decode(values[0]))
		}
	}
	if ct := h.Get("Content-Type"); isMediaType([]byte(ct)) {
		e.SetDataContentType(ct)
	}
	e.DataEncoded, e.DataBase64 = data, true
	complete(&e)
	if err := e.Validate(); err != nil {
		return event.Event{}, notAnEvent(err)
	}
	return e, nil
}

// Whole is a body that has been read already, and is not written to any more.
type Whole interface {
	Whole() ([]byte, error)
}

func readAll(body io.Reader) ([]byte, error) {
	if b, ok := body.(Whole); ok {
		return b.Whole()
	}
	return io.ReadAll(body)
}

// sound reports whether an attribute is one that an event can have.
func sound(attribute, value string) bool {
	switch attribute {
	case "", "data", "datacontenttype":
		return false
	case "source":
		return types.ParseURIRef(value) != nil
	case "dataschema":
		u, err := url.Parse(value)
		return err == nil && u.IsAbs()
	}
	return value != ""
}

// complete gives an event of a record the attributes that every event has.
func complete(e *event.Event) {
	x := e.Extensions()
	if e.ID() == "" {
		e.SetID(recordID(text(x["knativekafkapartition"]), text(x["knativekafkaoffset"])))
	}
	if e.Source() == "" {
		e.SetSource("/kafka")
	}
	if e.Type() == "" {
		e.SetType(KafkaRecord)
	}
}

// recordID is the id that KafkaSource gives to a record.
func recordID(partition, offset string) string {
	return "partition:" + partition + "/offset:" + offset
}

// percentDecoded undoes escape. A value that does not decode was never encoded.
func percentDecoded(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	d, err := url.PathUnescape(s)
	if err != nil {
		return s
	}
	return d
}

// latin1Decoded reads bytes as Latin-1 unless they are UTF-8.
func latin1Decoded(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// latin1 writes text as KafkaSource's HTTP client does: a character beyond
// Latin-1 becomes a question mark.
func latin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			r = '?'
		}
		b = append(b, byte(r)) // #nosec G115 -- bounded
	}
	return string(b)
}

// maxHeaders is what the attributes of an event may take in a request, in bytes:
// servers of Go refuse more than a mebibyte of headers.
const maxHeaders = 1<<20 - 4<<10

// newRecordRequest is a POST of an event that carries a record, as KafkaSource
// sends it: nothing is encoded, and any content type of the record is passed on.
func newRecordRequest(ctx context.Context, url, namespace string, e event.Event, contentType string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(e.Data()))
	if err != nil {
		return nil, &pipeline.Error{Op: "send event", Kind: pipeline.Invalid, Err: err}
	}
	writeAttributes(req.Header, e, latin1)
	size := 0
	for name, values := range req.Header {
		size += len(name) + len(values[0]) + 4
	}
	if size > maxHeaders {
		return nil, &pipeline.Error{
			Op: "send event", Kind: pipeline.Invalid, Reason: fmt.Sprintf("the headers take %d bytes, more than the %d that a request carries", size, maxHeaders),
		}
	}
	req.Header.Set(headerNamespace, namespace)
	if contentType != "" {
		req.Header.Set("Content-Type", latin1(contentType))
	}
	for name, values := range req.Header {
		for i := range len(values[0]) {
			if c := values[0][i]; c < ' ' && c != '\t' || c == 0x7f {
				return nil, &pipeline.Error{
					Op: "send event", Kind: pipeline.Invalid, Reason: fmt.Sprintf("%s holds the control character %q, which HTTP does not carry", name, c),
				}
			}
		}
	}
	return req, nil
}
