package function

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kafkaml/kafkaml/"

// mayImport says which way imports point: what a room may import of ours
// beside itself. A room that is not named belongs to the longest one that is a
// folder above it; what no room covers sits on top and may import anything.
var mayImport = map[string][]string{
	"shared/pipeline":                   {},
	"shared/identity":                   {"shared/pipeline"},
	"shared/identity/oidc":              {"shared/trust", "shared/pipeline", "shared/identity"},
	"shared/identity/oidc/oidctest":     {"shared/toolchain"},
	"shared/toolchain":                  {"shared/pipeline"},
	"shared/datasets":                   {"shared/pipeline", "shared/toolchain"},
	"shared/disk":                       {},
	"shared/protofield":                 {},
	"shared/codec":                      {"shared/pipeline"},
	"shared/features":                   {"shared/pipeline", "shared/codec", "shared/stream"},
	"shared/schemas":                    {"shared/trust", "shared/pipeline", "shared/codec"},
	"shared/tracing":                    {"shared/pipeline"},
	"shared/schemas/schemastest":        {"shared/toolchain"},
	"shared/inspect":                    {"shared/pipeline", "shared/codec"},
	"shared/stream":                     {"shared/trust", "shared/tracing", "shared/pipeline"},
	"shared/stream/control":             {"shared/pipeline", "shared/stream"},
	"shared/stream/files":               {"shared/pipeline", "shared/codec"},
	"shared/stream/broker":              {"shared/pipeline"},
	"shared/stream/streamtest":          {"shared/pipeline", "shared/stream", "shared/stream/broker", "shared/toolchain"},
	"shared/registry":                   {"shared/tracing", "shared/pipeline"},
	"shared/registry/registrytest":      {"shared/toolchain", "shared/pipeline", "shared/registry"},
	"shared/artifact":                   {"shared/trust", "shared/pipeline"},
	"shared/version":                    {},
	"shared/drift":                      {"shared/pipeline"},
	"shared/rotate":                     {},
	"shared/trust":                      {"shared/pipeline"},
	"shared/backup":                     {"shared/pipeline", "shared/registry", "shared/artifact"},
	"shared/artifact/artifacttest":      {"shared/toolchain"},
	"shared/framework":                  {"shared/pipeline", "shared/codec"},
	"shared/framework/adapt":            {},
	"shared/framework/rows":             {"shared/pipeline", "shared/codec"},
	"shared/framework/frameworktest":    {"shared/pipeline", "shared/codec", "shared/framework", "shared/artifact"},
	"shared/framework/keras":            {"shared/disk", "shared/pipeline", "shared/codec", "shared/framework", "shared/framework/keras/savedmodel", "shared/framework/keras/kerasmodel", "shared/framework/onnx/onnxgraph", "shared/framework/onnx/onnxmodel", "shared/toolchain"},
	"shared/framework/keras/savedmodel": {"shared/protofield"},
	"shared/framework/keras/fitargs":    {"shared/pipeline"},
	"shared/framework/keras/callbacks":  {"shared/pipeline"},
	// What the framework is to every process: it starts nothing and links nothing.
	"shared/framework/keras/kerasmodel":          {"shared/pipeline", "shared/framework", "shared/framework/keras/fitargs", "shared/framework/onnx/onnxmodel"},
	"shared/framework/tensorflow":                {"shared/pipeline", "shared/codec", "shared/framework", "shared/framework/adapt", "shared/framework/rows", "shared/framework/keras/kerasmodel", "shared/framework/keras/callbacks", "shared/framework/onnx/onnxgraph", "shared/framework/onnx/onnxmodel"},
	"shared/framework/tensorflow/tensorflowtest": {"shared/pipeline", "shared/toolchain"},
	// A kind that other kinds keep their models in too.
	"shared/framework/onnx/onnxmodel":  {"shared/framework"},
	"shared/framework/onnx/onnxgraph":  {"shared/pipeline", "shared/codec"},
	"shared/framework/onnx/onnxtest":   {},
	"shared/framework/onnx/onnximport": {"shared/pipeline", "shared/framework", "shared/framework/onnx/onnxmodel", "shared/framework/onnx/onnxgraph"},
	"shared/framework/onnx":            {"shared/pipeline", "shared/codec", "shared/framework", "shared/framework/rows", "shared/framework/onnx/onnxmodel", "shared/framework/onnx/onnxgraph", "shared/toolchain"},
	"shared/platform":                  {"shared/disk", "shared/pipeline", "shared/rotate"},
	"eventing":                         {"shared/tracing", "shared/pipeline", "shared/protofield", "shared/stream", "eventing/schema"},
	"eventing/schema":                  {},
	"eventing/api":                     {"eventing/bounds", "shared/pipeline", "eventing", "eventing/schema"},
	"eventing/sources":                 {"eventing"},
	"eventing/validate":                {"shared/pipeline", "eventing", "eventing/schema"},
	"eventing/door":                    {"shared/version", "shared/tracing", "eventing/bounds", "shared/pipeline", "shared/identity", "shared/registry", "eventing", "eventing/api", "eventing/guard", "eventing/validate"},
	"eventing/guard":                   {"shared/pipeline", "shared/identity", "shared/identity/oidc", "eventing/api"},
	"shared/fair":                      {"shared/pipeline"},
	"eventing/bounds":                  {"shared/pipeline", "shared/identity"},
	"client":                           {"shared/trust", "shared/tracing", "shared/pipeline", "eventing"},
	// A step imports no other step: steps meet in events and in the registry.
	"functions/model-register":   {"shared/fair", "eventing/bounds", "shared/pipeline", "shared/registry", "shared/artifact", "shared/codec", "shared/framework", "shared/framework/keras/kerasmodel", "shared/framework/onnx/onnxmodel", "eventing", "eventing/api", "eventing/door"},
	"functions/deploy-training":  {"shared/tracing", "shared/pipeline", "shared/identity", "shared/registry", "shared/stream", "shared/stream/control", "shared/artifact", "shared/framework", "shared/framework/onnx/onnxmodel", "shared/codec", "shared/features", "shared/platform", "eventing", "eventing/api", "eventing/door"},
	"functions/control-log":      {"shared/pipeline", "shared/identity", "shared/registry", "shared/stream", "shared/stream/control", "eventing", "eventing/api", "eventing/door"},
	"functions/deploy-inference": {"shared/pipeline", "shared/identity", "shared/registry", "shared/codec", "shared/features", "shared/platform", "eventing", "eventing/api", "eventing/door"},
	"functions/records":          {"shared/fair", "eventing/bounds", "shared/pipeline", "shared/registry", "shared/codec", "shared/features", "shared/inspect", "shared/schemas", "shared/datasets", "shared/identity", "shared/stream", "shared/stream/control", "shared/stream/files", "eventing/api", "eventing/door"},
	"functions/predict":          {"shared/tracing", "eventing/bounds", "shared/pipeline", "shared/identity", "shared/artifact", "shared/codec", "shared/features", "shared/schemas", "shared/framework", "shared/platform", "shared/stream", "eventing", "eventing/api", "eventing/guard"},
	"functions/train":            {"shared/disk", "shared/drift", "shared/tracing", "shared/pipeline", "shared/artifact", "shared/codec", "shared/features", "shared/schemas", "shared/framework", "shared/platform", "shared/stream", "eventing"},
}

// never says what a room does not reach by any detour, whatever it imports:
// the column "never there" of the map in ARCHITECTURE.md. A name with a dot is
// somebody else's module.
var never = []struct {
	room, what string
	reach      []string
}{
	{"functions/model-register", "Python", []string{"shared/framework/keras"}},
	{"functions/deploy-training", "how a Job runs", []string{"shared/platform/local", "shared/platform/kubernetes", "k8s.io"}},
	{"functions/control-log", "data records", []string{"shared/codec", "shared/stream/files"}},
	{"functions/deploy-inference", "predictions", []string{"shared/framework", "shared/stream/control", "shared/stream/files"}},
	{"functions/train", "the registry", []string{"shared/registry", "eventing/door"}},
	{"functions/predict", "the registry", []string{"shared/registry", "eventing/door"}},
	{"eventing", "the registry", []string{"shared/registry"}},
	{"eventing/api", "the registry", []string{"shared/registry"}},
	{"eventing/guard", "the registry", []string{"shared/registry"}},
	{"eventing/door", "a function's rules", []string{"functions"}},
	{"shared/pipeline", "I/O", []string{"net/http", "os", "os/exec", "database/sql"}},
	{"shared/identity", "HTTP", []string{"eventing"}},
	{"shared/registry", "blobs", []string{"shared/artifact", "github.com/minio"}},
	{"shared/stream", "decoding", []string{"shared/codec", "shared/stream/control"}},
	{"shared/stream/control", "data records", []string{"shared/codec"}},
	{"shared/stream/files", "Kafka", []string{"shared/stream", "github.com/segmentio", "github.com/twmb"}},
	{"shared/inspect", "Kafka", []string{"shared/stream", "github.com/segmentio", "github.com/twmb"}},
	{"shared/codec", "Kafka", []string{"github.com/segmentio", "github.com/twmb"}},
	{"shared/features", "asking a schema registry", []string{"shared/schemas"}},
	{"shared/framework/keras", "training", []string{"shared/framework/tensorflow", "github.com/galeone"}},
	{"shared/framework/tensorflow", "Kafka", []string{"shared/stream", "github.com/segmentio", "github.com/twmb"}},
	{"shared/framework/onnx", "Kafka", []string{"shared/stream", "github.com/segmentio", "github.com/twmb"}},
	{"shared/framework/onnx", "TensorFlow", []string{"github.com/galeone"}},
	{"shared/framework/onnx/onnxgraph", "a library", []string{"github.com/galeone", "github.com/yalue"}},
	{"shared/framework/rows", "a library", []string{"github.com/galeone", "github.com/yalue"}},
	{"shared/framework", "a library", []string{"github.com/galeone", "github.com/yalue"}},
	{"shared/tracing", "our HTTP doors", []string{"eventing"}},
	{"shared/platform", "the registry", []string{"shared/registry"}},
	{"client", "the functions", []string{"functions"}},
	{"cmd/kafkaml-predict", "libtensorflow", []string{"github.com/galeone"}},
	{"cmd/kafkaml", "libtensorflow or ONNX Runtime", []string{"github.com/galeone", "github.com/yalue"}},
}

// linkTensorFlow are the rooms that link libtensorflow, which takes a process
// hundreds of megabytes and half a second; nothing else may, by any detour.
var linkTensorFlow = []string{"shared/framework/tensorflow", "cmd/kafkaml-tensorflow", "test"}

// room is the part of the tree that a package belongs to.
func room(pkg string) string {
	pkg = strings.TrimPrefix(pkg, module)
	for dir := pkg; dir != "."; dir = path.Dir(dir) {
		if _, named := mayImport[dir]; named {
			return dir
		}
	}
	parts := strings.Split(pkg, "/")
	if parts[0] == "cmd" || parts[0] == "functions" {
		return strings.Join(parts[:min(2, len(parts))], "/")
	}
	return parts[0]
}

func TestWhichWayImportsPoint(t *testing.T) {
	for pkg, imported := range importsOf(t) {
		allowed, fenced := mayImport[room(pkg)]
		for _, i := range imported {
			to := room(i)
			forTests := strings.HasSuffix(pkg, "test") && to == "shared/toolchain"
			if fenced && strings.HasPrefix(i, module) && to != room(pkg) && !forTests && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s: %s may import %v", pkg, i, room(pkg), allowed)
			}
		}
	}
}

func TestWhatARoomNeverReaches(t *testing.T) {
	imports := importsOf(t)
	for _, rule := range never {
		for pkg := range imports {
			if room(pkg) != rule.room || strings.HasSuffix(pkg, "test") {
				continue
			}
			if way := wayTo(imports, pkg, rule.reach); way != nil {
				t.Errorf("%s never has %s, but %s", rule.room, rule.what, strings.Join(way, " -> "))
			}
		}
	}
	if wayTo(imports, module+"functions", []string{"shared/registry"}) == nil {
		t.Error("the functions are not seen to reach the registry: this test cannot fail")
	}
}

// wayTo gives a chain of imports from pkg to one of the rooms or modules.
func wayTo(imports map[string][]string, pkg string, reach []string) []string {
	seen := map[string]bool{}
	var walk func(string) []string
	walk = func(p string) []string {
		if seen[p] {
			return nil
		}
		seen[p] = true
		for _, i := range imports[p] {
			short := strings.TrimPrefix(i, module)
			if slices.ContainsFunc(reach, func(r string) bool { return within(short, r) && !within(strings.TrimPrefix(pkg, module), r) }) {
				return []string{strings.TrimPrefix(p, module), short}
			}
			if rest := walk(i); rest != nil {
				return append([]string{strings.TrimPrefix(p, module)}, rest...)
			}
		}
		return nil
	}
	return walk(pkg)
}

// within reports whether a package is in a folder. A room that is named in
// mayImport is not part of the room above it.
func within(pkg, folder string) bool {
	if _, named := mayImport[folder]; named {
		return room(pkg) == folder
	}
	return pkg == folder || strings.HasPrefix(pkg, folder+"/")
}

func TestOnlySomeRoomsLinkTensorFlow(t *testing.T) {
	imports := importsOf(t)
	links := func(pkg string) bool { return wayTo(imports, pkg, []string{"github.com/galeone"}) != nil }
	if !links(module + "shared/framework/tensorflow") {
		t.Error("shared/framework/tensorflow is not seen to link libtensorflow: this test cannot fail")
	}
	for pkg, imported := range imports {
		if links(pkg) && !slices.ContainsFunc(linkTensorFlow, func(r string) bool { return within(strings.TrimPrefix(pkg, module), r) }) {
			t.Errorf("%s links libtensorflow", pkg)
		}
		for _, i := range imported {
			for binding, only := range map[string]string{"github.com/galeone/": "shared/framework/tensorflow", "github.com/yalue/": "shared/framework/onnx"} {
				if strings.HasPrefix(i, binding) && room(pkg) != only {
					t.Errorf("%s imports a binding: only %s does", pkg, only)
				}
			}
		}
	}
}

// mapped is a row of the map in ARCHITECTURE.md.
var mapped = regexp.MustCompile("(?m)^\\| `([^`]+)`")

// TestTheMapIsWhole holds that each package lies in a folder that the map
// names, and that what the map and the search terms name is there.
func TestTheMapIsWhole(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	var rooms []string
	for _, m := range mapped.FindAllStringSubmatch(string(text), -1) {
		rooms = append(rooms, m[1])
	}
	for pkg := range importsOf(t) {
		pkg = strings.TrimPrefix(pkg, module)
		if !slices.ContainsFunc(rooms, func(r string) bool { return pkg == r || strings.HasPrefix(pkg, r+"/") }) && pkg != strings.TrimSuffix(module, "/") {
			t.Errorf("%s is in no row of the map in ARCHITECTURE.md", pkg)
		}
	}
	for _, m := range regexp.MustCompile("`((?:functions|shared|eventing|client|cmd|ui|test|examples|docs|manifests)/[\\w./-]+)`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(m[1]); err != nil {
			t.Errorf("ARCHITECTURE.md names %s, which is not there", m[1])
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
