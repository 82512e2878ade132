package eventing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// ErrMediaType is wrapped by Read where the content type is none that an event
// door takes; it becomes status 415.
var ErrMediaType = errors.New("unsupported media type")

// Read reads a CloudEvent in binary or structured mode from a request's or a
// response's header and body. The error is an Invalid pipeline.Error; one that
// wraps ErrMediaType tells a wrong content type apart, one that wraps
// *http.MaxBytesError a body that is too large.
//
// What carries a Kafka record is read whatever the record holds, see readRecord.
func Read(ctx context.Context, h http.Header, body io.ReadCloser) (event.Event, error) {
	if carriesRecord(h) {
		return readRecord(h, body)
	}
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	binary := h.Get("Ce-Specversion") != ""
	switch {
	case strings.HasPrefix(media, "application/cloudevents") && media != event.ApplicationCloudEventsJSON:
		return event.Event{}, mediaError(media, "send "+event.ApplicationCloudEventsJSON+", one event a request")
	case binary && err != nil && h.Get("Content-Type") != "":
		return event.Event{}, mediaError(h.Get("Content-Type"), "it does not parse as a media type")
	case !binary && media != event.ApplicationCloudEventsJSON:
		return event.Event{}, notAnEvent(errors.New("there is no ce-specversion header and the content type is not " + event.ApplicationCloudEventsJSON))
	}
	m := cehttp.NewMessage(h, body)
	e, err := binding.ToEvent(ctx, m)
	if err != nil {
		return event.Event{}, notAnEvent(err)
	}
	if binary && media != event.ApplicationCloudEventsJSON {
		unescape(e)
	}
	if err := e.Validate(); err != nil {
		return event.Event{}, notAnEvent(err)
	}
	return *e, nil
}

func mediaError(media, hint string) error {
	return &pipeline.Error{
		Op: "read event", Kind: pipeline.Invalid, Field: "content-type",
		Reason: media + " is not accepted here", Hint: hint, Err: ErrMediaType,
	}
}

func notAnEvent(err error) error {
	return &pipeline.Error{
		Op: "read event", Kind: pipeline.Invalid, Reason: "is not a CloudEvent: " + Flat(err),
		Hint: "set ce-specversion, ce-id, ce-type and ce-source, or send " + event.ApplicationCloudEventsJSON, Err: err,
	}
}

// NewRequest is a POST of e to url in binary mode, attributes percent-encoded
// as CloudEvents' HTTP binding asks, so that a record's header of any text
// passes.
func NewRequest(ctx context.Context, url string, e event.Event) (*http.Request, error) {
	if err := e.Validate(); err != nil {
		return nil, &pipeline.Error{Op: "send event", Kind: pipeline.Invalid, Reason: Flat(err), Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(e.Data()))
	if err != nil {
		return nil, &pipeline.Error{Op: "send event", Kind: pipeline.Invalid, Err: err}
	}
	WriteHeader(req.Header, e)
	return req, nil
}

// WriteHeader writes e's attributes in binary mode.
func WriteHeader(h http.Header, e event.Event) {
	attributes(e, func(name, value string) { h[headerOf(name)] = []string{escape(value)} })
	if ct := e.DataContentType(); ct != "" {
		h.Set("Content-Type", ct)
	}
}

// headerOf is the header of an attribute.
func headerOf(name string) string { return "Ce-" + strings.ToUpper(name[:1]) + name[1:] }

// attributes tells e's attributes, but for its content type.
func attributes(e event.Event, tell func(name, value string)) {
	set := func(name, value string) {
		if value != "" {
			tell(name, value)
		}
	}
	set("specversion", e.SpecVersion())
	set("id", e.ID())
	set("type", e.Type())
	set("source", e.Source())
	set("subject", e.Subject())
	set("dataschema", e.DataSchema())
	if !e.Time().IsZero() {
		set("time", text(e.Time()))
	}
	for name, v := range e.Extensions() {
		set(name, text(v))
	}
}

// Structured is e in the JSON format of CloudEvents.
func Structured(e event.Event) ([]byte, error) { return json.Marshal(e) }

const upperHex = "0123456789ABCDEF"

// escape percent-encodes space, quote, percent and all outside U+0021-U+007E
// (CloudEvents HTTP binding 1.0.2, 3.1.3.2).
func escape(s string) string {
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:i])
	for ; i < len(s); i++ {
		if plain(s[i]) {
			b.WriteByte(s[i])
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upperHex[s[i]>>4])
		b.WriteByte(upperHex[s[i]&15])
	}
	return b.String()
}

// unescape undoes escape on the attributes that hold free text. A value that
// does not decode was never encoded and is kept.
func unescape(e *event.Event) {
	decode := func(s string) (string, bool) {
		d := percentDecoded(s)
		return d, d != s
	}
	if s, ok := decode(e.ID()); ok {
		e.SetID(s)
	}
	if s, ok := decode(e.Subject()); ok {
		e.SetSubject(s)
	}
	for name, v := range e.Extensions() {
		if s, ok := v.(string); ok {
			if d, ok := decode(s); ok {
				e.SetExtension(name, d)
			}
		}
	}
}

// Flat puts an error of several lines on one.
func Flat(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
