// Package process is what the programs that link a framework's library share:
// their verbs, their exit codes and their log. A program is started by the
// functions deploy-training and deploy-inference; each verb also runs by hand.
//
// Exit codes: 0 done, 1 failed, 2 called wrongly, 143 told to end before it was
// done, which is no fault of the work.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kafkaml/kafkaml/functions/predict"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/fence"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

const (
	exitFailed = 1
	exitUsage  = 2
	exitTold   = 128 + int(syscall.SIGTERM) // as a shell says it of the signal
)

// Work is what a verb does, once what it was told has been read.
type Work struct {
	Name      string                          // of its verb
	Run       func(ctx context.Context) error // until it is done or ctx ends
	Ahead     func()                          // what Run begins with and reads nothing that is not ours, or nil: it runs while the fences are raised
	Artifacts string                          // URL of the store of models
	Read      []string                        // keys there, with all below them
	Write     []string
	Folders   []string // beside the store, that it reads and writes
	Address   string   // to listen on, none where it is empty
	Kafka     stream.Config
}

// Verb is a thing that a program does.
type Verb struct {
	Name        string
	Short       string // what it does, for the usage
	Environment string // what it reads beside ARTIFACT_URL and the KAFKA_ variables, for the usage
	Variable    string // holds its description
	Open        func(log *slog.Logger) (Work, error)
}

// Program is one that links a framework's library.
type Program struct {
	Name    string
	Version string
	Library string // that it links, with its version
	Verbs   []Verb
}

// Predict is the verb that serves an inference of a model of frameworks.
func Predict(frameworks framework.Frameworks) Verb {
	return Verb{
		Name: pipeline.StepPredict, Short: "serve the inference that " + platform.PredictVariable + " describes",
		Environment: "PORT or LISTEN_ADDRESS", Variable: platform.PredictVariable,
		Open: func(log *slog.Logger) (Work, error) {
			c, err := predict.ConfigFromEnv(os.Getenv, frameworks, log)
			run := func(ctx context.Context) error { return predict.Run(ctx, c) }
			w := Work{
				Name: pipeline.StepPredict, Run: run, Ahead: func() { load(frameworks, c.Job.Framework) },
				Artifacts: c.Artifacts, Read: []string{c.Job.Artifact}, Address: c.Address, Kafka: c.Kafka,
			}
			if second := c.Job.Challenger; second != nil {
				w.Read = append(w.Read, second.Artifact)
			}
			if c.Suspects != "" {
				w.Folders = []string{filepath.Dir(c.Suspects)}
			}
			return w, err
		},
	}
}

// load opens the library of a framework. Opening a model does so too, and says what
// is wrong.
func load(frameworks framework.Frameworks, name string) {
	if f, err := frameworks.Get(name); err == nil {
		_ = framework.Load(f)
	}
}

// Run does what the arguments say and gives the exit code.
func (p Program) Run(args []string) int {
	if len(args) == 0 {
		args = p.described()
	}
	if len(args) != 1 {
		fmt.Fprint(os.Stderr, p.usage())
		return exitUsage
	}
	switch args[0] {
	case "version":
		fmt.Println(p.versions())
		return 0
	case "help", "-h", "--help":
		fmt.Print(p.usage())
		return 0
	}
	at := slices.IndexFunc(p.Verbs, func(v Verb) bool { return v.Name == args[0] })
	if at < 0 {
		fmt.Fprintf(os.Stderr, "%s: %q is no verb\n\n%s", p.Name, args[0], p.usage())
		return exitUsage
	}
	return p.carryOut(p.Verbs[at].Open)
}

func (p Program) usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s VERB\n\n", p.Name)
	for _, v := range p.Verbs {
		fmt.Fprintf(&b, "  %-9s %s\n", v.Name, v.Short)
	}
	b.WriteString("  version   print the version\n\n" +
		"Without a verb it is the one that is described, so that a func.yaml, which has\n" +
		"no arguments, can deploy the image.\n\n")
	var files []string
	environment := "Environment: ARTIFACT_URL, KAFKA_BROKERS and the other KAFKA_ variables"
	for _, v := range p.Verbs {
		files = append(files, v.Variable+platform.FileSuffix)
		environment += "; " + v.Name + ": " + v.Environment
	}
	fmt.Fprintf(&b, "%s: a file of the description in its place.\n%s.\n", strings.Join(files, ", "), environment)
	b.WriteString(fence.Variable + " is some, to go on where this machine lacks a fence, or off, to raise none.\n" +
		platform.ParentVariable + "=stdin ends the process when its standard input ends.\nLOG_LEVEL is debug, info, warn or error.\n" +
		"OTEL_EXPORTER_OTLP_ENDPOINT and the other OTEL_ variables say where traces go.\n")
	return b.String()
}

// described is the verb whose description stands in the environment, if any.
func (p Program) described() []string {
	for _, v := range p.Verbs {
		if platform.Described(os.Getenv, v.Variable) {
			return []string{v.Name}
		}
	}
	return nil
}

// carryOut runs a verb until it ends, we are told to end, or our parent is gone.
func (p Program) carryOut(open func(*slog.Logger) (Work, error)) int {
	log, flush := openLog()
	defer flush()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if os.Getenv(platform.ParentVariable) == "stdin" {
		ctx = whileReadable(ctx, os.Stdin)
	}
	work, err := open(log)
	if err == nil {
		if work.Ahead != nil {
			go work.Ahead()
		}
		err = work.fenceOff(ctx, log)
	}
	if err == nil {
		err = work.traced(ctx, log)
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		log.Info("told to end")
		return exitTold
	}
	return report(log, err)
}

// traced runs the work and exports its traces, from behind the fences.
func (w Work) traced(ctx context.Context, log *slog.Logger) error {
	flush, err := tracing.Open(ctx, "kafkaml-"+w.Name, log)
	if err != nil {
		return err
	}
	defer flush()
	return w.Run(ctx)
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

func (p Program) versions() string {
	return p.Name + " " + p.Version + ", " + p.Library
}
