package function

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kafkaml/kafkaml/"

// mayImport says which way imports point: what a room may import of ours
// beside itself. What is not named here sits on top and may import anything.
var mayImport = map[string][]string{
	"shared/pipeline":             {},
	"shared/toolchain":            {"shared/pipeline"},
	"shared/codec":                {"shared/pipeline"},
	"shared/stream":               {"shared/pipeline"},
	"shared/stream/control":       {"shared/pipeline", "shared/stream"},
	"shared/stream/files":         {"shared/pipeline", "shared/codec"},
	"shared/stream/broker":        {"shared/pipeline"},
	"shared/stream/streamtest":    {"shared/stream", "shared/stream/broker", "shared/toolchain"},
	"shared/registry":             {"shared/pipeline"},
	"shared/artifact":             {"shared/pipeline"},
	"shared/framework":            {"shared/pipeline", "shared/codec"},
	"shared/framework/keras":      {"shared/pipeline", "shared/codec", "shared/framework", "shared/framework/keras/savedmodel", "shared/toolchain"},
	"shared/framework/tensorflow": {"shared/pipeline", "shared/codec", "shared/framework", "shared/framework/keras/kerasmodel"},
	// What a framework is to every process: it starts nothing and links nothing.
	"shared/framework/keras/kerasmodel": {"shared/pipeline", "shared/framework", "shared/framework/keras/fitargs"},
	"shared/framework/keras/fitargs":    {"shared/pipeline"},
	"shared/platform":                   {"shared/pipeline"},
	"eventing":                          {"shared/pipeline", "shared/stream", "shared/registry"},
	"client":                            {"shared/pipeline", "eventing"},
	// A step imports the rooms below it and no other step: steps meet in events
	// and in the registry.
	"functions/*": {"shared/*", "eventing"},
	// It knows where streams lie, and decodes none of their records.
	"functions/control-log": {"shared/pipeline", "shared/registry", "shared/stream", "shared/stream/control", "eventing"},
	// It says what is to be served, and reads neither records nor predictions.
	"functions/deploy-inference": {"shared/pipeline", "shared/registry", "shared/codec", "shared/platform", "eventing"},
}

// linkTensorFlow are the rooms that link libtensorflow, which takes a process
// hundreds of megabytes and half a second; nothing else may, by any detour.
var linkTensorFlow = []string{"shared/framework/tensorflow", "cmd/kafkaml-tensorflow", "test"}

// room is the part of the tree that a package belongs to.
func room(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, module), "/")
	depth := 1
	switch {
	case len(parts) > 1 && parts[1] == "framework":
		depth = 4
	case len(parts) > 1 && parts[1] == "stream":
		depth = 3
	case parts[0] == "shared" || parts[0] == "functions" || parts[0] == "cmd":
		depth = 2
	}
	return strings.Join(parts[:min(depth, len(parts))], "/")
}

func TestWhichWayImportsPoint(t *testing.T) {
	imports := importsOf(t)
	for path, imported := range imports {
		from := room(path)
		allowed, fenced := mayImport[from]
		if strings.HasPrefix(from, "functions/") && !fenced {
			allowed, fenced = mayImport["functions/*"], true
		}
		for _, i := range imported {
			to := room(i)
			forTests := strings.HasSuffix(path, "test") && to == "shared/toolchain"
			if !fenced || forTests || to == from || !strings.HasPrefix(i, module) || slices.Contains(allowed, to) ||
				strings.HasPrefix(to, "shared/") && slices.Contains(allowed, "shared/*") {
				continue
			}
			t.Errorf("%s imports %s: %s may import %v", path, i, from, allowed)
		}
	}
}

func TestOnlySomeRoomsLinkTensorFlow(t *testing.T) {
	imports := importsOf(t)
	var links func(path string) bool
	links = func(path string) bool {
		return strings.HasPrefix(path, "github.com/galeone/") || slices.ContainsFunc(imports[path], links)
	}
	if !links(module + "shared/framework/tensorflow") {
		t.Error("shared/framework/tensorflow is not seen to link libtensorflow: this test cannot fail")
	}
	for path := range imports {
		if links(path) && !slices.Contains(linkTensorFlow, room(path)) {
			t.Errorf("%s links libtensorflow", path)
		}
	}
}

// TestFrameworksAreHandedIn holds that only mains choose a framework: no step
// and no other package names the one that it works with.
func TestFrameworksAreHandedIn(t *testing.T) {
	for path, imported := range importsOf(t) {
		from := room(path)
		if strings.HasPrefix(from, "shared/framework") || strings.HasPrefix(from, "cmd/") {
			continue
		}
		for _, i := range imported {
			if room(i) == "shared/framework/tensorflow" {
				t.Errorf("%s imports %s: a framework is handed in", path, i)
			}
		}
	}
}

// importsOf gives what each package of the module imports, tests left out.
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return imports
		} else if err != nil {
			t.Fatal(err)
		}
		imports[p.ImportPath] = p.Imports
	}
}
