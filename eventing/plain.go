package eventing

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// Plain is a record that came as KafkaSource sends one without headers, and what
// else its event says.
type Plain struct {
	stream.Record
	Subject string
	Token   string // TokenExtension
}

// ReadPlain reads of a request with such a record what Read and RecordOf read of it,
// at a fifth of their cost: no event is made. ok is false for any other
// request, also for one that is not in every detail what KafkaSource sends.
func ReadPlain(h http.Header, value []byte) (p Plain, ok bool) {
	if h.Get(headerNamespace) == "" || h.Get("Ce-Type") != KafkaRecord || h.Get("Ce-Specversion") != "1.0" || h["Content-Type"] != nil {
		return p, false
	}
	p.Value = value
	var id, source, partition, offset string
	for name, values := range h {
		if len(name) < 3 || !strings.EqualFold(name[:3], "Ce-") {
			continue
		}
		v := values[0]
		if len(values) != 1 || v == "" || v != strings.TrimSpace(v) || strings.ContainsFunc(v, unusual) {
			return p, false
		}
		switch name {
		case "Ce-Specversion", "Ce-Type", "Ce-Partitionkey":
		case "Ce-Id":
			id = v
		case "Ce-Source":
			source = v
		case "Ce-Subject":
			p.Subject = v
		case "Ce-Time":
			t, err := types.ParseTime(v)
			if err != nil {
				return p, false
			}
			p.Time = t
		case "Ce-Key":
			p.Key = keyBytes(v)
		case "Ce-Knativekafkapartition":
			partition = v
		case "Ce-Knativekafkaoffset":
			offset = v
		case "Ce-Kafkamltoken":
			p.Token = v
		default:
			return p, false
		}
	}
	if id != recordID(partition, offset) || setPlace(&p.Record, "", partition, "", offset) != nil {
		return p, false
	}
	p.Topic, ok = topicBehind(source)
	return p, ok
}

// unusual reports whether a character is not printable ASCII.
func unusual(c rune) bool { return c < ' ' || c > '~' }

// topicBehind is the topic in the source of a record, where that is written with
// characters that a URL leaves as they are.
func topicBehind(source string) (topic string, ok bool) {
	name, topic, ok := strings.Cut(source, "#")
	name, kafka := strings.CutPrefix(name, sourcePrefix)
	odd := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' && c != '/'
	}
	return topic, ok && kafka && topic != "" && !strings.ContainsFunc(name, odd) && !strings.ContainsFunc(topic, odd)
}

// ofAll are the headers of all records that x sends plainly; "" where it sends none so.
func (x *deliverer) ofAll() string {
	_, ok := topicBehind(x.name + "#topic")
	if !ok || x.keyType != KeyByteArray {
		return ""
	}
	var b strings.Builder
	line := func(name, value string) {
		ok = ok && value != "" && value == strings.TrimSpace(value) && !strings.ContainsFunc(value, unusual)
		b.WriteString(name + ": " + value + "\r\n")
	}
	line("Ce-Specversion", event.CloudEventsVersionV1)
	line("Ce-Type", KafkaRecord)
	line(headerNamespace, x.namespace)
	if x.token != "" {
		line("Authorization", "Bearer "+x.token)
	}
	own := event.New()
	for name, value := range x.overrides {
		own.SetExtension(name, value)
		ok = ok && own.Extensions()[name] == value && !slices.Contains([]string{"key", "partitionkey", "knativekafkapartition", "knativekafkaoffset"}, name)
		line(headerOf(name), value)
	}
	if !ok {
		return ""
	}
	return b.String()
}

// plainly is r where it is sent without making an event of it, else nil.
func (x *deliverer) plainly(r *stream.Record) *stream.Record {
	const mostKey = 64 << 10 // far from what headers may take
	if x.fixed == "" || len(r.Headers) > 0 || r.Time.IsZero() || len(r.Key) > mostKey {
		return nil
	}
	return r
}

// appendRecordID appends recordID.
func appendRecordID(b []byte, partition, offset int64) []byte {
	b = strconv.AppendInt(append(b, "partition:"...), partition, 10)
	return strconv.AppendInt(append(b, "/offset:"...), offset, 10)
}

// appendSubject appends the subject that KafkaSource gives to a record.
func appendSubject(b []byte, partition, offset int64) []byte {
	b = strconv.AppendInt(append(b, "partition:"...), partition, 10)
	return strconv.AppendInt(append(b, '#'), offset, 10)
}

// appendPlain is appendRequest of what plainly gives.
func (x *deliverer) appendPlain(b []byte, to *endpoint, r *stream.Record) []byte {
	const line = "\r\n"
	b = append(append(append(b, "POST "...), to.target...), " HTTP/1.1\r\nHost: "...)
	b = append(append(append(b, to.host...), line...), x.fixed...)
	partition, offset := int64(r.Partition), r.Offset
	b = strconv.AppendInt(append(b, "Ce-Knativekafkapartition: "...), partition, 10)
	b = strconv.AppendInt(append(b, "\r\nCe-Knativekafkaoffset: "...), offset, 10)
	b = appendRecordID(append(b, "\r\nCe-Id: "...), partition, offset)
	b = appendSubject(append(b, "\r\nCe-Subject: "...), partition, offset)
	b = append(append(append(append(b, "\r\nCe-Source: "...), x.name...), '#'), r.Topic...)
	b = r.Time.UTC().AppendFormat(append(b, "\r\nCe-Time: "...), time.RFC3339Nano)
	if len(r.Key) > 0 {
		b = base64.StdEncoding.AppendEncode(append(b, "\r\nCe-Key: "...), r.Key)
		b = base64.StdEncoding.AppendEncode(append(b, "\r\nCe-Partitionkey: "...), r.Key)
	}
	b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(len(r.Value)), 10)
	return append(b, "\r\n\r\n"...)
}

var (
	version = []string{event.CloudEventsVersionV1}
	asJSON  = []string{event.ApplicationJSON}
)

// WriteNew is WriteHeader of an event that is made now and holds JSON.
func WriteNew(h http.Header, typ, source, id, subject string) {
	own := []string{escape(typ), escape(source), escape(id), types.FormatTime(time.Now()), escape(subject)}
	h["Ce-Specversion"], h["Content-Type"] = version, asJSON
	h["Ce-Type"], h["Ce-Source"], h["Ce-Id"], h["Ce-Time"] = own[0:1:1], own[1:2:2], own[2:3:3], own[3:4:4]
	if subject != "" {
		h["Ce-Subject"] = own[4:5:5]
	}
}
