package eventing

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"mime"
	"strconv"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// The values of the label kafkasources.sources.knative.dev/key-type: how
// KafkaSource writes a record's key into the event. String is its default.
const (
	KeyString    = "string"
	KeyInt       = "int"
	KeyFloat     = "float"
	KeyByteArray = "byte-array"
)

// FromRecord makes the event that KafkaSource makes of a record: source names
// the KafkaSource (SourceName), keyType is one of the Key constants. A record
// that already is a CloudEvent in binary mode keeps its attributes. A key that
// is not of keyType goes as a string, so that the record is not lost.
func FromRecord(r stream.Record, source, keyType string) event.Event {
	e, ok := fromHeaders(r)
	if !ok {
		e = wrap(r, source)
		setKey(&e, r.Key, keyType)
	}
	e.SetExtension("knativekafkapartition", strconv.Itoa(r.Partition))
	e.SetExtension("knativekafkaoffset", strconv.FormatInt(r.Offset, 10))
	return e
}

const sourcePrefix = "/apis/v1/namespaces/"

// SourceName is the source attribute of the events of a KafkaSource, without
// the topic that FromRecord adds.
func SourceName(namespace, name string) string {
	return sourcePrefix + namespace + "/kafkasources/" + name
}

func wrap(r stream.Record, source string) event.Event {
	e := event.New()
	e.SetID(recordID(strconv.Itoa(r.Partition), strconv.FormatInt(r.Offset, 10)))
	e.SetSource(source + "#" + r.Topic)
	e.SetSubject(fmt.Sprintf("partition:%d#%d", r.Partition, r.Offset))
	e.SetType(KafkaRecord)
	e.SetTime(r.Time.UTC())
	for _, h := range r.Headers {
		if strings.EqualFold(h.Key, "content-type") {
			if isMediaType(h.Value) {
				e.SetDataContentType(string(h.Value))
			}
			continue
		}
		e.SetExtension("kafkaheader"+extensionName(h.Key), strings.ToValidUTF8(string(h.Value), "\uFFFD"))
	}
	e.DataEncoded = r.Value
	e.DataBase64 = true
	return e
}

// isMediaType reports whether a record's header may become the Content-Type of an
// event in binary mode.
func isMediaType(v []byte) bool {
	for _, c := range v {
		if c < ' ' || c > '~' {
			return false
		}
	}
	media, _, err := mime.ParseMediaType(string(v))
	return err == nil && !strings.HasPrefix(media, "application/cloudevents")
}

// setKey writes the extensions key and partitionkey.
func setKey(e *event.Event, key []byte, keyType string) {
	if key == nil {
		return
	}
	var v any = strings.ToValidUTF8(string(key), "\uFFFD")
	switch {
	case keyType == KeyByteArray:
		v = key
	case keyType == KeyInt && len(key) == 4:
		v = int32(binary.BigEndian.Uint32(key)) // #nosec G115 -- Kafka's IntegerSerializer: two's complement
	case keyType == KeyFloat && len(key) == 4:
		v = strconv.FormatFloat(float64(math.Float32frombits(binary.BigEndian.Uint32(key))), 'g', -1, 32)
	case keyType == KeyFloat && len(key) == 8:
		v = strconv.FormatFloat(math.Float64frombits(binary.BigEndian.Uint64(key)), 'g', -1, 64)
	}
	e.SetExtension("partitionkey", v)
	e.SetExtension("key", v)
}

// extensionName keeps of a header's name what an extension may hold.
func extensionName(header string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(header))
}

// fromHeaders reads a record in the binary or structured mode of CloudEvents'
// Kafka binding.
func fromHeaders(r stream.Record) (event.Event, bool) {
	h := make(map[string]string, len(r.Headers))
	for _, x := range r.Headers {
		h[strings.ToLower(x.Key)] = string(x.Value)
	}
	if media, _, err := mime.ParseMediaType(h["content-type"]); err == nil && media == event.ApplicationCloudEventsJSON {
		var e event.Event
		err := json.Unmarshal(r.Value, &e)
		return e, err == nil && e.Validate() == nil
	}
	if h["ce_specversion"] != event.CloudEventsVersionV1 || h["ce_id"] == "" || h["ce_type"] == "" || h["ce_source"] == "" {
		return event.Event{}, false
	}
	e := event.New()
	for k, v := range h {
		if name, ok := strings.CutPrefix(k, "ce_"); ok {
			setAttribute(&e, name, v)
		}
	}
	if ct := h["content-type"]; isMediaType([]byte(ct)) {
		e.SetDataContentType(ct)
	}
	e.DataEncoded = r.Value
	e.DataBase64 = true
	return e, e.Validate() == nil
}

func setAttribute(e *event.Event, name, value string) {
	switch name {
	case "specversion":
	case "id":
		e.SetID(value)
	case "type":
		e.SetType(value)
	case "source":
		e.SetSource(value)
	case "subject":
		e.SetSubject(value)
	case "dataschema":
		e.SetDataSchema(value)
	case "time":
		if t, err := types.ParseTime(value); err == nil {
			e.SetTime(t)
		}
	default:
		if extensionName(name) == name {
			e.SetExtension(name, value)
		}
	}
}

// RecordOf reads the record back out of an event: KafkaSource's envelope
// (subject partition:P#O, extensions key and kafkaheader*, key type
// byte-array) and func-go's (extensions kafkatopic, kafkapartition,
// kafkaoffset, kafkakey) alike. Header names come back lower-cased and without
// what an extension cannot hold. The key of an event that a KafkaSource with
// another key type made comes back as its text. Value is the event's own data,
// not a copy.
func RecordOf(e event.Event) (stream.Record, error) {
	r := stream.Record{Time: e.Time(), Value: e.Data()}
	x := e.Extensions()
	for name, v := range x {
		if h, ok := strings.CutPrefix(name, "kafkaheader"); ok && h != "" {
			r.Headers = append(r.Headers, stream.Header{Key: h, Value: []byte(text(v))})
		}
	}
	if ct := e.DataContentType(); ct != "" && e.Type() == KafkaRecord {
		r.Headers = append(r.Headers, stream.Header{Key: "content-type", Value: []byte(ct)})
	}
	if _, ok := x["kafkatopic"]; ok {
		return r, readFuncGo(&r, e)
	}
	return r, readKafkaSource(&r, e)
}

func readFuncGo(r *stream.Record, e event.Event) error {
	x := e.Extensions()
	r.Topic = text(x["kafkatopic"])
	if k, ok := x["kafkakey"]; ok {
		r.Key = []byte(text(k))
	}
	return setPlace(r, "kafkapartition", text(x["kafkapartition"]), "kafkaoffset", text(x["kafkaoffset"]))
}

func readKafkaSource(r *stream.Record, e event.Event) error {
	x := e.Extensions()
	if k, ok := x["key"]; ok {
		r.Key = keyBytes(k)
	}
	if p, o := text(x["knativekafkapartition"]), text(x["knativekafkaoffset"]); p != "" && o != "" {
		r.Topic = topicOf(e, p, o)
		return setPlace(r, "knativekafkapartition", p, "knativekafkaoffset", o)
	}
	p, o, ok := strings.Cut(strings.TrimPrefix(e.Subject(), "partition:"), "#")
	r.Topic = topicOf(e, p, o)
	if !ok {
		return pipeline.Invalidf("subject", "%q does not say partition:P#O", e.Subject()).
			WithHint("send the envelope of KafkaSource or of func-go")
	}
	return setPlace(r, "subject", p, "subject", o)
}

// topicOf is the topic that KafkaSource writes behind the source of a record; ""
// for a record that was a CloudEvent, whose source and id are its own.
func topicOf(e event.Event, partition, offset string) string {
	source, topic, ok := strings.Cut(e.Source(), "#")
	if !ok || e.Type() != KafkaRecord || e.ID() != recordID(partition, offset) || !strings.HasPrefix(source, sourcePrefix) {
		return ""
	}
	return topic
}

// setPlace sets partition and offset; the names say where their text stood.
func setPlace(r *stream.Record, pName, p, oName, o string) error {
	n, err := strconv.ParseInt(p, 10, 32)
	if err != nil || n < 0 {
		return pipeline.Invalidf(pName, "%q is not a partition", p)
	}
	r.Partition = int(n)
	if r.Offset, err = strconv.ParseInt(o, 10, 64); err != nil || r.Offset < 0 {
		return pipeline.Invalidf(oName, "%q is not an offset", o)
	}
	return nil
}

// keyBytes undoes the base64 in which CloudEvents write a binary extension.
func keyBytes(v any) []byte {
	if b, ok := v.([]byte); ok {
		return b
	}
	s := text(v)
	if b, err := base64.StdEncoding.Strict().DecodeString(s); err == nil {
		return b
	}
	return []byte(s)
}

// text is an extension's value as CloudEvents write it.
func text(v any) string {
	if v == nil {
		return ""
	}
	s, err := types.Format(v)
	if err != nil {
		return ""
	}
	return s
}
