// Bench measures kafkaml side by side with what a person would otherwise run:
// Keras fit and two Python consumer loops, on the same Apache Kafka, in one run,
// and prints one table. Ratios are what counts on a noisy machine; each side is
// run several times in turn and the medians are compared.
//
//	go run ./test/bench                    # every row
//	go run ./test/bench -rows small,burst  # some of them
//	go run ./test/bench -quick -runs 1     # whether it works
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// row is a row of the table, or a few that are measured together.
type row struct {
	name string
	what string
	run  func(context.Context, *bench) ([]finding, error)
}

var rows = []row{
	{"small", "train the 3-4-2 net", trainSmall},
	{"short", "train it for one epoch", trainShort},
	{"mnist", "train MNIST dense", trainMNIST},
	{"cnn", "train a small CNN", trainCNN},
	{"step", "a training step, beside the same loop in Python", steps},
	{"follow", "follow a stream, beside River", follow},
	{"read", "read and decode a stream", readAndDecode},
	{"fields", "take numbers out of nested records", takeFields},
	{"framed", "read records of a schema registry", takeFramed},
	{"windows", "make windows of 24 records over 1,000 keys", takeWindows},
	{"latency", "topic to topic latency", latency},
	{"burst", "topic to topic throughput", burst},
	{"source", "CPU a record by source", perRecord},
	{"wide", "direct, 64 partitions against 4", wide},
	{"login", "predictions by REST of those who log in", predictLoggedIn},
	{"start", "start to first prediction, memory", start},
	{"memory", "a stream longer than memory", memory},
	{"many", "ten models on one stream", many},
	{"resend", "train again by a control message", resend},
	{"fit", "checkpoints, time left", fitted},
	{"study", "search for values by 20 trials", study},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.name
	}
	chosen := flag.String("rows", strings.Join(names, ","), "rows to measure, separated by commas")
	runs := flag.Int("runs", 3, "runs of each side; medians are compared")
	quick := flag.Bool("quick", false, "small counts: to see that the bench works, not how fast anything is")
	flag.Parse()
	b, err := setUp(ctx, *runs, *quick)
	if err != nil {
		return err
	}
	defer b.close()
	fmt.Println(b.describeMachine(ctx))
	var all []finding
	var failed error
	for _, r := range rows {
		if !strings.Contains(","+*chosen+",", ","+r.name+",") {
			continue
		}
		began := time.Now()
		fmt.Fprintf(os.Stderr, "%s: %s ...\n", r.name, r.what)
		found, err := r.run(ctx, b)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", r.name, err))
			fmt.Fprintf(os.Stderr, "%s failed: %v\n", r.name, err)
		}
		for _, f := range found {
			fmt.Fprintln(os.Stderr, "  "+f.line())
		}
		fmt.Fprintf(os.Stderr, "%s took %.0f s\n", r.name, time.Since(began).Seconds())
		all = append(all, found...)
	}
	fmt.Print(table(all))
	return failed
}
