package toolchain_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// The versions stand in the script that fetches and in the code that finds.
func TestVersionsAgree(t *testing.T) {
	script, err := os.ReadFile("fetch.sh")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(script), "\nMIMALLOC=")
	mimalloc, _, _ := strings.Cut(after, "\n")
	for file, line := range map[string]string{
		string(script):            "\nTENSORFLOW=" + toolchain.TensorFlowVersion + "\n",
		string(script) + " ":      "\nKAFKA=" + toolchain.KafkaVersion + "\n",
		string(script) + "  ":     "\nAPICURIO=" + toolchain.ApicurioVersion + "\nCONFLUENT=" + toolchain.ConfluentVersion + "\n",
		string(script) + "   ":    "\nONNXRUNTIME=" + toolchain.ONNXRuntimeVersion + "\nONNX=" + toolchain.ONNXVersion + "\nTF2ONNX=" + toolchain.TF2ONNXVersion + "\n",
		string(script) + "    ":   "\nTRITONCLIENT=" + toolchain.TritonVersion + "\nLITERT=" + toolchain.LiteRTVersion + "\n",
		string(script) + "     ":  "\nKEYCLOAK=" + toolchain.KeycloakVersion + "\n",
		string(script) + "      ": "\nOPTUNA=" + toolchain.OptunaVersion + "\n",
		string(makefile):          "/tensorflow-" + toolchain.TensorFlowVersion + "\n",
		string(makefile) + " ":    "/mimalloc-" + mimalloc + "\n",
	} {
		if !strings.Contains(file, line) {
			t.Errorf("%q is not where it should be", line)
		}
	}
}

// What was not fetched is an error that names the command which fetches it.
func TestMissingPartsNameTheirCommand(t *testing.T) {
	t.Setenv("KAFKAML_TOOLCHAIN", t.TempDir())
	for command, find := range map[string]func() error{
		"make tensorflow":  func() error { _, _, err := toolchain.Python(); return err },
		"make tensorflow ": func() error { _, err := toolchain.TensorFlow(); return err },
		"make onnx":        func() error { _, err := toolchain.ONNXRuntime(); return err },
		"make onnx ":       func() error { _, err := toolchain.ONNXPackages(); return err },
		"make optuna":      func() error { _, err := toolchain.OptunaPackages(); return err },
		"make kafka":       func() error { _, err := toolchain.Kafka(); return err },
		"make schemas":     func() error { _, _, err := toolchain.Schemas(); return err },
		"make keycloak":    func() error { _, err := toolchain.Keycloak(); return err },
		"make clients":     func() error { _, err := toolchain.Clients(); return err },
		"make mnist":       func() error { _, err := toolchain.Data("mnist"); return err },
	} {
		err := find()
		var e *pipeline.Error
		ok := errors.As(err, &e)
		if !ok || e.Kind != pipeline.Unavailable || !strings.Contains(e.Hint, strings.TrimSpace(command)) {
			t.Errorf("%v does not say %q", err, command)
		}
	}
}

func TestPythonIsWhatWasFetched(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("KAFKAML_TOOLCHAIN", dir)
	folder := filepath.Join(dir, "tensorflow-"+toolchain.TensorFlowVersion)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "python"), []byte("/opt/python\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	python, packages, err := toolchain.Python()
	if err != nil || python != "/opt/python" || packages != filepath.Join(folder, "site") {
		t.Errorf("%q, %q, %v", python, packages, err)
	}
}

// TestAttackChangedPackages holds that whatever fetch.sh installs by pip is named
// with its version and its hashes, and that the locks are those of the versions
// that it speaks of.
func TestAttackChangedPackages(t *testing.T) {
	script, err := os.ReadFile("fetch.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range regexp.MustCompile(`(?m)^.*(pip|\[@\]}") (install|download) (.*\\\n)*.*`).FindAllString(string(script), -1) {
		if !strings.Contains(command, "--require-hashes") {
			t.Errorf("without hashes: %s", command)
		}
	}
	locks, err := filepath.Glob("locks/*.txt")
	if err != nil || len(locks) < 6 {
		t.Fatal(locks, err)
	}
	named := map[string]bool{}
	for _, lock := range locks {
		text, err := os.ReadFile(lock)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range regexp.MustCompile(`(?m)^\S.*(\n .*)*`).FindAllString(string(text), -1) {
			name, _, _ := strings.Cut(entry, " ")
			named[name] = true
			if !strings.Contains(name, "==") || !strings.Contains(entry, "--hash=sha256:") {
				t.Errorf("%s: %s has no version or no hash", lock, name)
			}
		}
	}
	for variable, name := range map[string]string{"TENSORFLOW": "tensorflow-cpu", "ONNXRUNTIME": "onnxruntime", "ONNX": "onnx", "TF2ONNX": "tf2onnx", "CONFLUENT": "confluent-kafka", "TRITONCLIENT": "tritonclient", "LITERT": "ai-edge-litert", "MIMALLOC": "cmeel-mimalloc"} {
		version := regexp.MustCompile(`(?m)^` + variable + `=(\S+)`).FindSubmatch(script)
		if version == nil || !named[name+"=="+string(version[1])] {
			t.Errorf("no lock names %s %s", name, version)
		}
	}
}
