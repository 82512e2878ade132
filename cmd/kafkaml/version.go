package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// version is set by the linker (-X main.version=...), where the build gives one.
var version string

// versions is what this program was built from, and what it works with.
type versions struct {
	Version    string `json:"version"`
	Revision   string `json:"revision,omitempty"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	TensorFlow string `json:"tensorflow"`
	ONNX       string `json:"onnxruntime"`
	Kafka      string `json:"kafka"`
}

func newVersion(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cli.Args(),
		RunE: func(*cobra.Command, []string) error {
			v := readVersions()
			return env.Print(v, v.Version, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "kafkaml %s (%s, %s; TensorFlow %s, ONNX Runtime %s, Apache Kafka %s)\n",
					strings.TrimSpace(v.Version+" "+v.Revision), v.Go, v.Platform, v.TensorFlow, v.ONNX, v.Kafka)
				return err
			})
		},
	}
	env.OutputFlag(cmd)
	return cmd
}

func readVersions() versions {
	v := versions{
		Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		TensorFlow: toolchain.TensorFlowVersion, ONNX: toolchain.ONNXRuntimeVersion, Kafka: toolchain.KafkaVersion,
	}
	if version != "" {
		v.Version = version
		return v
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.Revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-modified"
		}
	}
	if v.Revision != "" {
		v.Revision += dirty
	}
	return v
}
