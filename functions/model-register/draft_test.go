package modelregister

import (
	"errors"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestModelDraft(t *testing.T) {
	text := func(s string) *string { return &s }
	cases := map[string]struct {
		draft ModelDraft
		field string
	}{
		"complete":          {ModelDraft{Name: text("a"), Source: text("model = 1")}, ""},
		"no name":           {ModelDraft{Source: text("model = 1")}, "name"},
		"no source":         {ModelDraft{Name: text("a")}, "source"},
		"other framework":   {ModelDraft{Name: text("a"), Source: text("x"), Framework: text("torch")}, "framework"},
		"long source":       {ModelDraft{Name: text("a"), Source: text(strings.Repeat("x", maxSource+1))}, "source"},
		"long imports":      {ModelDraft{Name: text("a"), Source: text("x"), Imports: text(strings.Repeat("x", maxImports+1))}, "imports"},
		"long description":  {ModelDraft{Name: text("a"), Source: text("x"), Description: text(strings.Repeat("x", maxDescription+1))}, "description"},
		"named tensorflow":  {ModelDraft{Name: text("a"), Source: text("x"), Framework: text("tensorflow")}, ""},
		"empty description": {ModelDraft{Name: text("a"), Source: text("x"), Description: text("")}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m, err := c.draft.apply(pipeline.Model{})
			var e *pipeline.Error
			if c.field == "" {
				if err != nil || m.Framework != tensorflow || len(m.SourceHash) != 64 {
					t.Errorf("got %+v, %v", m, err)
				}
				return
			}
			if !errors.As(err, &e) || e.Field != c.field || e.Kind != pipeline.Invalid {
				t.Errorf("got %v, want an invalid %s", err, c.field)
			}
		})
	}
}

func TestSourceHashTellsImportsFromSource(t *testing.T) {
	if sourceHash("a", "b") == sourceHash("", "ab") {
		t.Error("moving text from imports to source does not change the hash")
	}
}

func TestParseExample(t *testing.T) {
	cases := map[string]struct {
		text, imports, source string
		ok                    bool
	}{
		"whole":        {"\"\"\"What.\n\nMore.\n\"\"\"\nimport keras\nfrom keras import layers\n\nmodel = 1\n", "import keras\nfrom keras import layers\n", "model = 1\n", true},
		"no docstring": {"import keras\nmodel = 1\n", "", "", false},
		"not closed":   {"\"\"\"What.\nimport keras\n", "", "", false},
		"no imports":   {"\"\"\"What.\"\"\"\nmodel = 1\n", "", "", false},
		"no source":    {"\"\"\"What.\"\"\"\nimport keras\n", "", "", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseExample("x", c.text)
			if (err == nil) != c.ok || got.Imports != c.imports || got.Source != c.source {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
