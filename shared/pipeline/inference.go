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

// Inference serves a finished result between two topics.
type Inference struct {
	ID            int64           `json:"id"`
	Name          string          `json:"name"` // of its predict function, unique: "inference-<id>" unless given
	Result        int64           `json:"result"`
	Replicas      int             `json:"replicas"`
	MaxReplicas   int             `json:"max_replicas"` // equals Replicas unless a range was given
	Delivery      Delivery        `json:"delivery"`
	InputFormat   Format          `json:"input_format"`
	InputConfig   json.RawMessage `json:"input_config"`
	InputTopic    string          `json:"input_topic"`
	OutputTopic   string          `json:"output_topic"`
	DeadLetter    string          `json:"dead_letter_topic"`
	Partitions    int             `json:"partitions,omitempty"` // of the input topic, when last looked at
	URL           string          `json:"url,omitempty"`
	Ready         int             `json:"ready"`
	Wanted        int             `json:"wanted"`
	Status        InferenceStatus `json:"status"`
	StatusChanged time.Time       `json:"status_changed"`
	Reason        string          `json:"reason,omitempty"`
	Created       time.Time       `json:"created"`
	Updated       time.Time       `json:"updated"`
}
