package stream

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Cluster is a connection to a Kafka cluster. Any number of goroutines may use
// it at once.
type Cluster struct {
	config    Config
	transport *kafka.Transport
	dialer    *kafka.Dialer
	client    *kafka.Client
	lanes     atomic.Int64 // that groups and Follow read
	large     chan []byte  // see answersTooLarge
	slots     chan []byte  // see slotBytes
	fresh     freshness
}

// metadataTTL bounds how long a new topic, partition or leader stays unseen.
const metadataTTL = 2 * time.Second

// clientID is how brokers' logs and quotas know us.
const clientID = "kafkaml"

// Dial connects and asks for the cluster's brokers once, so that a wrong
// address or password is known now.
func Dial(ctx context.Context, config Config) (*Cluster, error) {
	mechanism, err := config.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	secure, err := config.TLS.config()
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		config:    config,
		large:     make(chan []byte, answersTooLarge),
		slots:     make(chan []byte, slotCount),
		transport: &kafka.Transport{ClientID: clientID, TLS: secure, SASL: mechanism, MetadataTTL: metadataTTL},
		dialer:    &kafka.Dialer{ClientID: clientID, TLS: secure, SASLMechanism: mechanism, Timeout: 10 * time.Second, KeepAlive: 30 * time.Second},
	}
	for range answersTooLarge {
		c.large <- nil
	}
	for range slotCount {
		c.slots <- nil
	}
	c.client = &kafka.Client{Addr: kafka.TCP(config.Brokers...), Timeout: 30 * time.Second, Transport: reviving{c.transport}}
	if err := c.reach(ctx); err != nil {
		c.transport.CloseIdleConnections()
		return nil, err
	}
	return c, nil
}

// Config is what the cluster was dialled with.
func (c *Cluster) Config() Config { return c.config }

// Close closes idle connections. Calls under way end with their contexts.
func (c *Cluster) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// unavailable wraps a failure of the broker, which may pass.
func unavailable(op string, err error) error {
	var known *pipeline.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if refusal := notAllowed(op, err); refusal != nil {
		return refusal
	}
	refusal := &pipeline.Error{Op: op, Kind: pipeline.Unavailable, Reason: method.ReplaceAllString(err.Error(), ""), Err: err}
	if answer := kafka.Error(0); errors.As(err, &answer) && !answer.Temporary() || errors.Is(err, context.Canceled) {
		return refusal // the brokers run
	}
	return refusal.WithHint("see that the brokers of KAFKA_BROKERS run, and try again")
}

// method is what the library puts before a reason: the name of its own function,
// not always the right one.
var method = regexp.MustCompile(`kafka\.\(\*Client\)\.\w+: `)

func noTopic(op, topic string) error {
	return &pipeline.Error{Op: op, Kind: pipeline.NotFound, Field: "topic", Reason: fmt.Sprintf("topic %q does not exist", topic), Hint: "`kafkaml topics list` shows those that there are and that the user of Kafka may see"}
}

// pipelineReason is an error's reason without its operation.
func pipelineReason(err error) string {
	var known *pipeline.Error
	if errors.As(err, &known) {
		return known.Message()
	}
	return err.Error()
}
