package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

func asError(err error) *pipeline.Error {
	var e *pipeline.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// python looks for the interpreter and the packages that read model source.
func python(ctx context.Context, _ *cli.Env) Finding {
	const name = "Python and Keras"
	interpreter, packages, err := toolchain.Python()
	if err != nil {
		return found(name, Missing, err)
	}
	if _, err := os.Stat(filepath.Join(packages, "keras")); err != nil {
		return Finding{name, Missing, "keras is not in " + packages, "run `make tensorflow`"}
	}
	version, err := exec.CommandContext(ctx, interpreter, "--version").Output() // #nosec G204 -- the interpreter that fetch.sh recorded
	if err != nil {
		return Finding{name, Missing, fmt.Sprintf("%s does not run: %v", interpreter, err), "install Python 3, then run `make tensorflow`"}
	}
	return ok(name, "%s, packages in %s", strings.TrimSpace(string(version)), packages)
}

// library looks for libtensorflow.
func library(context.Context, *cli.Env) Finding {
	const name = "TensorFlow library"
	dir, err := toolchain.TensorFlow()
	if err != nil {
		return found(name, Missing, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "libtensorflow.so")); err != nil {
		return Finding{name, Missing, "libtensorflow.so is not in " + dir, "run `make tensorflow`"}
	}
	return ok(name, "%s in %s", toolchain.TensorFlowVersion, dir)
}

// onnxLibrary looks for ONNX Runtime's library.
func onnxLibrary(context.Context, *cli.Env) Finding {
	const name = "ONNX Runtime library"
	path, err := toolchain.ONNXRuntime()
	if err != nil {
		return found(name, Missing, err)
	}
	return ok(name, "%s, %s", toolchain.ONNXRuntimeVersion, path)
}

// programs looks for what trains and predicts, a program of each framework.
func programs(ctx context.Context, env *cli.Env) Finding {
	const name = "programs"
	var paths []string
	for _, kind := range env.Frameworks.Kinds() {
		f := binary(ctx, kind.Program)
		if f.State != OK {
			return f
		}
		paths = append(paths, f.Detail)
	}
	return ok(name, "%s", strings.Join(paths, ", "))
}

// binary looks for a program of ours, and whether it starts.
func binary(ctx context.Context, program string) Finding {
	name := program
	path, err := find(program)
	if err != nil {
		return Finding{name, Missing, "is neither beside this program nor on PATH", "run `make build`"}
	}
	if out, err := exec.CommandContext(ctx, path, "--help").CombinedOutput(); err != nil { // #nosec G204 -- our own program
		return Finding{name, Missing, fmt.Sprintf("%s does not start: %v: %s", path, err, firstLine(out)), "run `make build`"}
	}
	return ok(name, "%s", path)
}

// find looks beside this program, then on PATH.
func find(program string) (path string, err error) {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), program)
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	return exec.LookPath(program)
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// leastJava is what Apache Kafka 4 asks for.
const leastJava = 17

var javaVersion = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// java is needed for BROKER=kafka only.
func java(ctx context.Context, env *cli.Env) Finding {
	const name = "Java"
	mend := fmt.Sprintf("install Java %d or later (Debian: apt-get install openjdk-%d-jre-headless); only BROKER=kafka wants it", leastJava, leastJava)
	program := "java"
	if home := env.Getenv("JAVA_HOME"); home != "" {
		program = filepath.Join(home, "bin", "java")
	}
	out, err := exec.CommandContext(ctx, program, "-version").CombinedOutput() // #nosec G204 -- the user's own JAVA_HOME
	if err != nil {
		return Finding{name, Absent, program + " does not run", mend}
	}
	match := javaVersion.FindSubmatch(out)
	if match == nil {
		return Finding{name, Absent, "its version cannot be read: " + firstLine(out), mend}
	}
	if major, err := strconv.Atoi(string(match[1])); err != nil || major < leastJava {
		return Finding{name, Absent, firstLine(out) + " is too old", mend}
	}
	return ok(name, "%s", firstLine(out))
}

// kafkaJars are needed for BROKER=kafka only.
func kafkaJars(context.Context, *cli.Env) Finding {
	const name = "Apache Kafka"
	dir, err := toolchain.Kafka()
	if err != nil {
		f := found(name, Absent, err)
		f.Detail += "; only BROKER=kafka wants it"
		return f
	}
	return ok(name, "%s in %s", toolchain.KafkaVersion, dir)
}

// broker connects to the Kafka of the environment, if it names one.
func broker(ctx context.Context, env *cli.Env) Finding {
	const name = "Kafka broker"
	if env.Getenv("KAFKA_BROKERS") == "" {
		return ok(name, "KAFKA_BROKERS is not set: kafkaml run starts a broker of its own")
	}
	config, err := stream.FromEnv(env.Getenv)
	if err != nil {
		return found(name, Missing, err)
	}
	cluster, err := stream.Dial(ctx, config)
	if err != nil {
		return found(name, Missing, err)
	}
	if err := cluster.Close(); err != nil {
		return found(name, Missing, err)
	}
	return ok(name, "%s answers", strings.Join(config.Brokers, ","))
}

// schemaRegistry asks the registry of the environment, if it names one.
func schemaRegistry(ctx context.Context, env *cli.Env) Finding {
	const name = "Schema registry"
	config, err := schemas.FromEnv(env.Getenv)
	if err != nil {
		return found(name, Missing, err)
	}
	if !config.Set() {
		return ok(name, "SCHEMA_REGISTRY_URL is not set: only records that a registry frames want one")
	}
	registry, err := schemas.New(config)
	if err == nil {
		err = registry.Ping(ctx)
	}
	if err != nil {
		return found(name, Missing, err)
	}
	return ok(name, "%s answers", strings.Join(config.URLs, ","))
}

// server asks each function whether it is ready.
func server(ctx context.Context, env *cli.Env) Finding {
	const name = "kafkaml"
	c, err := env.Client(ctx)
	if err != nil {
		return found(name, Absent, err)
	}
	for _, function := range pipeline.Steps {
		if err := c.Ready(ctx, function); err != nil {
			f := found(name, Absent, err)
			f.Detail = function + ": " + f.Detail
			if away := (*url.Error)(nil); !errors.As(err, &away) {
				f.State = Missing // it is there, and cannot do its work
			}
			return f
		}
	}
	return ok(name, "every function at %s is ready", c.Base)
}
