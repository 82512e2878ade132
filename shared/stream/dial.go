package stream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const opDial = "connect to Kafka"

// reach connects to the first broker that answers.
func (c *Cluster) reach(ctx context.Context) error {
	var failed *pipeline.Error
	var all error
	for _, b := range c.config.Brokers {
		err := c.reachOne(ctx, b)
		if err == nil {
			return nil
		}
		if all = errors.Join(all, fmt.Errorf("%s: %w", b, err)); failed == nil {
			failed = c.config.explain(ctx, b, err)
		}
	}
	failed.Err = all
	return failed
}

// reachOne connects, and asks something that a broker answers only to whom it
// knows.
func (c *Cluster) reachOne(ctx context.Context, broker string) error {
	conn, err := c.dialer.DialContext(ctx, "tcp", broker)
	if err != nil {
		return err
	}
	if err = conn.SetDeadline(time.Now().Add(c.dialer.Timeout)); err == nil {
		_, err = conn.Brokers()
	}
	return errors.Join(err, conn.Close())
}

// explain says which of address, TLS and SASL is wrong, by looking at how the
// broker's port answers.
func (c Config) explain(ctx context.Context, broker string, err error) *pipeline.Error {
	e := &pipeline.Error{Op: opDial, Kind: pipeline.Unavailable}
	say := func(reason, hint string) *pipeline.Error {
		e.Reason, e.Hint = broker+" "+reason, hint
		return e
	}
	plain, secure := knock(ctx, broker, false), knock(ctx, broker, true)
	var authority x509.UnknownAuthorityError
	var certificate *tls.CertificateVerificationError
	switch {
	case !plain.reached && !secure.reached:
		e.Reason = fmt.Sprintf("%s: %v", broker, err)
		e.Hint = "see that the broker runs and that " + envBrokers + " names it (" + strings.Join(c.Brokers, ",") + ")"
		return e
	case c.TLS.Enabled && plain.kafka && !secure.kafka:
		return say("takes no TLS: its port speaks plain Kafka"+c.alsoNoSASL(plain), "leave "+envTLS+" and the other "+envTLS+"_ variables out, or name the port of the TLS listener in "+envBrokers)
	case !c.TLS.Enabled && secure.kafka && !plain.kafka:
		return say("wants TLS", "set "+envTLS+"=true, and "+envCA+" to the file of its authority where it is not a public one")
	case errors.As(err, &authority), errors.As(err, &certificate):
		return say(fmt.Sprintf("has a TLS certificate that is not trusted: %v", err), "set "+envCA+" to the file of the authority that signed it")
	case errors.Is(err, kafka.IllegalSASLState):
		return say("takes no SASL: its port asks nobody who they are", "leave "+envMechanism+" out, or name the port of the SASL listener in "+envBrokers)
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return say("does not take the SASL mechanism "+c.SASL.Mechanism, "set "+envMechanism+" to one that it takes")
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return say(fmt.Sprintf("does not take user %q or the password", c.SASL.Username), "see "+envUsername+" and "+envPassword)
	case c.SASL.Mechanism == "" && (plain.closed || secure.closed):
		return say("wants SASL", "set "+envMechanism+", "+envUsername+" and "+envPassword)
	}
	return say(err.Error(), "see the broker's log, and that "+envBrokers+" and the TLS and SASL settings name it")
}

func (c Config) alsoNoSASL(plain port) string {
	if c.SASL.Mechanism != "" && !plain.closed {
		return ", and it takes no SASL"
	}
	return ""
}

// port is how a broker's port answers.
type port struct {
	reached bool // something listens
	kafka   bool // it speaks Kafka
	closed  bool // but not to whom it does not know
}

// knock asks a port which requests it knows, which every listener of Kafka
// answers, and then for the brokers, which one with SASL does not.
func knock(ctx context.Context, broker string, secure bool) (p port) {
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", broker)
	if err != nil {
		return p
	}
	defer func() { _ = conn.Close() }()
	p.reached = true
	_ = conn.SetDeadline(time.Now().Add(patience)) // a port that does not answer is none of Kafka's
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // #nosec G402 -- nothing is said, and nothing believed: which port is it?
	}
	if exchange(conn, kmsg.NewPtrApiVersionsRequest(), &kmsg.ApiVersionsResponse{}) != nil {
		return p
	}
	p.kafka = true
	brokers := kmsg.NewPtrMetadataRequest()
	brokers.Version = 1
	brokers.Topics = []kmsg.MetadataRequestTopic{}
	p.closed = exchange(conn, brokers, &kmsg.MetadataResponse{Version: 1}) != nil
	return p
}
