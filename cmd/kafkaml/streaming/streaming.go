// Package streaming holds the commands on topics: send a stream for training,
// follow an output topic, see what topics hold.
package streaming

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// Command is `stream` with all its commands.
func Command(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "stream", Aliases: []string{"streams"}, Short: "Send streams, follow predictions, see topics",
		Long: `Send streams, follow predictions, see topics.

Kafka is that of --brokers or KAFKA_BROKERS, else the one that the kafkaml at
--server uses. The KAFKA_TLS and KAFKA_SASL variables say how to speak to it, as
docs/kubernetes.md lists them.`,
	}
	k := &broker{env: env}
	cmd.PersistentFlags().StringVar(&k.brokers, "brokers", "", "`HOST:PORT,...` of Kafka (KAFKA_BROKERS)")
	return cli.Group(cmd, send(env, k), tail(env, k), topics(env, k))
}

// broker finds Kafka.
type broker struct {
	env     *cli.Env
	brokers string
}

// dial connects to the Kafka that flag, environment or server name.
func (b *broker) dial(ctx context.Context) (*stream.Cluster, error) {
	brokers := b.brokers
	if brokers == "" {
		brokers = b.env.Getenv("KAFKA_BROKERS")
	}
	if brokers == "" {
		c, err := b.env.Client(ctx)
		if err != nil {
			return nil, err
		}
		brokers = strings.Join(c.Brokers, ",")
	}
	config, err := stream.FromEnv(func(name string) string {
		if name == "KAFKA_BROKERS" {
			return brokers
		}
		return b.env.Getenv(name)
	})
	if err != nil {
		return nil, err
	}
	return stream.Dial(ctx, config)
}

// controlTopic is the control topic of the server, the usual one where it does
// not answer.
func (b *broker) controlTopic(ctx context.Context) string {
	c, err := b.env.Client(ctx)
	if err != nil || c.ControlTopic == "" {
		return control.Topic
	}
	return c.ControlTopic
}
