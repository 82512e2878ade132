package main

import (
	"os"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestModels(t *testing.T) {
	s := serveFunctions(t)
	golden(t, "models", s.transcript(t,
		"models list",
		"models create --name digits --description '8 by 8 pixels' -f testdata/digits.py",
		"models create -f testdata/line.yaml",
		"models create --name digits -f testdata/digits.py",
		"models create --name broken -f testdata/broken.py",
		"models create --name nothing",
		"models create -f testdata/line.yaml --colour blue",
		"models list",
		"models list -q",
		"models list -o name --search lin",
		"models show model/digits",
		"models update digits -f testdata/digits-2.py",
		"models update digits",
		"models versions digits",
		"models validate -f testdata/line.yaml",
		"models show nobody",
		"models show 99",
		"models delete line",
		"models list -o name",
	))
}

// What show writes as YAML can be given back.
func TestModelRoundTrip(t *testing.T) {
	s := serveFunctions(t)
	var before, after pipeline.Model
	s.must(t, &before, "models create --name digits -f testdata/digits.py -o json")
	shown := s.run(t, "models show digits -o yaml", "")
	edited := strings.Replace(shown.out, `description: ""`, "description: edited", 1)
	if shown.code != 0 || edited == shown.out {
		t.Fatalf("exit %d, nothing to edit in:\n%s", shown.code, shown.out)
	}
	if r := s.run(t, "models update digits -f -", edited); r.code != 0 {
		t.Fatal(r.err)
	}
	s.must(t, &after, "models show digits -o json")
	if after.Description != "edited" || after.Version != 1 || after.SourceHash != before.SourceHash {
		t.Errorf("description %q, version %d: want the description alone to change", after.Description, after.Version)
	}
}

// Source on standard input is told from a manifest by what it holds.
func TestModelFromStandardInput(t *testing.T) {
	s := serveFunctions(t)
	for name, file := range map[string]string{"source": "testdata/digits.py", "manifest": "testdata/line.yaml"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if r := s.run(t, "models validate -f - -o name", string(text)); r.code != 0 || r.out != "valid\n" {
				t.Errorf("exit %d, %s%s", r.code, r.out, r.err)
			}
		})
	}
}
