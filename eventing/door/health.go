package door

import (
	"context"
	"net/http"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/validate"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// readyTime bounds one readiness check.
const readyTime = 5 * time.Second

func alive(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ALIVE\n")) }

// ready answers 200 when the registry answers and the function says so.
func (d *door) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := d.f.Check(ctx, d.Config); err != nil {
		api.WriteProblem(w, http.StatusServiceUnavailable, &pipeline.Error{Op: "readiness", Kind: pipeline.Unavailable, Err: err})
		return
	}
	_, _ = w.Write([]byte("READY\n"))
}

// Check reports whether f can do its work: the registry answers and Ready says
// so.
func (f Function) Check(ctx context.Context, c Config) error {
	if err := c.Store.Ping(ctx); err != nil {
		return err
	}
	if f.Ready == nil {
		return nil
	}
	return f.Ready(ctx)
}

// listTypes answers with the types that the function handles.
func (d *door) listTypes(w http.ResponseWriter, _ *http.Request) {
	WriteJSON(w, eventing.Accepted{Function: d.f.Name, Types: d.types()})
}

// showSchema answers with the JSON Schema of a type's data.
func showSchema(w http.ResponseWriter, r *http.Request) {
	typ := r.PathValue("type")
	body, ok := validate.Schema(typ)
	if !ok {
		Problem(w, &pipeline.Error{Kind: pipeline.NotFound, Field: "type", Reason: typ + " has no schema", Hint: "GET /schemas lists the types"})
		return
	}
	w.Header().Set("Content-Type", "application/schema+json")
	_, _ = w.Write(body)
}
