package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestExamples runs each example against one machine, as README says, and wants
// it to end well with predictions of its inference, or with a second training.
func TestExamples(t *testing.T) {
	t.Parallel()
	m := newMachine(t, nil, "--broker", "kafka")
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"mnist":         `(?m)^\d+ predictions`,
		"breast-cancer": `(?m)^\d+ predictions`,
		"diabetes":      `(?m)^\d+ predictions`,
		"resend":        `finished`,
	} {
		t.Run(name, func(t *testing.T) {
			script := exec.Command(filepath.Join(root, "examples", name, "run.sh")) // #nosec G204 -- a file of ours
			script.Env = append(os.Environ(), m.env...)
			script.Env = append(script.Env, "KAFKAML_URL="+m.URL, "PATH="+bin+":"+os.Getenv("PATH"))
			out, err := script.CombinedOutput()
			if err != nil || !regexp.MustCompile(want).Match(out) {
				t.Errorf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}
