package modelregister

import (
	"errors"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestMembersOfAModel(t *testing.T) {
	cases := map[string]struct {
		members map[string]any
		field   string
	}{
		"complete":          {map[string]any{"name": "a", "source": "model = 1"}, ""},
		"no name":           {map[string]any{"source": "model = 1"}, "name"},
		"no source":         {map[string]any{"name": "a"}, "source"},
		"other framework":   {map[string]any{"name": "a", "source": "x", "framework": "torch"}, "framework"},
		"long source":       {map[string]any{"name": "a", "source": strings.Repeat("x", maxSource+1)}, "source"},
		"long imports":      {map[string]any{"name": "a", "source": "x", "imports": strings.Repeat("x", maxImports+1)}, "imports"},
		"long description":  {map[string]any{"name": "a", "source": "x", "description": strings.Repeat("x", maxDescription+1)}, "description"},
		"named tensorflow":  {map[string]any{"name": "a", "source": "x", "framework": "tensorflow"}, ""},
		"empty description": {map[string]any{"name": "a", "source": "x", "description": ""}, ""},
		"what is not given": {map[string]any{"name": "a", "source": "x", "version": 7}, "version"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m, err := modelOf(framework.Kinds{kerasmodel.Kind()}, eventing.New(eventing.ModelRegister, "/t", "", c.members), pipeline.Model{})
			var e *pipeline.Error
			if c.field == "" {
				if err != nil || m.Framework != kerasmodel.Name || len(m.SourceHash) != 64 {
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
	seen := map[string]pipeline.Model{}
	for _, m := range []pipeline.Model{
		{Imports: "a", Source: "b"},
		{Source: "ab"},
		{Source: "ab", LabelReshape: "2"},
		{Source: "ab", LabelType: "int32"},
		{Source: "ab", LabelType: "int32", LabelReshape: "2"},
	} {
		if other, known := seen[sourceHash(m)]; known {
			t.Errorf("%+v has the hash of %+v", m, other)
		}
		seen[sourceHash(m)] = m
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
