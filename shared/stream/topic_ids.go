package stream

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TopicIDs gives the ids of those topics that exist, as Kafka writes them: a
// topic that is deleted and made again has another one. Brokers before 2.8 have
// none; then the ids are empty.
func (c *Cluster) TopicIDs(ctx context.Context, topics ...string) (map[string]string, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	var ids map[string]string
	err := persistFor(ctx, leaderTime, func() error {
		answer, err := c.transport.RoundTrip(ctx, c.client.Addr, &topicIDRequest{topics: topics})
		if err != nil {
			return err
		}
		ids = answer.(topicIDAnswer)
		return nil
	}, passing)
	return ids, unavailable("look up the ids of topics", err)
}

// SameTopics refuses a stream whose topic was made anew since: ids are those of
// its topics when it was announced. What has no id is not compared.
func (c *Cluster) SameTopics(ctx context.Context, ids map[string]string) error {
	now, err := c.TopicIDs(ctx, slices.Sorted(maps.Keys(ids))...)
	if err != nil {
		return err
	}
	for _, topic := range slices.Sorted(maps.Keys(ids)) {
		if was, is := ids[topic], now[topic]; madeAnew(was, is) {
			return &pipeline.Error{
				Op: opRead, Kind: pipeline.Conflict, Field: "topic",
				Reason: fmt.Sprintf("topic %s was made anew: the stream lay in the one with the id %s, that of today has the id %s", topic, was, is),
				Hint:   "send the stream again",
			}
		}
	}
	return nil
}

// madeAnew reports whether a topic that had one id and has another now is not
// the same. A topic that is not there, or whose broker has no ids, is not told.
func madeAnew(was, is string) bool { return was != "" && is != "" && was != is }

// topicIDRequest asks for the ids of topics, by a version of the protocol's
// Metadata that the library does not speak.
type topicIDRequest struct{ topics []string }

type topicIDAnswer map[string]string

// ApiKey says which request it is.
func (*topicIDRequest) ApiKey() protocol.ApiKey { return protocol.Metadata }

// ApiKey says which answer it is.
func (topicIDAnswer) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required has the library call RawExchange.
func (*topicIDRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange asks the broker whether it knows ids, since it would close the
// connection on a version that it does not speak, and then for the ids.
func (r *topicIDRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	const withIDs = 10
	ids := topicIDAnswer{}
	var known kmsg.ApiVersionsResponse
	if err := exchange(rw, kmsg.NewPtrApiVersionsRequest(), &known); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(known.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool {
		return k.ApiKey == int16(protocol.Metadata) && k.MaxVersion >= withIDs
	}) {
		return ids, nil
	}
	request := kmsg.NewPtrMetadataRequest()
	request.Version = withIDs
	for _, name := range r.topics {
		request.Topics = append(request.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	answer := kmsg.MetadataResponse{Version: withIDs}
	if err := exchange(rw, request, &answer); err != nil {
		return nil, err
	}
	for _, t := range answer.Topics {
		switch {
		case t.ErrorCode == int16(kafka.UnknownTopicOrPartition) || t.Topic == nil:
		case t.ErrorCode != 0:
			return nil, kafka.Error(t.ErrorCode)
		case t.TopicID != [16]byte{}:
			ids[*t.Topic] = base64.RawURLEncoding.EncodeToString(t.TopicID[:])
		}
	}
	return ids, nil
}

// exchange writes a request and reads its answer.
func exchange(rw io.ReadWriter, request kmsg.Request, answer kmsg.Response) error {
	format := kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID))
	if _, err := rw.Write(format.AppendRequest(nil, request, correlation)); err != nil {
		return err
	}
	var prefix [4]byte
	if _, err := io.ReadFull(rw, prefix[:]); err != nil {
		return err
	}
	const largest = 64 << 20
	size := binary.BigEndian.Uint32(prefix[:])
	if size < 4 || size > largest {
		return fmt.Errorf("an answer of %d bytes to a look-up", size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(rw, body); err != nil {
		return err
	}
	c := cursor{rest: body}
	number := c.int32()
	if answer.IsFlexible() && answer.Key() != int16(protocol.ApiVersions) {
		c.skip(1) // no tags
	}
	if c.short || number != correlation {
		return fmt.Errorf("an answer of %d bytes that is none to this look-up", size)
	}
	return answer.ReadFrom(c.rest)
}
