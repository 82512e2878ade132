package predict

import (
	"context"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The Open Inference Protocol, version 2: one model, under the name of the
// inference; its only version is the id of the result it serves, which "latest"
// names, too. What stands here is the same over REST (oip_rest.go) and gRPC
// (oip_grpc.go).

// protocol serves it.
type protocol struct {
	model    *model
	requests *requests
	ready    func(context.Context) error // nil while a record that comes now would be predicted
}

const (
	serverName    = "kafkaml"
	serverVersion = "2"
	latestVersion = "latest"
)

// extensions of the protocol that are served.
func extensions() []string { return []string{"binary_tensor_data"} }

// names refuses another model or version as not found. A version that is not
// said is the one there is.
func (p *protocol) names(name, version string) error {
	if name == p.model.job.Name && (version == "" || version == latestVersion || version == p.model.version()) {
		return nil
	}
	if name != p.model.job.Name {
		return &pipeline.Error{Kind: pipeline.NotFound, Field: "model", Reason: "there is no " + name + " here", Hint: "the model is " + p.model.job.Name}
	}
	return &pipeline.Error{Kind: pipeline.NotFound, Field: "version", Reason: "there is no " + version + " of " + name, Hint: "the version is " + p.model.version() + ", or " + latestVersion}
}

type tensorMetadata struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"` // batch dimension first, -1 where open
}

func metadataOf(tensors []pipeline.Tensor) []tensorMetadata {
	all := make([]tensorMetadata, len(tensors))
	for i, t := range tensors {
		d, _ := codec.ParseDType(t.DType) // of the model's own signature
		all[i] = tensorMetadata{t.Name, datatypeOf(d), append([]int{-1}, t.Shape...)}
	}
	return all
}

// answer is what a request asked for, in the order of the model's outputs.
type answer struct {
	rows    int
	results []result
}

// predict answers a request. An error that is not of the service or its model is
// of the request.
func (p *protocol) predict(ctx context.Context, request *inferRequest) (answer, error) {
	in, err := readTensors(request.Inputs, p.model.predictor.Inputs())
	if err == nil {
		err = checkAsked(request.Outputs, p.model.predictor.Outputs())
	}
	if err != nil {
		return answer{}, err
	}
	results, err := p.requests.infer(ctx, in)
	if len(request.Outputs) > 0 {
		results = slices.DeleteFunc(results, func(r result) bool { return request.output(r.name) == nil })
	}
	return answer{in.rows, results}, err
}
