package functions

import (
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/kafkaml/kafkaml/eventing/api"
	deployinference "github.com/kafkaml/kafkaml/functions/deploy-inference"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// away answers for an inference of which no replica on this machine takes requests.
func (h *Host) away(w http.ResponseWriter, r *http.Request, inference string) {
	refuse(w, r, deployinference.Away(r.Context(), h.parts.store, inference))
}

// refuse answers with err as the protocol of the request has it: as gRPC, as the
// Open Inference Protocol over REST, else as problem details.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	if speaks := connect.NewErrorWriter(); strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") && speaks.IsSupported(r) {
		code := connect.CodeUnavailable
		if pipeline.KindOf(err) == pipeline.NotFound {
			code = connect.CodeNotFound
		}
		_ = speaks.Write(w, r, connect.NewError(code, errors.New(output.ReasonOf(err)))) // the client may be gone
		return
	}
	status := api.Status(err)
	if _, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); path != "v2" && !strings.HasPrefix(path, "v2/") {
		api.WriteProblem(w, status, err)
		return
	}
	output.WriteRefusal(w, status, err)
}
