package train

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestTellsWhyItWaits trains with a store of models that takes nothing until the
// training has said that it waits for it.
func TestTellsWhyItWaits(t *testing.T) {
	r := newRig(t)
	r.send(t, 100)
	inTheWay := filepath.Join(strings.TrimPrefix(r.Artifacts, "file://"), "results")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	waited := ""
	r.hear = func(p pipeline.Progress) {
		if p.Waiting != nil {
			waited = p.Waiting.Reason
			_ = os.Remove(inTheWay) // it may be gone
		}
	}
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	if last := r.told[len(r.told)-1]; !strings.Contains(waited, "results") || last.Waiting != nil {
		t.Errorf("waited for %q, at last %+v", waited, last)
	}
}
