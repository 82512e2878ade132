package eventing

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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

// appendLatin1 writes text as KafkaSource's HTTP client does: a character beyond
// Latin-1 becomes a question mark.
func appendLatin1(b []byte, s string) []byte {
	for _, r := range s {
		if r > 0xff {
			r = '?'
		}
		b = append(b, byte(r)) // #nosec G115 -- bounded
	}
	return b
}

// maxHeaders is what the attributes of an event may take in a request, in bytes:
// servers of Go refuse more than a mebibyte of headers.
const maxHeaders = 1<<20 - 4<<10

// appendRequest writes the header of a POST of an event that carries a record, as
// KafkaSource sends it: nothing is encoded, and any content type of the record is
// passed on. token may be empty.
func appendRequest(b []byte, to *endpoint, namespace, token string, e parcel) ([]byte, error) {
	spoiled := ""
	line := func(name, value string) {
		from := len(b)
		b = appendLatin1(append(append(b, name...), ": "...), value)
		if i := slices.IndexFunc(b[from:], control); i >= 0 && spoiled == "" {
			spoiled = fmt.Sprintf("%s holds the control character %q, which HTTP does not carry", name, b[from+i])
		}
		b = append(b, "\r\n"...)
	}
	b = append(append(append(b, "POST "...), to.target...), " HTTP/1.1\r\n"...)
	line("Host", to.host)
	from := len(b)
	attributes(e.Event, func(name, value string) { line(headerOf(name), value) })
	if size := len(b) - from; size > maxHeaders {
		spoiled = fmt.Sprintf("the headers take %d bytes, more than the %d that a request carries", size, maxHeaders)
	}
	line(headerNamespace, namespace)
	if e.contentType != "" {
		line("Content-Type", e.contentType)
	}
	if token != "" {
		line("Authorization", "Bearer "+token)
	}
	if spoiled != "" {
		return b, &pipeline.Error{Op: "send event", Kind: pipeline.Invalid, Reason: spoiled}
	}
	b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(e.Data())), 10)
	return append(b, "\r\n\r\n"...), nil
}

func control(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }
