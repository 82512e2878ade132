// Package records is the step for people's hands on topics: it shows the first
// records of a stream and sends one from files, puts records on the input topic
// of an inference, follows its predictions, lists its dead letters and counts
// what went through its topics. It only reads the registry; everything it
// changes is in Kafka, as any producer would.
package records

import (
	"log/slog"
	"net/http"

	"golang.org/x/sync/semaphore"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/datasets"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Deps is what the step needs of the others.
type Deps struct {
	Store        *registry.Store
	Cluster      *stream.Cluster
	ControlTopic string // where a stream that was sent is announced
	ControlGroup string // by which that is read
	MayRead      identity.Topics
	MayWrite     identity.Topics
	Schemas      *schemas.Client // nil where there is no registry of schemas
	Log          *slog.Logger
}

// Service reads and sends records.
type Service struct {
	Deps
	tails *door.Streams
	rooms *semaphore.Weighted // bytes of the previews under way
}

// NewService gives the step without its HTTP side.
func NewService(deps Deps) *Service {
	return &Service{Deps: deps, tails: door.NewStreams(openTails), rooms: semaphore.NewWeighted(previewRooms)}
}

// Function is the step's HTTP side. It handles no events: a record is no command.
func (s *Service) Function() door.Function {
	return door.Function{
		Name:      pipeline.StepRecords,
		Resources: s.resources(),
		Measures:  s.measures(),
		Flows: []api.Flow{
			{Topic: api.ControlTopic, Send: true},
			{Topic: api.DataTopic, Send: true},
			{Topic: api.DataTopic},
			{Topic: api.InputTopic, Send: true},
			{Topic: api.OutputTopic},
			{Topic: api.DeadLetterTopic},
		},
	}
}

// listDatasets serves GET /datasets: the data sets that this machine holds, to
// be sent as a stream or fed to an inference by name.
func listDatasets(w http.ResponseWriter, _ *http.Request) {
	door.WriteJSON(w, registry.Page[datasets.Set]{Items: datasets.All()})
}

// inference reads the one that a request's path names.
func (s *Service) inference(r *http.Request) (pipeline.Inference, error) {
	id, err := door.PathID(r)
	if err != nil {
		return pipeline.Inference{}, err
	}
	return registry.Read(r.Context(), s.Store, func(tx *registry.Tx) (pipeline.Inference, error) { return tx.Inference(id) })
}
