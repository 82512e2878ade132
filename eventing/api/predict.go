package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The bodies of the Open Inference Protocol, version 2.
type (
	inferTensor struct {
		Name       string           `json:"name"`
		Shape      []int            `json:"shape" nullable:"false" description:"rows first"`
		Datatype   string           `json:"datatype" description:"FP32, INT64, UINT8, BYTES ..."`
		Parameters *tensorParameter `json:"parameters,omitempty"`
		Data       json.RawMessage  `json:"data,omitempty" types:"array" description:"flat or nested, row-major; absent where it is binary"`
	}
	tensorParameter struct {
		Size int `json:"binary_data_size" description:"bytes of the tensor after the JSON"`
	}
	inferOutput struct {
		Name       string           `json:"name"`
		Parameters *outputParameter `json:"parameters,omitempty"`
	}
	outputParameter struct {
		Binary bool `json:"binary_data" description:"answer with it as binary data after the JSON"`
	}
	inferParameter struct {
		Binary bool `json:"binary_data_output" description:"binary_data of the outputs that do not say"`
	}
	inferRequest struct {
		ID         string          `json:"id,omitempty"`
		Parameters *inferParameter `json:"parameters,omitempty"`
		Inputs     []inferTensor   `json:"inputs" nullable:"false"`
		Outputs    []inferOutput   `json:"outputs,omitempty" description:"those to answer with; all when absent"`
	}
	inferRefusal struct {
		Error string `json:"error"`
	}
	inferAnswer struct {
		ModelName    string        `json:"model_name"`
		ModelVersion string        `json:"model_version"`
		ID           string        `json:"id,omitempty"`
		Outputs      []inferTensor `json:"outputs" nullable:"false"`
	}
	tensorMetadata struct {
		Name     string `json:"name"`
		Datatype string `json:"datatype"`
		Shape    []int  `json:"shape" nullable:"false" description:"rows first, -1 where open"`
	}
	modelMetadata struct {
		Name     string           `json:"name"`
		Versions []string         `json:"versions" nullable:"false"`
		Platform string           `json:"platform"`
		Inputs   []tensorMetadata `json:"inputs" nullable:"false"`
		Outputs  []tensorMetadata `json:"outputs" nullable:"false"`
	}
	serverReady struct {
		Name  string `json:"name"`
		Live  bool   `json:"live"`
		Ready bool   `json:"ready"`
	}
	modelEntry struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		State   string `json:"state" enum:"READY,UNAVAILABLE"`
		Reason  string `json:"reason"`
	}
	modelReady struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}
)

// A row of three numbers for an inference of a model with three inputs, as
// tensors and as a record of the RAW format.
var (
	inferExample = inferRequest{ID: "example", Inputs: []inferTensor{{Name: "input", Shape: []int{1, 3}, Datatype: "FP32", Data: json.RawMessage(`[1, 2, 3]`)}}}
	makeExample  = object{
		"specversion": "1.0", "id": "example-" + eventing.PredictionMake, "source": "/example", "type": eventing.PredictionMake,
		"datacontenttype": Binary, "data_base64": "AACAPwAAAEAAAEBA",
	}
)

// Predict is what an inference's predict function offers below prefix.
func Predict(prefix string) Part {
	p := Part{
		Name: pipeline.StepPredict, Prefix: prefix, Takes: []string{eventing.KafkaRecord, eventing.PredictionMake},
		Examples: []any{makeExample},
		Flows:    []Flow{{Topic: InputTopic}, {Topic: OutputTopic, Send: true}, {Topic: DeadLetterTopic, Send: true}},
		Batch:    fmt.Sprintf("up to %d records of a KafkaSource, without headers, in CloudEvents' Protobuf format; the answer is 200 without an event once all are dealt with", eventing.MostBatched),
		Operations: []Operation{{
			Pattern: "GET /v2", About: "The server, as the Open Inference Protocol has it.", Answer: Content{Type: struct {
				Name       string   `json:"name"`
				Version    string   `json:"version"`
				Extensions []string `json:"extensions" nullable:"false"`
			}{}},
		}, {
			Pattern: "GET /v2/health/live", About: "Whether the process runs.", Answer: Content{Type: map[string]bool{}},
		}, {
			Pattern: "GET /v2/health/ready", About: "Whether a record that comes now would be predicted.", Answer: Content{Type: serverReady{}},
		}, {
			Pattern: "GET /v2/models", About: "The name of the model.", Answer: Content{Type: struct {
				Models []string `json:"models" nullable:"false"`
			}{}},
		}, {
			Pattern: "POST /v2/repository/index", About: "The model, as the extension for model repositories lists it.", Answer: Content{Type: []modelEntry{}},
			Body: Content{Type: struct {
				Ready bool `json:"ready,omitempty" description:"only if it is ready"`
			}{}, Example: object{"ready": true}}, Errors: []int{http.StatusBadRequest},
		}},
	}
	for _, base := range []string{"/v2/models/{name}", "/v2/models/{name}/versions/{version}"} {
		p.Operations = append(p.Operations, Operation{
			Pattern: "GET " + base, About: "The model: the inference's name, the result's id (or latest) as its version.", Answer: Content{Type: modelMetadata{}}, Errors: []int{http.StatusNotFound},
		}, Operation{
			Pattern: "GET " + base + "/ready", About: "Whether a record that comes now would be predicted.", Answer: Content{Type: modelReady{}}, Errors: []int{http.StatusNotFound},
		}, Operation{
			Pattern: "POST " + base + "/infer", About: "Predict rows of tensors. They are JSON, or binary data after the JSON, whose length the header says; so are the answer's, as application/octet-stream.", Answer: Content{Type: inferAnswer{}},
			Query: []Param{{Name: "Inference-Header-Content-Length", About: "bytes of the body that are JSON, where binary data follows", Header: true, Value: 0}},
			Body:  Content{Type: inferRequest{}, Example: inferExample}, Errors: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge},
		})
	}
	for i := range p.Operations {
		p.Operations[i].Refusal = Content{Type: inferRefusal{}}
	}
	return p
}
