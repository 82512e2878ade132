// Command kafkaml-tensorflow is the process that opens TensorFlow's library. It
// trains one model (train) or serves one (predict), as its environment says. A
// training also opens what it saved with the library that will serve it.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/kafkaml/kafkaml/cmd/process"
	"github.com/kafkaml/kafkaml/functions/train"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/toolchain"
	"github.com/kafkaml/kafkaml/shared/version"
)

// frameworks are what this program has.
var frameworks = framework.Frameworks{tensorflow.Framework{}, onnx.Framework{}}

func program() process.Program {
	return process.Program{
		Name: "kafkaml-tensorflow", Version: version.String(), Library: "TensorFlow " + toolchain.TensorFlowVersion,
		Verbs: []process.Verb{{
			Name: pipeline.StepTrain, Short: "run the training that " + platform.JobVariable + " describes, to its end",
			Environment: "K_SINK, where progress is told", Variable: platform.JobVariable, Open: openTrain,
		}, process.Predict(frameworks)},
	}
}

func main() { os.Exit(program().Run(os.Args[1:])) }

func openTrain(log *slog.Logger) (process.Work, error) {
	process.CollectLate(64 << 20) // of the 300 MB and more that the libraries take
	c, err := train.ConfigFromEnv(os.Getenv, frameworks, log)
	run := func(ctx context.Context) error { return train.Run(ctx, c) }
	w := process.Work{Name: "train", Run: run, Artifacts: c.Artifacts, Read: []string{c.Job.Artifact}, Write: c.Job.Written(), Kafka: c.Kafka}
	if p := c.Job.Parent; p != nil {
		w.Read = append(w.Read, p.Artifact, p.Exported)
	}
	if held := c.Job.Champion; held != nil {
		w.Read = append(w.Read, held.Artifact)
	}
	return w, err
}
