package modelregister

import (
	"context"
	"net/http"
	"strconv"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// name is the function's.
const name = pipeline.StepModelRegister

// Function is the step's HTTP side: its commands, as events and as REST
// requests, and what can be read.
func (s *Service) Function() door.Function {
	return door.Function{
		Name: name,
		Commands: map[string]door.Command{
			eventing.ModelValidate:       s.validate,
			eventing.ModelRegister:       s.register,
			eventing.ModelImport:         s.importModel,
			eventing.ModelUpdate:         s.update,
			eventing.ModelDelete:         s.remove,
			eventing.ResultConvert:       s.convert,
			eventing.ConfigurationCreate: s.createConfiguration,
			eventing.ConfigurationUpdate: s.updateConfiguration,
			eventing.ConfigurationDelete: s.deleteConfiguration,
		},
		Routes: []door.Route{
			{Pattern: "POST /models/validate", Type: eventing.ModelValidate},
			{Pattern: "POST /models", Type: eventing.ModelRegister, Made: "/models"},
			{Pattern: "POST /models/import", Type: eventing.ModelImport, Made: "/models", Upload: s.upload()},
			{Pattern: "PUT /models/{id}", Type: eventing.ModelUpdate},
			{Pattern: "DELETE /models/{id}", Type: eventing.ModelDelete},
			{Pattern: "POST /results/{id}/convert", Type: eventing.ResultConvert},
			{Pattern: "POST /configurations", Type: eventing.ConfigurationCreate, Made: "/configurations"},
			{Pattern: "PUT /configurations/{id}", Type: eventing.ConfigurationUpdate},
			{Pattern: "DELETE /configurations/{id}", Type: eventing.ConfigurationDelete},
		},
		Resources: s.resources(),
		Facts:     []string{"io.kafkaml.model.", "io.kafkaml.configuration.", eventing.ResultConverting, eventing.ResultConverted},
		Ready:     func(context.Context) error { return s.Builders.Health() },
	}
}

// resources serves what can be read.
func (s *Service) resources() []door.Resource {
	version := door.One("GET /models/{id}/versions/{n}", "One version of a model.", pipeline.Model{})
	attempt := door.One("POST /models/{id}/try", "One training step of a model on a few records, before a training is spent on more. Nothing is kept.", pipeline.Trial{})
	attempt.Body = api.Content{Type: pipeline.TrialForm{}}
	attempt.Errors = append(attempt.Errors, http.StatusRequestEntityTooLarge)
	return []door.Resource{
		{Operation: attempt, Handler: s.try},
		door.ListOf("GET /models", "Models.", s.Store, (*registry.Tx).Models, "configuration"),
		door.GetOf("GET /models/{id}", "A model.", s.Store, (*registry.Tx).Model),
		door.GetOf("GET /models/{id}/versions", "All versions of a model, the newest first.", s.Store, versions),
		{Operation: version, Handler: s.version},
		{Operation: api.Operation{Pattern: "GET /models/examples", About: "Models to begin with.", Answer: api.Content{Type: registry.Page[Example]{}}}, Handler: examples},
		door.ListOf("GET /configurations", "Configurations.", s.Store, (*registry.Tx).Configurations, "model"),
		door.GetOf("GET /configurations/{id}", "A configuration.", s.Store, (*registry.Tx).Configuration),
	}
}

// versions lists all versions of a model, the newest first.
func versions(tx *registry.Tx, id int64) (registry.Page[pipeline.Model], error) {
	all, err := tx.ModelVersions(id)
	return registry.Page[pipeline.Model]{Items: all}, err
}

// version serves one version of a model.
func (s *Service) version(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 {
		door.Problem(w, pipeline.Invalidf("version", "%q is not a version", r.PathValue("n")).WithHint("versions count from 1"))
		return
	}
	read := func(tx *registry.Tx, id int64) (pipeline.Model, error) { return tx.ModelVersion(id, n) }
	door.Get(s.Store, read)(w, r)
}

// examples serves the embedded examples.
func examples(w http.ResponseWriter, _ *http.Request) {
	all, err := Examples()
	if err != nil {
		door.Problem(w, err)
		return
	}
	door.WriteJSON(w, registry.Page[Example]{Items: all})
}
