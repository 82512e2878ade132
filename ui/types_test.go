package ui

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	function "github.com/kafkaml/kafkaml"
	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/eventing/schema"
	"github.com/kafkaml/kafkaml/functions/records"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var update = flag.Bool("update", false, "write the page's types anew")

const generated = "src/api/generated.ts"

// framework is what the page offers of one.
type framework struct {
	Name    string   `json:"name"`
	Engines []string `json:"engines"`
	Formats []format `json:"formats"`
}

type format struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// choices are those of the frameworks registered.
func choices() []framework {
	var all []framework
	for _, kind := range function.Frameworks().Kinds() {
		f := framework{Name: kind.Name, Engines: kind.Settings.EngineNames()}
		for _, one := range kind.Bundle.Formats {
			f.Formats = append(f.Formats, format{one.Name, one.Title})
		}
		all = append(all, f)
	}
	return all
}

// T stands for what a page of a list holds.
type T struct{}

// The page's types are the structs of shared/pipeline, config.json's, and what
// answers are made of beside.
func TestTypesOfThePage(t *testing.T) {
	set := schema.Set{}
	types := map[string]schema.Schema{
		"Model":             set.Answer(pipeline.Model{}, pipeline.ModelForm{}),
		"Configuration":     set.Answer(pipeline.Configuration{}, pipeline.ConfigurationForm{}),
		"Deployment":        set.Answer(pipeline.Deployment{}, pipeline.DeploymentForm{}),
		"Result":            set.Answer(pipeline.Result{}, nil),
		"Study":             set.Answer(pipeline.Study{}, pipeline.StudyForm{}),
		"Datasource":        set.Answer(pipeline.Datasource{}, nil),
		"Inference":         set.Answer(pipeline.Inference{}, pipeline.InferenceForm{}),
		"Export":            set.Answer(pipeline.Export{}, nil),
		"Config":            set.Answer(client.Config{}, nil),
		"Page<T>":           set.Answer(client.Page[T]{}, nil),
		"Preview":           set.Answer(records.Preview{}, nil),
		"Topic":             set.Answer(records.Topic{}, nil),
		"Look":              set.Answer(records.Look{}, nil),
		"Tried":             set.Answer(records.Tried{}, nil),
		"Trial":             set.Answer(pipeline.Trial{}, nil),
		"Position":          set.Answer(pipeline.Position{}, nil),
		"Epoch":             set.Answer(pipeline.Epoch{}, nil),
		"ModelForm":         set.Form(pipeline.ModelForm{}),
		"ConfigurationForm": set.Form(pipeline.ConfigurationForm{}),
		"DeploymentForm":    set.Form(pipeline.DeploymentForm{}),
		"StudyForm":         set.Form(pipeline.StudyForm{}),
		"ConversionForm":    set.Form(pipeline.ConversionForm{}),
		"DatasourceForm":    set.Form(pipeline.DatasourceForm{}),
		"InferenceForm":     set.Form(pipeline.InferenceForm{}),
		"ResultForm":        set.Form(pipeline.ResultForm{}),
	}
	delete(set.Definitions, "T")
	for name, s := range set.Definitions {
		if _, ok := types[name]; !ok {
			types[name] = s
		}
	}
	frameworks, err := json.MarshalIndent(choices(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text := "// Written by: go test ./ui -run TestTypesOfThePage -update\n// from the structs of shared/pipeline and client.Config, and the frameworks that\n// are registered: change those.\n\n" +
		schema.TypeScript(types) +
		"/** The frameworks that models may be of, the default first. */\n" +
		"export const frameworks: { name: string; engines: string[]; formats: { name: string; title: string }[] }[] = " + string(frameworks) + "\n"
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
