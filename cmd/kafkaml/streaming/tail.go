package streaming

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// tailing is one invocation of stream tail.
type tailing struct {
	env     *cli.Env
	last    int64 // records of each partition to begin with; -1 for all
	count   int64 // end after so many; 0 for never
	wait    time.Duration
	latency bool
	quiet   bool

	cluster *stream.Cluster
	inputs  *inputTimes
	totals  totals
	format  string
}

func tail(env *cli.Env, b *broker) *cobra.Command {
	t := tailing{env: env}
	var from string
	cmd := &cobra.Command{
		Use: "tail TOPIC", Short: "Follow the predictions on an output topic, or the records on a dead-letter topic",
		Long: `Follow the predictions on an output topic, or the records on a dead-letter topic.

TOPIC is a topic, or inference/NAME for the output topic of an inference. The
latency is the time from the input record's timestamp to the prediction's. At
the end, on standard error: how many there were, how many of them twice, and
their latencies.`,
		Example: "  " + env.Program + " stream tail digits-predicted --from earliest --count 100",
		Args:    cli.Args("TOPIC"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			if t.last, err = beginning(from); err != nil {
				return err
			}
			if t.format, err = env.Output(); err != nil {
				return err
			}
			if t.format == "yaml" || t.format == "name" {
				return cli.Usagef("--output of tail is table or json")
			}
			topic, err := outputTopic(ctx, env, args[0])
			if err != nil {
				return err
			}
			if t.cluster, err = b.dial(ctx); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, t.cluster.Close()) }()
			return t.run(ctx, topic)
		},
	}
	env.OutputFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "latest", "latest, earliest, or `N` for the last N records of each partition")
	flags.Int64VarP(&t.count, "count", "n", 0, "end after `N` predictions")
	flags.DurationVar(&t.wait, "wait", 0, "with --count: fail when no prediction comes for so long")
	flags.BoolVar(&t.latency, "latency", true, "look up the input records for the latency")
	flags.BoolVarP(&t.quiet, "quiet", "q", false, "print only the totals")
	return cmd
}

// outputTopic is the topic that the argument means.
func outputTopic(ctx context.Context, env *cli.Env, arg string) (string, error) {
	name, ok := strings.CutPrefix(arg, "inference/")
	if !ok {
		return arg, nil
	}
	c, err := env.Client(ctx)
	if err != nil {
		return "", err
	}
	i, err := c.Inferences().Find(ctx, name)
	return i.OutputTopic, err
}

func beginning(from string) (int64, error) {
	var n int64
	switch from {
	case "latest":
		return 0, nil
	case "earliest":
		return -1, nil
	}
	if _, err := fmt.Sscan(from, &n); err != nil || n < 0 {
		return 0, cli.Usagef("--from %q is neither latest, earliest nor a number", from)
	}
	return n, nil
}

// errCounted ends a tail that has shown as many as it should.
var errCounted = errors.New("shown as many as asked for")

func (t *tailing) run(ctx context.Context, topic string) error {
	if t.latency {
		t.inputs = newInputTimes(t.cluster)
	}
	t.totals.start()
	err := follow(ctx, t.cluster, topic, t.last, t.wait, t.show)
	t.env.Note("%s", t.totals.String())
	if errors.Is(err, errCounted) {
		return nil
	}
	return err
}

// show writes the records of one batch.
func (t *tailing) show(ctx context.Context, records []stream.Record) error {
	predictions := make([]Prediction, len(records))
	for i, r := range records {
		predictions[i] = decode(r)
	}
	if t.inputs != nil {
		t.inputs.fill(ctx, predictions)
	}
	for _, p := range predictions {
		t.totals.add(p)
		if err := t.write(p); err != nil {
			return err
		}
		if t.count > 0 && t.totals.count >= t.count {
			return errCounted
		}
	}
	return nil
}

func (t *tailing) write(p Prediction) error {
	if t.quiet {
		return nil
	}
	if t.format == "json" {
		return json.NewEncoder(t.env.Out).Encode(p)
	}
	line := fmt.Sprintf("%s  %d:%-8d", p.Time.Format("15:04:05.000"), p.Partition, p.Offset)
	if p.Key != "" {
		line += "  key " + p.Key
	}
	switch {
	case p.Error != "":
		line += "  error: " + p.Error
	case p.Class != nil:
		line += fmt.Sprintf("  -> %d  %s", *p.Class, shown(p.Values))
	default:
		line += "  " + shown(p.Values)
	}
	if p.Latency != nil {
		line += fmt.Sprintf("  %.1f ms", *p.Latency)
	}
	_, err := fmt.Fprintln(t.env.Out, terminal.Plain(line))
	return err
}
