package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/examples/walk"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// startExample walks the example beside a running machine, where nothing is
// registered yet. What goes wrong is reported and stops nothing else. stop ends the
// walk and waits for it.
func (m *Machine) startExample(ctx context.Context, say func(string, ...any)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var walking sync.WaitGroup
	walking.Go(func() {
		empty, err := m.empty(ctx)
		if err != nil || !empty {
			return
		}
		say("first start: walking an example through the pipeline (EXAMPLE=0 leaves it out)")
		if _, err := m.walk(ctx, 1000, say); err != nil {
			if ctx.Err() == nil {
				say("the example stopped: %v", err)
			}
			return
		}
		say("the example is done: look at %s, or read its predictions with\n  bin/kafkaml --server %s stream tail mnist-out --from earliest", m.URL, m.URL)
	})
	return func() {
		cancel()
		walking.Wait()
	}
}

// client is one of this machine's own, which need not log in.
func (m *Machine) client() *client.Client {
	c := client.New(m.Inner)
	c.Token = func(context.Context) (string, error) { return m.token, nil }
	return c
}

// empty reports whether no model is registered.
func (m *Machine) empty(ctx context.Context) (bool, error) {
	page, err := m.client().Models().List(ctx, client.Query{Limit: 1})
	return len(page.Items) == 0, err
}

// walk takes the example through this machine's pipeline.
func (m *Machine) walk(ctx context.Context, predictions int, say func(string, ...any)) (walk.Report, error) {
	data, err := toolchain.Data("mnist")
	if err != nil {
		return walk.Report{}, err
	}
	w := walk.Walk{
		Client: m.client(), Cluster: m.Cluster, ControlTopic: m.options.ControlTopic, Data: data,
		Epochs: 3, Predictions: predictions, Rate: 250, Say: say,
	}
	return w.Run(ctx)
}

// DemoCommand is kafkaml demo: a machine of its own in a folder of its own,
// the example, and the end of both.
func DemoCommand(env *cli.Env) *cobra.Command {
	s := &settings{}
	keep := false
	cmd := &cobra.Command{
		Use: "demo", Short: "Walk an example through a pipeline of its own, timed, and end", Args: cobra.NoArgs,
		Long: "Starts Apache Kafka (or --broker development) and all functions on free ports in a\ntemporary folder, walks the example through every step, prints each with its time,\nand exits non-zero if anything is missing.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.demo(cmd.Context(), env, keep)
		},
	}
	cmd.Flags().StringVar(&s.Broker, "broker", BrokerKafka, "kafka or development; KAFKA_BROKERS overrides it")
	cmd.Flags().BoolVar(&keep, "keep", false, "keep the folder")
	cmd.Flags().BoolVarP(&s.verbose, "verbose", "v", false, "print the log, too")
	return cmd
}

// leastAccuracy is what the better model reaches on the test split in every
// run; below it something is broken.
const leastAccuracy = 0.93

func (s *settings) demo(ctx context.Context, env *cli.Env, keep bool) (err error) {
	began := time.Now()
	if s.Data, err = os.MkdirTemp("", "kafkaml-demo-"); err != nil {
		return err
	}
	if !keep {
		defer os.RemoveAll(s.Data)
	}
	s.Listen, s.ControlTopic = "127.0.0.1", "KAFKA_ML_CONTROL_TOPIC"
	log, err := s.prepare(env)
	if err != nil {
		return err
	}
	defer log.Close()
	m, err := Start(ctx, s.Options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	s.Say("  %6.1f s  everything runs at %s, Kafka at %s", time.Since(began).Seconds(), m.URL, m.Kafka.Brokers[0])
	const predictions = 2000
	report, err := m.walk(ctx, predictions, s.Say)
	if err != nil {
		return err
	}
	if report.Predictions < predictions || report.Accuracy < leastAccuracy {
		return fmt.Errorf("%d of %d predictions came out, test accuracy %.4f of at least %.2f", report.Predictions, predictions, report.Accuracy, leastAccuracy)
	}
	s.Say("\nthe whole pipeline in %.1f s: test accuracy %.4f, %d predictions, latency p50 %.0f ms, p99 %.0f ms",
		time.Since(began).Seconds(), report.Accuracy, report.Predictions, 1e3*report.P50.Seconds(), 1e3*report.P99.Seconds())
	return nil
}
