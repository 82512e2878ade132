package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The programs say the version that the build gives them, as Makefile and
// Dockerfile do.
func TestVersionIsThatOfTheBuild(t *testing.T) {
	for _, program := range []string{"kafkaml", "kafkaml-tensorflow", "kafkaml-predict"} {
		binary := filepath.Join(t.TempDir(), program)
		build := exec.Command("go", "build", "-ldflags", "-s -w -X github.com/kafkaml/kafkaml/shared/version.linked=v1.2.3-test", "-o", binary, "../"+program)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		out, err := exec.Command(binary, "version").Output()
		if err != nil || !strings.HasPrefix(string(out), program+" v1.2.3-test") {
			t.Errorf("%s version says %q, %v", program, out, err)
		}
	}
}
