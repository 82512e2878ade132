package pipeline

import (
	"encoding/json"
	"time"
)

// Delivery is how records reach the predict function.
type Delivery string

// Source goes over KafkaSource and HTTP and scales by Knative; Direct makes
// each replica a member of the consumer group.
const (
	Source Delivery = "source"
	Direct Delivery = "direct"
)

// Enum lists the values for JSON Schema.
func (Delivery) Enum() []any { return values(Source, Direct) }

// InferenceForm is what a person gives of an inference. A name is unique and
// becomes inference-<id> unless given; MaxReplicas equals Replicas, with 1 at
// least, unless given; Delivery is Source, with a window Direct, unless given;
// format and config are those of the stream that the result was trained on unless
// given.
type InferenceForm struct {
	Name        string          `json:"name,omitempty" minLength:"1" maxLength:"128" arg:"NAME" description:"name of its predict function, unique (default: inference-<id>)"`
	Result      int64           `json:"result,omitempty" minimum:"1" refers:"result" example:"1" description:"finished result to serve"`
	Follows     string          `json:"follows,omitempty" maxLength:"160" flag:"-" description:"alias to serve the result of, now and whenever it moves, in place of result; empty: result stays"`
	Shares      []Part          `json:"shares,omitempty" flag:"-" description:"what part of the records the result and a challenger of it predict; empty: it predicts all"`
	Replicas    int             `json:"replicas" minimum:"0" maximum:"1000" arg:"N" description:"replicas that always run (default: 1)"`
	MaxReplicas int             `json:"max_replicas,omitempty" minimum:"1" maximum:"1000" flag:"-" description:"most replicas that records may start (default: replicas)"`
	Engine      string          `json:"engine,omitempty" maxLength:"64" arg:"ENGINE" description:"what serves it: onnx, tensorflow or auto (default: auto, what the training found to be faster)"`
	Delivery    Delivery        `json:"delivery,omitempty" description:"source (Knative scales it) or direct (replicas read the topic themselves) (default: source, with windows direct)"`
	InputFormat Format          `json:"input_format,omitempty" description:"RAW, AVRO, JSON, PROTOBUF or TELEGRAF_STR_JSON (default: that of the training stream)"`
	InputConfig json.RawMessage `json:"input_config,omitempty" types:"object,null" arg:"JSON" description:"members of the format, such as data_type (default: those of the training stream)"`
	InputTopic  string          `json:"input_topic" required:"true" minLength:"1" maxLength:"249" arg:"TOPIC" example:"digits" description:"topic of records to predict"`
	OutputTopic string          `json:"output_topic" required:"true" minLength:"1" maxLength:"249" arg:"TOPIC" example:"digits-predicted" description:"topic of predictions"`
	Description string          `json:"description,omitempty" maxLength:"4096" arg:"TEXT" description:"note for people"`
	DeadLetter  string          `json:"dead_letter_topic,omitempty" maxLength:"249" arg:"TOPIC" description:"topic of records that cannot be predicted (default: <input topic>.dead-letter)"`
}

// Challenger is the second result by which an inference predicts, and its part of
// the records, 0 for none.
func (i Inference) Challenger() Part {
	if len(i.Shares) < 2 {
		return Part{}
	}
	return i.Shares[1]
}

// Inference serves a finished result between two topics.
type Inference struct {
	ID            int64           `json:"id" minimum:"1"`
	Name          string          `json:"name"`
	Result        int64           `json:"result"`
	Follows       string          `json:"follows,omitempty" description:"alias whose result it serves"`
	Previous      int64           `json:"previous,omitempty" description:"the result that it served before, which rollback serves again"`
	Shares        []Part          `json:"shares,omitempty" description:"what part of the records each of two results predicts, the one that is served first"`
	Unfit         string          `json:"unfit,omitempty" description:"why it does not serve the result that its alias names now"`
	Replicas      int             `json:"replicas"`
	MaxReplicas   int             `json:"max_replicas"`
	Engine        string          `json:"engine,omitempty" description:"what was asked to serve it; absent: left to the result"`
	ServedBy      string          `json:"served_by,omitempty" description:"what serves it: onnx or tensorflow"`
	Delivery      Delivery        `json:"delivery"`
	InputFormat   Format          `json:"input_format"`
	InputConfig   json.RawMessage `json:"input_config" types:"object,null"`
	InputTopic    string          `json:"input_topic"`
	OutputTopic   string          `json:"output_topic"`
	DeadLetter    string          `json:"dead_letter_topic"`
	Description   string          `json:"description,omitempty"`
	Partitions    int             `json:"partitions,omitempty" description:"partitions of the input topic, when last looked at"`
	Tenant        string          `json:"tenant,omitempty" description:"whose consumer group it reads by, where several installations share Kafka"`
	URL           string          `json:"url,omitempty" description:"where its predict function answers"`
	Ready         int             `json:"ready" minimum:"0" description:"replicas that take records"`
	Wanted        int             `json:"wanted" minimum:"0" description:"replicas that there should be now"`
	Status        InferenceStatus `json:"status"`
	StatusChanged time.Time       `json:"status_changed"`
	Reason        string          `json:"reason,omitempty" description:"why it failed"`
	Warnings      []string        `json:"warnings,omitempty" description:"what is wrong with the result that it serves, and which members of its input_config have no effect"`
	Created       time.Time       `json:"created"`
	Updated       time.Time       `json:"updated"`
}
