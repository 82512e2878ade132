// Package control is the contract of the control topic: what a control message
// says of a training stream, how messages of every age are read and checked
// against the log, and the Sink that sends a stream and then its message.
package control

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Topic is the control topic unless one is configured.
const Topic = "KAFKA_ML_CONTROL_TOPIC"

// Message says where a stream lies in the log, in which format, how to
// split it, and which deployment it is for. A few tens of bytes of it train on
// the stream, and train again.
type Message struct {
	Deployment     int64
	Ranges         []pipeline.Range
	InputFormat    pipeline.Format
	InputConfig    json.RawMessage
	ValidationRate float64
	TestRate       float64
	Description    string
	Shuffle        bool // once, before the split, by Seed
	Seed           int64
	Order          pipeline.Order
	Split          pipeline.SplitBy
	Open           bool                       // the ranges have no end: for a deployment that follows streams
	Asked          *pipeline.Asked            // what the ranges were looked up by; nil where they were named
	Unlabelled     []pipeline.Range           // records without labels
	Extra          map[string]json.RawMessage // members the contract does not know, kept
}

// MessageFor is the control message that sends a datasource to a deployment
// again.
func MessageFor(d pipeline.Datasource, deployment int64) Message {
	return Message{
		Deployment: deployment, Ranges: d.Ranges, InputFormat: d.InputFormat, InputConfig: d.InputConfig,
		ValidationRate: d.ValidationRate, TestRate: d.TestRate, Description: d.Description,
		Shuffle: d.Shuffle, Seed: d.Seed, Order: d.Order, Split: d.Split, Asked: d.Asked, Extra: d.Extra,
		Unlabelled: d.Unlabelled(),
	}
}

// Total is the number of records of all ranges.
func (m Message) Total() int64 { return pipeline.Records(m.Ranges) }

// Encode writes the message as a record of the control topic. The key is the
// deployment's id in as few big-endian bytes as hold it, which the original's
// consumers read, too.
func (m Message) Encode() (key, value []byte, err error) {
	if m.Deployment < 1 {
		return nil, nil, pipeline.Invalidf("deployment_id", "%d is not the id of a deployment", m.Deployment)
	}
	members := map[string]any{}
	for name, v := range m.Extra {
		members[name] = v
	}
	config := m.InputConfig
	if len(config) == 0 {
		config = json.RawMessage("{}")
	}
	for name, v := range map[string]any{
		"deployment_id": m.Deployment, "topic": formatRanges(m.Ranges, m.Open), "total_msg": m.Total(),
		"input_format": m.InputFormat, "input_config": config,
		"validation_rate": m.ValidationRate, "test_rate": m.TestRate, "description": m.Description,
		"shuffle": m.Shuffle, "seed": m.Seed,
	} {
		members[name] = v
	}
	if m.Order != pipeline.OrderTime {
		members["order"] = m.Order
	}
	if m.Split != pipeline.SplitTime {
		members["split"] = m.Split
	}
	if len(m.Unlabelled) > 0 {
		members["unsupervised_topic"], members["unsupervised_msg"] = formatRanges(m.Unlabelled, false), pipeline.Records(m.Unlabelled)
	}
	if m.Asked != nil {
		members["asked"] = m.Asked
	}
	if value, err = json.Marshal(members); err != nil {
		return nil, nil, &pipeline.Error{Op: "write control message", Kind: pipeline.Invalid, Err: err}
	}
	return encodeID(m.Deployment), value, nil
}

func formatRanges(ranges []pipeline.Range, open bool) string {
	var entries []string
	for _, r := range ranges {
		if open {
			entries = append(entries, fmt.Sprintf("%s:%d:%d", r.Topic, r.Partition, r.Offset))
			continue
		}
		entries = append(entries, fmt.Sprintf("%s:%d:%d:%d", r.Topic, r.Partition, r.Offset, r.Length))
	}
	return strings.Join(entries, ",")
}

func encodeID(id int64) []byte {
	n := max(1, (bits.Len64(uint64(id))+7)/8)
	key := make([]byte, n)
	for i := range key {
		key[i] = byte(id >> (8 * (n - 1 - i)))
	}
	return key
}

// decodeID reads a control record's key: one byte is a number (the original's
// producers), several are decimal text where all are digits, else a big-endian
// number. Such text of digits can also be read as a number, which is why our
// own messages carry the id in their value, too.
func decodeID(key []byte) (int64, error) {
	const longest = 18 // decimal digits that cannot overflow
	text := len(key) > 1 && len(key) <= longest
	var decimal int64
	for _, c := range key {
		text = text && c >= '0' && c <= '9'
		decimal = 10*decimal + int64(c-'0')
	}
	if text {
		return decimal, nil
	}
	var id int64
	for _, c := range key {
		if id > (1<<63-1)>>8 {
			return 0, fmt.Errorf("key of %d bytes is no number", len(key))
		}
		id = id<<8 | int64(c)
	}
	return id, nil
}
