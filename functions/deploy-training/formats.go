package deploytraining

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// stored lists the formats of the trained model that an outcome tells of, nil
// where no whole model lies below key.
func (s *Service) stored(ctx context.Context, o pipeline.Outcome, key string) ([]pipeline.ModelFormat, error) {
	r, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Result, error) { return tx.Result(o.Result) })
	if err != nil {
		return nil, err
	}
	r.Artifact, r.Serving, r.Formats = key, o.Serving, nil // of this attempt alone
	kind, err := s.kindOf(ctx, r)
	if err != nil {
		return nil, err
	}
	if ok, err := kind.Bundle.Trained.Exist(ctx, s.Artifacts, key); err != nil || !ok {
		return nil, err
	}
	return s.formatsOf(ctx, r)
}

// formatsOf lists the formats of a result's model.
func (s *Service) formatsOf(ctx context.Context, r pipeline.Result) ([]pipeline.ModelFormat, error) {
	m, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Model, error) { return tx.ModelOf(r) })
	if err != nil {
		return nil, err
	}
	kind, err := s.Kinds.Get(m.Framework)
	if err != nil {
		return nil, err
	}
	return kind.Bundle.Have(ctx, s.Artifacts, m.Export, r)
}

// listFormats lists the formats of the results that earlier versions left without.
func (s *Service) listFormats(ctx context.Context) error {
	q := registry.Query{Status: string(pipeline.ResultFinished), Limit: earlierPage}
	for {
		page, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (registry.Page[pipeline.Result], error) { return tx.Results(q) })
		if err != nil {
			return err
		}
		for _, r := range page.Items {
			if len(r.Formats) > 0 {
				continue
			}
			if err := s.addFormats(ctx, r); err != nil {
				return fmt.Errorf("list the formats of result %d: %w", r.ID, err)
			}
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

func (s *Service) addFormats(ctx context.Context, r pipeline.Result) error {
	formats, err := s.formatsOf(ctx, r)
	if err != nil {
		return err
	}
	err = s.Store.Do(ctx, func(tx *registry.Tx) error {
		r, err := tx.Result(r.ID)
		if err != nil || len(r.Formats) > 0 {
			return err
		}
		r.Formats = formats
		return tx.UpdateResult(&r)
	})
	if pipeline.KindOf(err) == pipeline.NotFound {
		return nil
	}
	return err
}

// wanted is the format that a download asks for.
func (s *Service) wanted(ctx context.Context, result pipeline.Result, r *http.Request) (f framework.Format, key pipeline.FormatKey, err error) {
	if f, err = s.format(ctx, result, r.URL.Query().Get("format")); err != nil {
		return f, key, err
	}
	key = pipeline.FormatKey{Name: f.Name, Quantize: pipeline.Quantize(r.URL.Query().Get("quantize"))}
	if key.Quantize == pipeline.NotQuantized {
		return f, key, nil
	}
	if !f.Made {
		return f, key, pipeline.Invalidf("quantize", "a model is not quantized as %s", f.Name).WithHint("use %s or %s", pipeline.TFLite, pipeline.TFLiteC)
	}
	if !slices.Contains(pipeline.Quantizes(), key.Quantize) {
		return f, key, pipeline.Invalidf("quantize", "%q is not known", string(key.Quantize)).WithHint("use %s or %s", pipeline.QuantizeFloat16, pipeline.QuantizeInt8)
	}
	return f, key, nil
}

// missing says why a finished result has no file of a format.
func missing(err error, r pipeline.Result, f framework.Format, key pipeline.FormatKey) error {
	if pipeline.KindOf(err) != pipeline.NotFound {
		return err
	}
	e := &pipeline.Error{Kind: pipeline.NotFound, Field: "format", Reason: fmt.Sprintf("result %d has no %s file", r.ID, key), Hint: f.Lacking, Err: err}
	kept, _ := r.Format(key)
	switch {
	case kept.Why != "":
		e.Hint = kept.Why
	case f.Made:
		e.Kind, e.Reason = pipeline.Conflict, fmt.Sprintf("result %d is not kept as %s yet", r.ID, key)
		e.Hint = fmt.Sprintf("ask for it first: POST /results/%d/convert of model-register, or kafkaml results download", r.ID)
	}
	return e
}

// send answers a download with a file, or with the array in C of one.
func (s *Service) send(ctx context.Context, w http.ResponseWriter, result pipeline.Result, f framework.Format, key pipeline.FormatKey) error {
	noted, _ := result.Format(key)
	if f.Made && noted.Size == 0 { // a file may be there that no conversion has finished
		return missing(&pipeline.Error{Kind: pipeline.NotFound}, result, f, key)
	}
	body, size, err := s.Artifacts.Get(ctx, result.Artifact+"/"+f.Key(key.Quantize))
	if err != nil {
		return missing(err, result, f, key)
	}
	defer func() { _ = body.Close() }() // it was only read
	name := fileName(result)
	if key.Quantize != pipeline.NotQuantized {
		name += "-" + string(key.Quantize)
	}
	length, write := size, func(w io.Writer) error {
		_, err := io.Copy(w, body)
		return err
	}
	if key.Name == pipeline.TFLiteC {
		named := framework.CName(result, key.Quantize)
		length = framework.CSize(named, noted, size)
		write = func(w io.Writer) error { return framework.WriteC(w, named, noted, body, size) }
	}
	w.Header().Set("Content-Type", f.Media)
	w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + f.Extension}))
	out := bufio.NewWriterSize(w, 64<<10)
	if err := write(out); err != nil {
		s.Log.DebugContext(ctx, "a download was broken off", "result", result.ID, "error", err)
		return nil
	}
	_ = out.Flush() // the client may be gone
	return nil
}

// download streams a trained model.
func (s *Service) download(w http.ResponseWriter, r *http.Request) {
	result, err := s.trained(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	f, key, err := s.wanted(r.Context(), result, r)
	if err == nil {
		err = s.send(r.Context(), w, result, f, key)
	}
	if err != nil {
		door.Problem(w, err)
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
		if _, ok := s.Kinds.Format(name); ok {
			return f, pipeline.Invalidf("format", "result %d is a model of %s, which is not had as %s", r.ID, kind.Name, name).WithHint("use %s", strings.Join(kind.Bundle.FormatNames(), " or "))
		}
		return f, pipeline.Invalidf("format", "%q is not known", name).WithHint("use %s", strings.Join(kind.Bundle.FormatNames(), " or "))
	}
	return f, nil
}
