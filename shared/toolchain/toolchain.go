// Package toolchain finds what fetch.sh has fetched: the libraries of TensorFlow
// and ONNX Runtime, the Python that reads model source, Apache Kafka, and the
// schema registry of tests.
package toolchain

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The versions that fetch.sh fetches; toolchain_test.go holds them together.
const (
	TensorFlowVersion = "2.21.0"
	KafkaVersion      = "4.3.1"
	ApicurioVersion   = "2.5.11.Final"
	ConfluentVersion  = "2.16.1" // of confluent-kafka for Python
	KeycloakVersion   = "26.5.6"
	TritonVersion     = "2.73.0" // of tritonclient for Python
	LiteRTVersion     = "2.3.0"  // of ai-edge-litert for Python

	ONNXRuntimeVersion = "1.28.0"
	ONNXVersion        = "1.23.2" // of onnx for Python
	TF2ONNXVersion     = "1.17.0"

	OptunaVersion = "5.0.0"
)

// Dir is the toolchain's folder: KAFKAML_TOOLCHAIN, else a cache that a
// process without rights can still read when we are root, else the user's.
func Dir() string {
	if d := os.Getenv("KAFKAML_TOOLCHAIN"); d != "" {
		return d
	}
	if os.Getuid() == 0 {
		return "/var/cache/kafkaml"
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "kafkaml")
}

// Python gives the interpreter and the folder of packages that holds
// TensorFlow and Keras.
func Python() (interpreter, sitePackages string, err error) {
	dir := filepath.Join(Dir(), "tensorflow-"+TensorFlowVersion)
	b, err := os.ReadFile(filepath.Join(dir, "python"))
	if err != nil {
		return "", "", missing("TensorFlow", dir, "tensorflow")
	}
	return strings.TrimSpace(string(b)), filepath.Join(dir, "site"), nil
}

// TensorFlow gives the folder of libtensorflow.so and its companions.
func TensorFlow() (libDir string, err error) {
	return folder("TensorFlow", "tensorflow-"+TensorFlowVersion, "tensorflow")
}

const onnxFolder = "onnx-" + ONNXRuntimeVersion + "-" + ONNXVersion + "-" + TF2ONNXVersion

// ONNXRuntime gives the library, a file.
func ONNXRuntime() (string, error) {
	dir, err := folder("ONNX Runtime", onnxFolder, "onnx")
	return filepath.Join(dir, "libonnxruntime.so"), err
}

// ONNXPackages gives the folder of packages that holds the converter from
// TensorFlow to ONNX. It stands beside the one that Python gives.
func ONNXPackages() (string, error) {
	dir := filepath.Join(Dir(), onnxFolder, "site")
	if _, err := os.Stat(dir); err != nil {
		return "", missing("the converter to ONNX", dir, "onnx")
	}
	return dir, nil
}

// OptunaPackages gives the folder of packages that holds Optuna. It stands beside
// the one that Python gives.
func OptunaPackages() (string, error) {
	dir := filepath.Join(Dir(), "optuna-"+OptunaVersion, "site")
	if _, err := os.Stat(dir); err != nil {
		return "", missing("Optuna", dir, "optuna")
	}
	return dir, nil
}

// Kafka gives the folder of Apache Kafka's jars.
func Kafka() (libDir string, err error) {
	return folder("Apache Kafka", "kafka-"+KafkaVersion, "kafka")
}

// Schemas gives the jar of Apicurio Registry, and the folder of packages that
// holds Confluent's serializers for Python.
func Schemas() (jar, sitePackages string, err error) {
	dir := filepath.Join(Dir(), "schemas-"+ApicurioVersion+"-"+ConfluentVersion)
	jar = filepath.Join(dir, "registry", "apicurio-registry-app-"+ApicurioVersion+"-runner.jar")
	if _, err := os.Stat(jar); err != nil {
		return "", "", missing("Apicurio Registry", dir, "schemas")
	}
	return jar, filepath.Join(dir, "site"), nil
}

// Keycloak gives the folder of Keycloak's distribution. Keycloak writes into its
// own folder as it starts.
func Keycloak() (string, error) {
	dir := filepath.Join(Dir(), "keycloak-"+KeycloakVersion)
	if _, err := os.Stat(filepath.Join(dir, "bin", "kc.sh")); err != nil {
		return "", missing("Keycloak", dir, "keycloak")
	}
	return dir, nil
}

// Clients gives the folder of packages that holds Triton's clients and LiteRT's
// interpreter for Python. It stands beside the one that Python gives.
func Clients() (sitePackages string, err error) {
	site := filepath.Join(Dir(), "clients-"+TritonVersion+"-"+LiteRTVersion, "site")
	if _, err := os.Stat(site); err != nil {
		return "", missing("Triton's clients and LiteRT", site, "clients")
	}
	return site, nil
}

func folder(what, name, verb string) (string, error) {
	lib := filepath.Join(Dir(), name, "lib")
	if _, err := os.Stat(lib); err != nil {
		return "", missing(what, lib, verb)
	}
	return lib, nil
}

func missing(what, where, verb string) error {
	return &pipeline.Error{
		Op: "find the toolchain", Kind: pipeline.Unavailable,
		Reason: fmt.Sprintf("%s is not in %s", what, where),
		Hint:   "run `make " + verb + "` (or shared/toolchain/fetch.sh " + verb + "); KAFKAML_TOOLCHAIN names another folder",
	}
}

// Data gives the folder of an example's data: "mnist" or "tabular".
func Data(name string) (string, error) {
	dir := filepath.Join(Dir(), "data", name)
	if _, err := os.Stat(dir); err != nil {
		return "", missing("the data set "+name, dir, name)
	}
	return dir, nil
}
