package frameworktest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// exerciseKind holds a kind against what the steps rely on.
func exerciseKind(t *testing.T, k framework.Kind) {
	exerciseNames(t, k)
	if k.Source == "" {
		t.Error("the kind does not say what a person pastes")
	}
	exerciseBundle(t, k.Bundle)
	s := k.Settings
	if len(s.Engines) == 0 || s.Engines[0] != pipeline.Auto {
		t.Errorf("engines %v: auto is every framework's default", s.Engines)
	}
	if e, err := s.Engine(""); err != nil || e != pipeline.Auto {
		t.Errorf("no engine becomes %q, %v", e, err)
	}
	_, err := s.Engine("no such engine")
	refused(t, err, "engine")
	for _, raw := range []string{``, `null`, `{}`, `""`} {
		if fit, err := s.Fit(json.RawMessage(raw)); err != nil || fit.Epochs != 1 || !fit.Shuffle {
			t.Errorf("arguments %q are read as %+v, %v", raw, fit, err)
		}
		if _, err := s.Evaluate(json.RawMessage(raw)); err != nil {
			t.Errorf("arguments %q: %v", raw, err)
		}
	}
	fit, err := s.Fit(json.RawMessage(`{"epochs": 3, "shuffle": false}`))
	if err != nil || fit.Epochs != 3 || fit.Shuffle {
		t.Errorf("got %+v, %v", fit, err)
	}
	written, err := json.Marshal(fit)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Fit(written); err != nil || cmp.Diff(fit, again) != "" {
		t.Errorf("%s is read as %+v, %v", written, again, err)
	}
	for field, raw := range map[string]string{"training_kwargs.epochs": `{"epochs": 0}`, "training_kwargs.no_such_argument": `{"no_such_argument": 1}`, "training_kwargs": `[1]`} {
		_, err := s.Fit(json.RawMessage(raw))
		refused(t, err, field)
	}
	_, err = s.Evaluate(json.RawMessage(`{"no_such_argument": 1}`))
	refused(t, err, "validation_kwargs.no_such_argument")
	if err := s.Suit(pipeline.DefaultTrainingKwargs(), pipeline.Export{}); err != nil {
		t.Error("the default arguments do not suit every model:", err)
	}
}

func exerciseNames(t *testing.T, k framework.Kind) {
	for what, text := range map[string]string{"name": k.Name, "program": k.Program, "protocol": k.Protocol} {
		if text == "" {
			t.Errorf("the kind has no %s", what)
		}
	}
}

func exerciseBundle(t *testing.T, b framework.Bundle) {
	for what, blobs := range map[string]framework.Blobs{"exported": b.Exported, "trained": b.Trained, "served": b.Served} {
		var names []string
		needed := 0
		for _, blob := range blobs {
			if blob.Name == "" || strings.Contains(blob.Name, "/") || blob.Path == "" || slices.Contains(names, blob.Name) {
				t.Errorf("%s: blob %+v", what, blob)
			}
			names = append(names, blob.Name)
			if !blob.Optional {
				needed++
			}
		}
		if needed == 0 {
			t.Errorf("%s: no blob that every model has", what)
		}
	}
	for _, served := range b.Served {
		if !slices.Contains(b.Trained, served) {
			t.Errorf("%+v is served and not trained", served)
		}
	}
	if len(b.Formats) == 0 {
		t.Error("a trained model can be downloaded in no format")
	}
	for i, f := range b.Formats {
		at := slices.IndexFunc(b.Trained, func(b framework.Blob) bool { return b.Name == f.Blob })
		kept := at >= 0 && b.Trained[at].Optional == (f.Lacking != "")
		if kept == f.Made || f.Blob == "" || f.Name == "" || f.Title == "" || f.Extension == "" || f.Media == "" {
			t.Errorf("format %q (%s, of %s)", f.Name, f.Title, f.Blob)
		}
		if got, ok := b.Format(f.Name); !ok || got.Name != f.Name {
			t.Errorf("format %q is %q", f.Name, got.Name)
		}
		if got, ok := b.Format(""); i == 0 && (!ok || got.Name != f.Name) {
			t.Errorf("the default format is %q", got.Name)
		}
	}
}

// refused wants an Invalid error that names field.
func refused(t *testing.T, err error, field string) {
	t.Helper()
	var e *pipeline.Error
	if !errors.As(err, &e) || e.Kind != pipeline.Invalid || e.Field != field {
		t.Errorf("%v, want an invalid %s", err, field)
	}
}
