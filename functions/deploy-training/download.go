package deploytraining

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// kindOf is the framework of a result's model.
func (s *Service) kindOf(ctx context.Context, r pipeline.Result) (framework.Kind, error) {
	m, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Model, error) { return tx.ModelVersion(r.Model, r.ModelVersion) })
	if err != nil {
		return framework.Kind{}, err
	}
	return s.Kinds.Get(m.Framework)
}

// download streams a trained model.
func (s *Service) download(w http.ResponseWriter, r *http.Request) {
	result, err := s.trained(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	f, err := s.format(r.Context(), result, r.URL.Query().Get("format"))
	if err != nil {
		door.Problem(w, err)
		return
	}
	body, size, err := s.Artifacts.Get(r.Context(), result.Artifact+"/"+f.Blob)
	if err != nil {
		door.Problem(w, missing(err, result, f))
		return
	}
	defer func() { _ = body.Close() }() // it was only read
	w.Header().Set("Content-Type", f.Media)
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(result) + f.Extension}))
	if _, err := io.Copy(w, body); err != nil {
		s.Log.DebugContext(r.Context(), "a download was broken off", "result", result.ID, "error", err)
	}
}

// format looks up a format of a result's framework, the default where name is
// empty.
func (s *Service) format(ctx context.Context, r pipeline.Result, name string) (framework.Format, error) {
	kind, err := s.kindOf(ctx, r)
	if err != nil {
		return framework.Format{}, err
	}
	f, ok := kind.Bundle.Format(name)
	if !ok {
		return f, pipeline.Invalidf("format", "%q is not known", name).WithHint("use %s", strings.Join(kind.Bundle.FormatNames(), " or "))
	}
	return f, nil
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
func missing(err error, r pipeline.Result, f framework.Format) error {
	if pipeline.KindOf(err) != pipeline.NotFound {
		return err
	}
	return &pipeline.Error{
		Kind: pipeline.NotFound, Field: "format", Reason: fmt.Sprintf("result %d has no %s file", r.ID, f.Name),
		Hint: f.Lacking, Err: err,
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
