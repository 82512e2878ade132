package eventing

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/protofield"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// BatchType is the content type of several events in one request: the batched mode of
// CloudEvents' HTTP binding in their Protobuf format,
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/protobuf-format.md.
// A sink says in the header Accept-Post of an answer that it takes them.
const BatchType = "application/cloudevents-batch+protobuf"

// MostBatched is how many events a batch may hold.
const MostBatched = 64

// The numbers of the format's fields.
const (
	batchEvents = 1

	eventID         = 1
	eventSource     = 2
	eventVersion    = 3
	eventType       = 4
	eventAttributes = 5
	eventBinary     = 6
	eventText       = 7
	eventMessage    = 8

	entryName  = 1
	entryValue = 2

	attributeInteger   = 2
	attributeString    = 3
	attributeBytes     = 4
	attributeTimestamp = 7

	timestampSeconds = 1
	timestampNanos   = 2
)

var batchTypes = []string{BatchType}

// OfferBatches says in an answer that batches are taken.
func OfferBatches(h http.Header) { h["Accept-Post"] = batchTypes }

// offersBatches reports whether a value of Accept-Post has BatchType in it.
func offersBatches(accepted string) bool { return strings.Contains(accepted, BatchType) }

// ReadBatch reads the body of a request of BatchType, of records as ReadPlain takes
// them, whose values stay in it. The error is Invalid and names the event at fault.
func ReadBatch(body []byte) (records []Plain, err error) {
	err = protofield.Each(body, func(f protofield.Field) error {
		if f.Number != batchEvents {
			return nil
		}
		if len(records) == MostBatched {
			return fmt.Errorf("holds more than %d events", MostBatched)
		}
		var p Plain
		if err := p.read(f.Bytes); err != nil {
			return fmt.Errorf("event %d: %w", len(records), err)
		}
		records = append(records, p)
		return nil
	})
	if err != nil {
		return nil, &pipeline.Error{
			Op: "read events", Kind: pipeline.Invalid, Field: "data", Reason: "is no batch of records: " + err.Error(), Err: err,
			Hint: "send such an event alone; a batch holds records of a KafkaSource that have no headers",
		}
	}
	return records, nil
}

// read reads an event.
func (p *Plain) read(message []byte) error {
	var id, source, version, typ, partition, offset string
	err := protofield.Each(message, func(f protofield.Field) error {
		switch f.Number {
		case eventID:
			id = string(f.Bytes)
		case eventSource:
			source = string(f.Bytes)
		case eventVersion:
			version = string(f.Bytes)
		case eventType:
			typ = string(f.Bytes)
		case eventBinary:
			p.Value = f.Bytes
		case eventText, eventMessage:
			return errors.New("its data is not binary")
		case eventAttributes:
			return p.readAttribute(f.Bytes, &partition, &offset)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var ok bool
	p.Topic, ok = topicBehind(source)
	if !ok || version != event.CloudEventsVersionV1 || typ != KafkaRecord || id != recordID(partition, offset) {
		return fmt.Errorf("id %q of type %q and source %q is not that of a record of a KafkaSource", id, typ, source)
	}
	return setPlace(&p.Record, "", partition, "", offset)
}

func (p *Plain) readAttribute(entry []byte, partition, offset *string) error {
	var name string
	var v attributeValue
	err := protofield.Each(entry, func(f protofield.Field) error {
		switch f.Number {
		case entryName:
			name = string(f.Bytes)
		case entryValue:
			return v.read(f.Bytes)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("attribute %q: %w", name, err)
	}
	switch name {
	case "subject", "partitionkey":
	case "time":
		p.Time = v.time
		if v.text != "" {
			p.Time, err = types.ParseTime(v.text)
		}
	case "key":
		p.Key = v.bytes
		if v.bytes == nil {
			p.Key = keyBytes(v.text)
		}
	case "knativekafkapartition":
		*partition = v.text
	case "knativekafkaoffset":
		*offset = v.text
	case TokenExtension:
		p.Token = v.text
	default:
		err = fmt.Errorf("attribute %q is none of a record without headers", name)
	}
	return err
}

// attributeValue is the value of one.
type attributeValue struct {
	text  string
	bytes []byte
	time  time.Time
}

func (a *attributeValue) read(message []byte) error {
	return protofield.Each(message, func(f protofield.Field) error {
		switch f.Number {
		case attributeInteger:
			a.text = strconv.FormatInt(int64(int32(f.Value)), 10) // #nosec G115 -- the format's integers have 32 bits
		case attributeString:
			a.text = string(f.Bytes)
		case attributeBytes:
			a.bytes = f.Bytes
		case attributeTimestamp:
			var at timestamppb.Timestamp
			err := protofield.Each(f.Bytes, func(f protofield.Field) error {
				switch f.Number {
				case timestampSeconds:
					at.Seconds = int64(f.Value) // #nosec G115 -- two's complement
				case timestampNanos:
					at.Nanos = int32(f.Value) // #nosec G115 -- likewise
				}
				return nil
			})
			if err == nil {
				err = at.CheckValid()
			}
			a.time = at.AsTime()
			return err
		}
		return nil
	})
}

// appendText appends a field of text.
func appendText[T string | []byte](b []byte, number protowire.Number, text T) []byte {
	b = protowire.AppendVarint(protowire.AppendTag(b, number, protowire.BytesType), uint64(len(text)))
	return append(b, text...)
}

// appendAttribute appends an attribute whose value is the field of that number.
func appendAttribute[T string | []byte](b []byte, name string, number protowire.Number, value T) []byte {
	of := func(n int) int { return protowire.SizeTag(1) + protowire.SizeBytes(n) } // all numbers here have a tag of one byte
	inner := of(len(value))
	b = protowire.AppendTag(b, eventAttributes, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(of(len(name))+of(inner))) // #nosec G115 -- lengths
	b = appendText(b, entryName, name)
	b = protowire.AppendTag(b, entryValue, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(inner)) // #nosec G115 -- likewise
	return appendText(b, number, value)
}

// appendBatch appends records that go plainly, as ReadBatch reads them.
func (x *deliverer) appendBatch(b []byte, records []stream.Record) []byte {
	var memory, small [256]byte
	e := memory[:0]
	for i := range records {
		e = x.appendEvent(e[:0], small[:0], &records[i])
		b = appendText(b, batchEvents, e)
	}
	return b
}

// appendEvent appends the event of a record; small is memory for parts of it.
func (x *deliverer) appendEvent(b, small []byte, r *stream.Record) []byte {
	partition, offset := int64(r.Partition), r.Offset
	b = appendText(b, eventID, appendRecordID(small, partition, offset))
	small = append(append(append(small[:0], x.name...), '#'), r.Topic...)
	b = appendText(b, eventSource, small)
	b = appendText(b, eventVersion, event.CloudEventsVersionV1)
	b = appendText(b, eventType, KafkaRecord)
	b = appendAttribute(b, "subject", attributeString, appendSubject(small[:0], partition, offset))
	b = appendAttribute(b, "knativekafkapartition", attributeString, strconv.AppendInt(small[:0], partition, 10))
	b = appendAttribute(b, "knativekafkaoffset", attributeString, strconv.AppendInt(small[:0], offset, 10))
	small = protowire.AppendVarint(protowire.AppendTag(small[:0], timestampSeconds, protowire.VarintType), uint64(r.Time.Unix()))         // #nosec G115 -- two's complement
	small = protowire.AppendVarint(protowire.AppendTag(small, timestampNanos, protowire.VarintType), uint64(uint32(r.Time.Nanosecond()))) // #nosec G115 -- below 10^9
	b = appendAttribute(b, "time", attributeTimestamp, small)
	if len(r.Key) > 0 {
		b = appendAttribute(b, "key", attributeBytes, r.Key)
		b = appendAttribute(b, "partitionkey", attributeBytes, r.Key)
	}
	for name, value := range x.overrides {
		b = appendAttribute(b, name, attributeString, value)
	}
	return appendText(b, eventBinary, r.Value)
}

// batchHead is the header of a request with a batch of that many bytes.
func (x *deliverer) batchHead(to *endpoint, size int) []byte {
	b := make([]byte, 0, 512)
	b = append(append(append(append(b, "POST "...), to.target...), " HTTP/1.1\r\nHost: "...), to.host...)
	b = append(append(b, "\r\nContent-Type: "+BatchType+"\r\n"+headerNamespace+": "...), x.namespace...)
	if x.token != "" {
		b = append(append(b, "\r\nAuthorization: Bearer "...), x.token...)
	}
	b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(size), 10)
	return append(b, "\r\n\r\n"...)
}
