package deploytraining

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// file is one of the forms in which a trained model is kept.
type file struct{ object, extension, media string }

// formats are the forms by the name that a client asks for.
var formats = map[string]file{
	"savedmodel": {"savedmodel.zip", ".zip", "application/zip"},
	"keras":      {"model.keras", ".keras", "application/octet-stream"},
}

// download streams a trained model.
func (s *Service) download(w http.ResponseWriter, r *http.Request) {
	format := r.URL.Query().Get("format")
	if format == "" {
		format = "savedmodel"
	}
	f, ok := formats[format]
	if !ok {
		door.Problem(w, pipeline.Invalidf("format", "%q is not known", format).WithHint("use savedmodel or keras"))
		return
	}
	result, err := s.trained(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	body, size, err := s.Artifacts.Get(r.Context(), result.Artifact+"/"+f.object)
	if err != nil {
		door.Problem(w, missing(err, result, format))
		return
	}
	defer func() { _ = body.Close() }() // it was only read
	w.Header().Set("Content-Type", f.media)
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(result) + f.extension}))
	if _, err := io.Copy(w, body); err != nil {
		s.Log.DebugContext(r.Context(), "a download was broken off", "result", result.ID, "error", err)
	}
}

// trained reads the result of a request's path, which must have a model.
func (s *Service) trained(r *http.Request) (result pipeline.Result, err error) {
	id, err := door.PathID(r)
	if err != nil {
		return result, err
	}
	result, err = registry.Read(r.Context(), s.Store, func(tx *registry.Tx) (pipeline.Result, error) { return tx.Result(id) })
	if err == nil && result.Status != pipeline.ResultFinished {
		err = &pipeline.Error{
			Kind: pipeline.Conflict, Field: "status", Reason: fmt.Sprintf("result %d is %s", id, result.Status),
			Hint: "a model can be downloaded once it is finished",
		}
	}
	return result, err
}

// missing says why a finished result has no file of a format.
func missing(err error, r pipeline.Result, format string) error {
	if pipeline.KindOf(err) != pipeline.NotFound {
		return err
	}
	return &pipeline.Error{
		Kind: pipeline.NotFound, Field: "format", Reason: fmt.Sprintf("result %d has no %s file", r.ID, format),
		Hint: "a model that Keras cannot save as .keras is kept as SavedModel only", Err: err,
	}
}

// fileName is a name for a result's file that every file system takes.
func fileName(r pipeline.Result) string {
	safe := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			return c
		}
		return '-'
	}, r.ModelName)
	return fmt.Sprintf("%s-result-%d", safe, r.ID)
}
