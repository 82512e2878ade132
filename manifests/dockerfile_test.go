package manifests_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every image of the Dockerfile stands on a base that is pinned by digest, or
// on none, and runs as a user that is not root.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("images/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)
	args, users := map[string]string{}, map[string]string{} // by name, by stage
	stage := ""
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "ARG" && stage == "":
			name, value, _ := strings.Cut(words[1], "=")
			args[name] = value
		case len(words) == 4 && words[0] == "FROM":
			base, named := strings.CutPrefix(words[1], "${")
			base = strings.TrimSuffix(base, "}")
			if _, known := users[words[1]]; named && !pinned.MatchString(args[base]) || !named && !known && base != "scratch" {
				t.Errorf("stage %s stands on %s %s", words[3], words[1], args[base])
			}
			stage = words[3]
			users[stage] = ""
		case len(words) == 2 && words[0] == "USER":
			users[stage] = words[1]
		}
	}
	for _, target := range []string{"kafkaml", "kafkaml-predict", "kafkaml-tensorflow", "kafkaml-keras", "kafkaml-tensorflow-gpu"} {
		if user := users[target]; user != "65532:65532" {
			t.Errorf("image %s runs as %q", target, user)
		}
	}
}
