package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/toolchain"
	"github.com/kafkaml/kafkaml/shared/version"
)

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
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		TensorFlow: toolchain.TensorFlowVersion, ONNX: toolchain.ONNXRuntimeVersion, Kafka: toolchain.KafkaVersion,
	}
	v.Version, v.Revision = version.Read()
	return v
}
