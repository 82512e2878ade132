// Kafkaml is the command line of the pipeline: it registers models, deploys and
// watches trainings, serves results, and sends and reads streams. Under the
// name kn-kafkaml it is a plugin of kn.
//
// It links no TensorFlow, so that it builds static and starts at once.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

func main() { os.Exit(execute()) }

func execute() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx = tracing.With(ctx, os.Getenv(tracing.ParentVariable), os.Getenv(tracing.StateVariable))
	env := cli.Process(program(os.Args[0]))
	return env.Execute(ctx, newRoot(env), os.Args[1:])
}
