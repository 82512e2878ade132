package api

import (
	"encoding/json"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Topic is a kind of topic.
type Topic string

// The topics of the contract.
const (
	ControlTopic    Topic = "control"
	DataTopic       Topic = "training-records"
	InputTopic      Topic = "input"
	OutputTopic     Topic = "predictions"
	DeadLetterTopic Topic = "dead-letters"
)

// controlTopic is the address of ControlTopic, which CONTROL_TOPIC may change.
const controlTopic = "KAFKA_ML_CONTROL_TOPIC"

// ControlMessage is the value of a record of the control topic, as it is
// written now; older forms and members that it does not name are read, too.
type ControlMessage struct {
	Deployment     int64           `json:"deployment_id,omitempty" minimum:"1" example:"1" description:"deployment to train; the key may name it instead"`
	Topic          string          `json:"topic" example:"points:0:0:50" description:"topic:partition:offset:length, one for each range, with commas between"`
	Format         pipeline.Format `json:"input_format" example:"RAW"`
	Config         json.RawMessage `json:"input_config,omitempty" types:"object,string,null" description:"members of the format: data_type, data_reshape, label_type, label_reshape for RAW"`
	ValidationRate float64         `json:"validation_rate,omitempty" minimum:"0" maximum:"1" example:"0.1"`
	TestRate       float64         `json:"test_rate,omitempty" minimum:"0" maximum:"1"`
	Total          int64           `json:"total_msg,omitempty" minimum:"0" example:"50"`
	Description    string          `json:"description,omitempty"`
	Shuffle        bool            `json:"shuffle,omitempty" description:"once, before the split, by seed"`
	Seed           int64           `json:"seed,omitempty"`
	Order          string          `json:"order,omitempty" enum:"time,partition" description:"how several partitions are read (default: time)"`
}

// topic says what is on a Topic.
type topic struct {
	address string // a {parameter} where a person names the topic
	named   string // where that name stands
	about   string // one sentence
	record  string // name of one record
	key     string
	headers object
	value   any    // its type gives the schema of the value; nil for bytes
	bytes   string // what the bytes are
	example object // headers, and payload where the value has no tags
}

var topics = map[Topic]topic{
	ControlTopic: {
		address: controlTopic, record: "control message", value: ControlMessage{},
		about:   "Announces a stream: where it lies in the log, in which format, how to split it and which deployment is to train on it.",
		key:     "the deployment's id, as big-endian bytes or decimal text; deployment_id in the value wins",
		example: object{"payload": object{"input_config": object{"data_type": "float32", "data_reshape": "2", "label_type": "float32", "label_reshape": ""}}},
	},
	DataTopic: {
		address: "{data_topic}", named: "topic of the control message", record: "training record",
		about: "Records to train on: the value is the sample, the key its label.", bytes: "in the format that the control message names",
	},
	InputTopic: {
		address: "{input_topic}", named: "input_topic of the inference", record: "record to predict",
		about: "Records to predict: key and headers are carried to the prediction.", bytes: "in the format of the inference",
		headers: headers(false, pipeline.HeaderSent, "when it was sent, in nanoseconds since 1970, to be timed"),
		example: object{"headers": object{pipeline.HeaderSent: "1700000000000000000"}, "payload": "bytes"},
	},
	OutputTopic: {
		address: "{output_topic}", named: "output_topic of the inference", record: "prediction", value: eventing.Prediction{},
		about: "What the model says of each record, with the key and headers of the record.", key: "that of the record",
		headers: headers(
			true, "ce_specversion", "1.0", "ce_id", "the same each time a record is predicted", "ce_source", "the inference", "ce_type", eventing.PredictionMade,
		),
		example: object{
			"headers": object{"ce_specversion": "1.0", "ce_id": "1:digits:0:0", "ce_source": "/kafkaml/predict", "ce_type": eventing.PredictionMade},
			"payload": object{"values": []float64{0.1, 0.9}},
		},
	},
	DeadLetterTopic: {
		address: "{dead_letter_topic}", named: "dead_letter_topic of the inference, " + pipeline.DeadLetterTopic("<input topic>") + " unless named",
		record: "dead letter", about: "Records that could not be predicted, with their key and headers and why.", bytes: "the value of the record",
		headers: headers(
			true, pipeline.HeaderError, "why, for a person", pipeline.HeaderSourceTopic, "where the record came from",
			pipeline.HeaderSourcePartition, "as decimal text", pipeline.HeaderSourceOffset, "as decimal text",
		),
		example: object{
			"headers": object{
				pipeline.HeaderError: "has 3 bytes, want 784", pipeline.HeaderSourceTopic: "digits",
				pipeline.HeaderSourcePartition: "0", pipeline.HeaderSourceOffset: "17",
			},
			"payload": "bytes",
		},
	},
}

// headers is the schema of headers that are text: names, each with what it is.
func headers(required bool, named ...string) object {
	properties, names := object{}, []string{}
	for i := 0; i < len(named); i += 2 {
		properties[named[i]] = object{"type": "string", "description": named[i+1]}
		names = append(names, named[i])
	}
	s := object{"type": "object", "properties": properties}
	if required {
		s["required"] = names
	}
	return s
}
