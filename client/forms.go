package client

import (
	"encoding/json"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Patch holds the members of a form to change, by their JSON names; the others
// stay as they are.
type Patch map[string]any

// ModelForm is what a person gives of a model.
type ModelForm struct {
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	Imports     string `json:"imports,omitempty"`
	Source      string `json:"source"`
	Framework   string `json:"framework,omitempty"` // "tensorflow" when empty
}

// ConfigurationForm is what a person gives of a configuration.
type ConfigurationForm struct {
	Name        string  `json:"name"`
	Description string  `json:"description,omitempty"`
	Models      []int64 `json:"models"`
}

// DeploymentForm is what a person gives of a deployment. The kwargs are a JSON
// object or a JSON string that holds Keras' text ("epochs=5").
type DeploymentForm struct {
	Configuration    int64               `json:"configuration"`
	BatchSize        int                 `json:"batch_size"`
	TrainingKwargs   json.RawMessage     `json:"training_kwargs,omitempty"`
	ValidationKwargs json.RawMessage     `json:"validation_kwargs,omitempty"`
	Seed             int64               `json:"seed"`
	Engine           pipeline.Engine     `json:"engine,omitempty"`
	GPUs             int                 `json:"gpus"`
	Resources        *pipeline.Resources `json:"resources,omitempty"`
	Description      string              `json:"description,omitempty"`
}

// Kwargs is Keras' text as a member of a DeploymentForm; nil when empty.
func Kwargs(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	b, _ := json.Marshal(text) // a string always has a JSON form
	return b
}

// InferenceForm is what a person gives of an inference. MaxReplicas equals
// Replicas when 0; Delivery is "source" when empty; an empty format and config
// are those of the stream the result was trained on.
type InferenceForm struct {
	Name        string            `json:"name,omitempty"`
	Result      int64             `json:"result"`
	Replicas    int               `json:"replicas"`
	MaxReplicas int               `json:"max_replicas,omitempty"`
	Delivery    pipeline.Delivery `json:"delivery,omitempty"`
	InputFormat pipeline.Format   `json:"input_format,omitempty"`
	InputConfig json.RawMessage   `json:"input_config,omitempty"`
	InputTopic  string            `json:"input_topic"`
	OutputTopic string            `json:"output_topic"`
	DeadLetter  string            `json:"dead_letter_topic,omitempty"`
}

// Suggestion is the format and config to read an inference's records with, as
// the stream that its result was trained on had them.
type Suggestion struct {
	Result      int64           `json:"result"`
	InputFormat pipeline.Format `json:"input_format"`
	InputConfig json.RawMessage `json:"input_config"`
}
