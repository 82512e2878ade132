package modelregister

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestSweepRemovesWhatACrashLeft(t *testing.T) {
	r := newRig(t)
	kept := r.want(t, http.StatusCreated, "POST", "/models", form("a", small))["artifact"].(string)
	orphans := []string{pipeline.ModelArtifact(1, 2) + "-x", pipeline.ModelArtifact(7, 1) + "-x"}
	for _, key := range orphans {
		if err := r.Artifacts.Put(t.Context(), key+"/model.zip", strings.NewReader("z")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		before time.Time
		left   int
	}{{time.Now().Add(-orphanAge), 3}, {time.Now().Add(time.Hour), 1}} {
		if err := r.sweep(t.Context(), c.before); err != nil {
			t.Fatal(err)
		}
		if got := r.exports(t); len(got) != c.left {
			t.Errorf("exports older than %v swept: %v are left, want %d", c.before, got, c.left)
		}
	}
	if ok, err := r.Artifacts.Exists(t.Context(), kept+"/model.zip"); err != nil || !ok {
		t.Errorf("the export in use is there: %v, %v", ok, err)
	}
}
