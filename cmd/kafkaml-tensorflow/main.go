// Command kafkaml-tensorflow is the process that links TensorFlow's library. It
// trains one model (train) or serves one (predict), as its environment says,
// and is started by the functions deploy-training and deploy-inference; both
// verbs also run by hand.
//
// Exit codes: 0 done, 1 failed, 2 called wrongly, 143 told to end before it was
// done, which is no fault of the training.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/kafkaml/kafkaml/functions/predict"
	"github.com/kafkaml/kafkaml/functions/train"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

const usage = `usage: kafkaml-tensorflow VERB

  train     run the training that KAFKAML_JOB describes, to its end
  predict   serve the inference that KAFKAML_PREDICT describes
  version   print the version

Without a verb it is the one that is described, so that a func.yaml, which has
no arguments, can deploy the image.

KAFKAML_JOB_FILE and KAFKAML_PREDICT_FILE name a file of the description instead.
Environment: ARTIFACT_URL, KAFKA_BROKERS and the other KAFKA_ variables; train:
K_SINK, where progress is told; predict: PORT or LISTEN_ADDRESS.
KAFKAML_PARENT=stdin ends the process when its standard input ends.
LOG_LEVEL is debug, info, warn or error.
`

const (
	exitFailed = 1
	exitUsage  = 2
	exitTold   = 128 + int(syscall.SIGTERM) // as a shell says it of the signal
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 {
		args = described()
	}
	if len(args) != 1 {
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	verbs := map[string]func(context.Context, *slog.Logger) error{pipeline.StepTrain: runTrain, pipeline.StepPredict: runPredict}
	switch verb := args[0]; verb {
	case "version":
		fmt.Println(versions())
		return 0
	case "help", "-h", "--help":
		fmt.Print(usage)
		return 0
	default:
		work, ok := verbs[verb]
		if !ok {
			fmt.Fprintf(os.Stderr, "kafkaml-tensorflow: %q is no verb\n\n%s", verb, usage)
			return exitUsage
		}
		return carryOut(work)
	}
}

// described is the verb whose description stands in the environment, if any.
func described() []string {
	switch {
	case platform.Described(os.Getenv, platform.PredictVariable):
		return []string{pipeline.StepPredict}
	case platform.Described(os.Getenv, platform.JobVariable):
		return []string{pipeline.StepTrain}
	}
	return nil
}

// carryOut runs a verb until it ends, we are told to end, or our parent is gone.
func carryOut(work func(context.Context, *slog.Logger) error) int {
	log, flush := openLog()
	defer flush()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if os.Getenv("KAFKAML_PARENT") == "stdin" {
		ctx = whileReadable(ctx, os.Stdin)
	}
	err := work(ctx, log)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		log.Info("told to end")
		return exitTold
	}
	return report(log, err)
}

// report tells a person why we failed.
func report(log *slog.Logger, err error) int {
	var known *pipeline.Error
	if !errors.As(err, &known) {
		log.Error(err.Error())
		return exitFailed
	}
	attributes := []any{"kind", known.KindOr()}
	if known.Field != "" {
		attributes = append(attributes, "field", known.Field)
	}
	if known.Hint != "" {
		attributes = append(attributes, "hint", known.Hint)
	}
	log.Error(err.Error(), attributes...)
	return exitFailed
}

// whileReadable is ctx that also ends when r does: the pipe from our parent.
func whileReadable(ctx context.Context, r io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() { // owned by the process: nothing else can end a read of stdin
		_, _ = io.Copy(io.Discard, r)
		cancel()
	}()
	return ctx
}

// frameworks are what this program links.
var frameworks = framework.Frameworks{tensorflow.Framework{}}

func runTrain(ctx context.Context, log *slog.Logger) error {
	config, err := train.ConfigFromEnv(os.Getenv, frameworks, log)
	if err != nil {
		return err
	}
	return train.Run(ctx, config)
}

func runPredict(ctx context.Context, log *slog.Logger) error {
	config, err := predict.ConfigFromEnv(os.Getenv, frameworks, log)
	if err != nil {
		return err
	}
	return predict.Run(ctx, config)
}

// version is set by the linker (-X main.version=...), where the build gives one.
var version string

func versions() string {
	build := version
	if build == "" {
		build = "development"
	}
	return "kafkaml-tensorflow " + build + ", TensorFlow " + toolchain.TensorFlowVersion
}
