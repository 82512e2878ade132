package pipeline

import (
	"slices"
	"testing"
)

// What a training stores lies below the keys that its fence leaves it: the tensors of a
// study, which its trials share, too.
func TestWritten(t *testing.T) {
	s := Study{ID: 3}
	for name, c := range map[string]struct {
		job  TrainingJob
		want []string
	}{
		"a training":  {TrainingJob{Output: "results/1/attempt-1"}, []string{"results/1/attempt-1"}},
		"checkpoints": {TrainingJob{Output: "o", Checkpoint: ResultCheckpoint(1)}, []string{"o", ResultCheckpoint(1)}},
		"following":   {TrainingJob{Output: "o", Result: 1, Following: &Following{}}, []string{"o", InterimFolder(1)}},
		"a trial":     {TrainingJob{Output: "o", Tensors: s.Tensors(Export{})}, []string{"o", StudyArtifact(s.ID)}},
	} {
		if got := c.job.Written(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
