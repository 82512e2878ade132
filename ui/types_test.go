package ui

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/eventing/schema"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var update = flag.Bool("update", false, "write the page's types anew")

const generated = "src/api/generated.ts"

// The page's types are the structs of shared/pipeline, and config.json's.
func TestTypesOfThePage(t *testing.T) {
	set := schema.Set{}
	types := map[string]schema.Schema{
		"Model":             set.Answer(pipeline.Model{}, pipeline.ModelForm{}),
		"Configuration":     set.Answer(pipeline.Configuration{}, pipeline.ConfigurationForm{}),
		"Deployment":        set.Answer(pipeline.Deployment{}, pipeline.DeploymentForm{}),
		"Result":            set.Answer(pipeline.Result{}, nil),
		"Datasource":        set.Answer(pipeline.Datasource{}, nil),
		"Inference":         set.Answer(pipeline.Inference{}, pipeline.InferenceForm{}),
		"Export":            set.Answer(pipeline.Export{}, nil),
		"Config":            set.Answer(client.Config{}, nil),
		"Position":          set.Answer(pipeline.Position{}, nil),
		"Epoch":             set.Answer(pipeline.Epoch{}, nil),
		"ModelForm":         set.Form(pipeline.ModelForm{}),
		"ConfigurationForm": set.Form(pipeline.ConfigurationForm{}),
		"DeploymentForm":    set.Form(pipeline.DeploymentForm{}),
		"InferenceForm":     set.Form(pipeline.InferenceForm{}),
	}
	for name, s := range set.Definitions {
		if _, ok := types[name]; !ok {
			types[name] = s
		}
	}
	text := "// Written by: go test ./ui -run TestTypesOfThePage -update\n// from the structs of shared/pipeline and client.Config: change those.\n\n" + schema.TypeScript(types)
	if *update {
		if err := os.WriteFile(generated, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(generated)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(old), text); diff != "" {
		t.Errorf("%s is behind the structs (-update writes it anew):\n%s", generated, diff)
	}
}
