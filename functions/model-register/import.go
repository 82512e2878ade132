package modelregister

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// maxImport bounds a file that is imported: an ONNX file cannot be larger.
const maxImport = 2<<30 - 1

// received is a file that lies in the scratch folder.
type received struct {
	path   string
	bytes  int64
	sha256 string
}

// receivedKey is that of the received file in the context of a command.
type receivedKey struct{}

// upload is how POST /models/import takes the file.
func (s *Service) upload() *door.Upload {
	return &door.Upload{
		Most: maxImport, Hint: "files of 2 GB and more cannot be served: make the model smaller, for example with weights of 16 bits",
		Query: []api.Param{
			{Name: "name", Value: "", About: "name of the model, unique (default: that of the file)"},
			{Name: "description", Value: "", About: "note for people"},
			{Name: "file", Value: "", About: "name of the file, to be shown", Example: "iris.onnx"},
		},
		Receive: s.receive,
	}
}

// receive stores the file of a request in the scratch folder.
func (s *Service) receive(ctx context.Context, file io.Reader, r *http.Request) (any, context.Context, func(), error) {
	form, err := importForm(r)
	if err != nil {
		return nil, ctx, nil, err
	}
	got, err := s.store(file)
	if err != nil {
		return nil, ctx, nil, err
	}
	done := func() { _ = os.Remove(got.path) } // what is left is the scratch folder's to clear
	return form, context.WithValue(ctx, receivedKey{}, got), done, nil
}

// importForm reads what the query says of the file.
func importForm(r *http.Request) (form pipeline.ImportForm, err error) {
	members := map[string]*string{"name": &form.Name, "description": &form.Description, "file": &form.File}
	for name, values := range r.URL.Query() {
		to, ok := members[name]
		if !ok {
			return form, pipeline.Invalidf(name, "is not known here").WithHint("use name, description and file")
		}
		*to = values[0]
	}
	return form, nil
}

// store copies a file to the scratch folder.
func (s *Service) store(file io.Reader) (got received, err error) {
	f, err := os.CreateTemp(s.Scratch, "import-*")
	if err != nil {
		return got, fmt.Errorf("make a file for the import: %w", err)
	}
	got.path = f.Name()
	sum := sha256.New()
	got.bytes, err = io.Copy(io.MultiWriter(f, sum), file)
	if err = errors.Join(err, f.Close()); err != nil {
		return got, errors.Join(err, os.Remove(got.path))
	}
	got.sha256 = hex.EncodeToString(sum.Sum(nil))
	return got, nil
}

// importModel makes a model, and a finished result of it, from a file.
func (s *Service) importModel(ctx context.Context, call *door.Call) error {
	form, got, done, err := s.imported(ctx, call.Event)
	if err != nil {
		return err
	}
	defer done()
	name, err := nameOf(form)
	if err != nil {
		return err
	}
	if err := s.free(ctx, name); err != nil { // before the work
		return err
	}
	dir, err := os.MkdirTemp(s.Scratch, "import-*")
	if err != nil {
		return fmt.Errorf("make a folder for the import: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it is the scratch folder's to clear
	from := pipeline.Imported{File: path.Base(form.File), Bytes: got.bytes, SHA256: got.sha256}
	kind, read, err := s.open(ctx, got.path, dir)
	if err == nil {
		err = s.serves(ctx, kind, dir, &read.Export)
	}
	if err != nil {
		return ofFile(form, err)
	}
	from.Format = read.Format
	m := pipeline.Model{
		Name: name, Description: form.Description, Framework: kind.Name, SourceHash: got.sha256, Imported: &from, Export: read.Export,
	}
	return s.keep(ctx, call, m, resultOf(m, read.Serving), kind.Bundle, dir)
}

// ofFile is what is wrong with a model as an error about the file that a person
// sent, by its name.
func ofFile(form pipeline.ImportForm, err error) error {
	var wrong *pipeline.Error
	if form.File == "" || !errors.As(err, &wrong) || wrong.Kind != pipeline.Invalid {
		return err
	}
	told := *wrong
	told.Field, told.Reason = "content", path.Base(form.File)+": "+wrong.Reason
	return &told
}

// serves refuses a model that an inference could not serve, and notes in its export
// where that could not be tried.
func (s *Service) serves(ctx context.Context, kind framework.Kind, dir string, e *pipeline.Export) error {
	if s.Check == nil {
		return nil
	}
	leave, err := s.building.Enter(ctx, bounds.Who(ctx))
	if err != nil {
		return err
	}
	defer leave()
	err = s.Check(ctx, kind, dir, *e)
	if err == nil || pipeline.KindOf(err) == pipeline.Invalid || ctx.Err() != nil {
		return err
	}
	s.Log.WarnContext(ctx, "an imported model was not tried", "error", err)
	e.Warnings = append(e.Warnings, pipeline.Warning{Message: "whether it can be served was not tried: " + err.Error()})
	return nil
}

// imported gives the form of an import and the file, which a request has
// brought or the event holds. done removes what is left of it.
func (s *Service) imported(ctx context.Context, e event.Event) (form pipeline.ImportForm, got received, done func(), err error) {
	if err := eventing.Data(e, &form); err != nil {
		return form, got, nil, err
	}
	if err := atMost("description", form.Description, maxDescription); err != nil {
		return form, got, nil, err
	}
	got, ok := ctx.Value(receivedKey{}).(received)
	done = func() {}
	if !ok {
		file := base64.NewDecoder(base64.StdEncoding, strings.NewReader(form.Content))
		if got, err = s.store(file); err != nil {
			return form, got, nil, notBase64(err)
		}
		done = func() { _ = os.Remove(got.path) }
	}
	if got.bytes == 0 {
		done()
		return form, got, nil, pipeline.Invalidf("content", "the file is empty").
			WithHint("send a .onnx or .keras file or a zip of a SavedModel: as the body of POST /models/import, or in base64 as content of an event")
	}
	return form, got, done, nil
}

// notBase64 says what is wrong with the content of an event.
func notBase64(err error) error {
	var corrupt base64.CorruptInputError
	if !errors.As(err, &corrupt) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return pipeline.Invalidf("content", "is not the base64 of a file: %v", err).
		WithHint("an event holds the file itself, as nothing is fetched from a URL; POST /models/import takes it as its body")
}

// nameOf is the name of an imported model.
func nameOf(form pipeline.ImportForm) (string, error) {
	file := path.Base(strings.ReplaceAll(form.File, `\`, "/"))
	if form.File != "" {
		if err := pipeline.ValidateName("file", file); err != nil {
			return "", err
		}
	}
	name := form.Name
	if name == "" && form.File != "" {
		name = strings.TrimSuffix(file, filepath.Ext(file))
	}
	return name, pipeline.ValidateName("name", name)
}

// free refuses a name that is taken.
func (s *Service) free(ctx context.Context, name string) error {
	_, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (struct{}, error) { return struct{}{}, tx.ModelNameFree(name) })
	return err
}

// resultOf is the finished result of an imported model.
func resultOf(m pipeline.Model, serving pipeline.Serving) pipeline.Result {
	now := time.Now().UTC()
	return pipeline.Result{
		ModelName: m.Name, ModelVersion: 1, Imported: m.Imported, Status: pipeline.ResultFinished, Attempt: 1, Serving: &serving,
		Lineage: pipeline.Lineage{SourceHash: m.SourceHash, ModelVersion: 1, Libraries: m.Libraries}, Finished: &now,
	}
}

// keep stores what an importer left in dir under keys of its own and commits the
// rows that refer to it, or removes it.
func (s *Service) keep(ctx context.Context, call *door.Call, m pipeline.Model, r pipeline.Result, b framework.Bundle, dir string) error {
	err := s.Store.Do(ctx, func(tx *registry.Tx) (err error) {
		if m.ID, err = tx.ReserveModel(); err == nil {
			r.ID, err = tx.ReserveResult()
		}
		return err
	})
	if err != nil {
		return err
	}
	r.Model, r.Artifact = m.ID, pipeline.ResultArtifact(r.ID, r.Attempt)
	used := false // an error of the commit itself may hide that it went through
	defer func() {
		if !used {
			s.discard(ctx, r.Artifact)
			s.discard(ctx, path.Dir(pipeline.ModelArtifact(m.ID, 1)))
		}
	}()
	if err := b.Trained.Put(ctx, s.Artifacts, r.Artifact, filepath.Join(dir, framework.ImportedTrained)); err != nil {
		return err
	}
	if r.Formats, err = b.Have(ctx, s.Artifacts, m.Export, r); err != nil {
		return err
	}
	withoutStream(r.Formats)
	if m.Untrainable == "" {
		m.Artifact = pipeline.ModelArtifact(m.ID, 1)
		if err := b.Exported.Put(ctx, s.Artifacts, m.Artifact, filepath.Join(dir, framework.ImportedExported)); err != nil {
			return err
		}
	}
	return call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		answer, err := publishImport(tx, m, r)
		used = err == nil
		return answer, err
	})
}

// publishImport stores the rows of an import, publishes them as a new model and
// a finished result are, and gives the answer, which is both.
func publishImport(tx *registry.Tx, m pipeline.Model, r pipeline.Result) (*event.Event, error) {
	if err := tx.CreateModel(&m); err != nil {
		return nil, err
	}
	if err := tx.CreateResult(&r); err != nil {
		return nil, err
	}
	if _, err := door.Publish(tx, name, eventing.ModelRegistered, m.ID, m); err != nil {
		return nil, err
	}
	if _, err := door.Publish(tx, name, eventing.ResultFinished, r.ID, r); err != nil {
		return nil, err
	}
	answer := eventing.New(eventing.ModelImported, door.Source(name), strconv.FormatInt(m.ID, 10), pipeline.ImportedModel{Model: m, Result: r})
	return &answer, nil
}
