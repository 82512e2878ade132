package output

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"connectrpc.com/connect"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// NoSuchMethod answers a call of the gRPC service by a method that it lacks, at
// once: a client such as Triton's holds a stream open until it has an answer.
func NoSuchMethod(w http.ResponseWriter, r *http.Request) {
	err := fmt.Errorf("there is no method %.100q: there are %s", path.Base(r.URL.Path), strings.Join(pipeline.GRPCMethods, ", "))
	if speaks := connect.NewErrorWriter(); speaks.IsSupported(r) {
		_ = speaks.Write(w, r, connect.NewError(connect.CodeUnimplemented, err)) // the client may be gone
		return
	}
	WriteRefusal(w, http.StatusNotFound, err)
}
