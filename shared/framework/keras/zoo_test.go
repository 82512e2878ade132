package keras

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
)

// zoo is every source under testdata/zoo; between them they use all of Keras'
// optimizers, losses and schedules and most layers.
func zoo(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/zoo/*.py")
	if err != nil || len(files) == 0 {
		t.Fatal("no models", err)
	}
	models := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		models[strings.TrimSuffix(filepath.Base(f), ".py")] = string(text)
	}
	return models
}

// TestZoo exports and verifies every family of models. It fails where Keras
// uses an operation that the allow list lacks.
func TestZoo(t *testing.T) {
	w := sharedWorker(t)
	for name, source := range zoo(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: source}, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if len(e.Layers) == 0 || e.Parameters == 0 || len(e.Metrics) == 0 || e.Metrics[0] != "loss" {
				t.Errorf("description is thin: %+v", e)
			}
		})
	}
}
