// Package controllog is the step that reads the control topic. Each record
// becomes a datasource: where a stream lies in the log, in which format, for
// which deployment. A record that cannot be one is kept too, as a refusal that
// people see, and never holds up those behind it.
//
// A control record is answered 2xx once its datasource is stored and the sink
// (deploy-training) has taken datasource.received. A record that is delivered
// again finds its datasource by topic, partition and offset and tells the sink
// again, under the same event id.
package controllog

import (
	"log/slog"
	"net/http"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Name of the function.
const Name = "control-log"

// Deps is what the step needs of the others.
type Deps struct {
	Store   *registry.Store
	Cluster *stream.Cluster
	Emit    *eventing.Emitter // to deploy-training
	Log     *slog.Logger
}

// Service holds the rules of datasources.
type Service struct {
	Deps
	retention *retentions
}

// NewService gives the step without its HTTP side.
func NewService(deps Deps) *Service {
	return &Service{Deps: deps, retention: newRetentions(deps.Cluster)}
}

// New gives the step as a function.
func New(deps Deps) door.Function { return NewService(deps).Function() }

// Function is the step's HTTP side.
func (s *Service) Function() door.Function {
	return door.Function{
		Name: Name,
		Commands: map[string]door.Command{
			eventing.KafkaRecord:      s.record,
			eventing.DatasourceResend: s.resend,
		},
		Routes: []door.Route{
			{Pattern: "POST /datasources/{id}/resend", Type: eventing.DatasourceResend, Made: "/datasources"},
		},
		Resources: func(mux *http.ServeMux) {
			mux.HandleFunc("GET /datasources", s.list)
			mux.HandleFunc("GET /datasources/{id}", s.show)
		},
		Facts: []string{"io.kafkaml.datasource."},
	}
}
