package functions

import (
	"net/http"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/door"
	controllog "github.com/kafkaml/kafkaml/functions/control-log"
	deployinference "github.com/kafkaml/kafkaml/functions/deploy-inference"
	deploytraining "github.com/kafkaml/kafkaml/functions/deploy-training"
	modelregister "github.com/kafkaml/kafkaml/functions/model-register"
	"github.com/kafkaml/kafkaml/functions/records"
	"github.com/kafkaml/kafkaml/shared/framework"
)

// Documents are the names at the root where the whole API is described.
var Documents = []string{"openapi.json", "asyncapi.json"}

// Describe serves the description of all steps, each below its name, and of
// inferences. It opens nothing, so that a process may describe what others
// serve.
func Describe(frameworks framework.Registry) http.Handler {
	kinds := frameworks.Kinds()
	var parts []api.Part
	for _, f := range []door.Function{
		modelregister.NewService(modelregister.Deps{Kinds: kinds}).Function(),
		deploytraining.NewService(deploytraining.Deps{Kinds: kinds}).Function(),
		controllog.NewService(controllog.Deps{}).Function(),
		deployinference.NewService(deployinference.Deps{}).Function(),
		records.NewService(records.Deps{}).Function(),
	} {
		parts = append(parts, f.Part("/"+f.Name))
	}
	parts = append(parts, api.Predict(PredictPath+"/{inference}"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openapi.json", door.Document(api.OpenAPI, parts...))
	mux.HandleFunc("GET /asyncapi.json", door.Document(api.AsyncAPI, parts...))
	return mux
}
