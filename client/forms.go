package client

import (
	"encoding/json"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// ModelForm is what a person gives of a model.
type ModelForm struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Imports     string `json:"imports"`
	Source      string `json:"source"`
	Framework   string `json:"framework"` // "tensorflow"
}

// FormOfModel is the form that leaves m as it is.
func FormOfModel(m pipeline.Model) ModelForm {
	return ModelForm{Name: m.Name, Description: m.Description, Imports: m.Imports, Source: m.Source, Framework: m.Framework}
}

// ConfigurationForm is what a person gives of a configuration.
type ConfigurationForm struct {
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Models      []int64 `json:"models"`
}

// FormOfConfiguration is the form that leaves c as it is.
func FormOfConfiguration(c pipeline.Configuration) ConfigurationForm {
	return ConfigurationForm{Name: c.Name, Description: c.Description, Models: c.Models}
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

// FormOfInference is the form that leaves i as it is.
func FormOfInference(i pipeline.Inference) InferenceForm {
	return InferenceForm{
		Name: i.Name, Result: i.Result, Replicas: i.Replicas, MaxReplicas: i.MaxReplicas, Delivery: i.Delivery,
		InputFormat: i.InputFormat, InputConfig: i.InputConfig,
		InputTopic: i.InputTopic, OutputTopic: i.OutputTopic, DeadLetter: i.DeadLetter,
	}
}

// Suggestion is the format and config to read an inference's records with, as
// the stream that its result was trained on had them.
type Suggestion struct {
	Result      int64           `json:"result"`
	InputFormat pipeline.Format `json:"input_format"`
	InputConfig json.RawMessage `json:"input_config"`
}
