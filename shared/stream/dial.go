package stream

import (
	"context"
	"crypto/tls"
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
	if known := (*pipeline.Error)(nil); errors.As(err, &known) { // of a mechanism or a file
		*e = *known
		e.Op, e.Kind, e.Reason = opDial, pipeline.Unavailable, broker+": "+known.Message()
		return e
	}
	say := func(reason, hint string) *pipeline.Error {
		e.Reason, e.Hint = broker+" "+reason, hint
		return e
	}
	plain, secure := knock(ctx, broker, false), knock(ctx, broker, true)
	switch {
	case !plain.reached && !secure.reached:
		e.Reason = fmt.Sprintf("%s: %v", broker, err)
		e.Hint = "see that the broker runs and that " + envBrokers + " names it (" + strings.Join(c.Brokers, ",") + ")"
		return e
	case c.TLS.Enabled && plain.kafka && !secure.kafka:
		return say("takes no TLS: its port speaks plain Kafka"+c.alsoNoSASL(plain), "leave "+envTLS+" and the other "+envTLS+"_ variables out, or name the port of the TLS listener in "+envBrokers)
	case !c.TLS.Enabled && secure.handshake && !plain.kafka:
		return say("wants TLS", "set "+envTLS+"=true, and "+envCA+" to the file of its authority where it is not a public one")
	}
	if reason, hint := untrusted(broker, err, envBrokers, envCA); reason != "" {
		e.Reason, e.Hint = reason, hint
		return e
	}
	if reason, hint := c.TLS.notTaken(err); reason != "" {
		return say(reason, hint)
	}
	return say(c.explainSASL(err, plain, secure))
}

// explainSASL says what of SASL is wrong.
func (c Config) explainSASL(err error, plain, secure port) (reason, hint string) {
	switch {
	case errors.Is(err, kafka.IllegalSASLState):
		return "takes no SASL: its port asks nobody who they are", "leave " + envMechanism + " out, or name the port of the SASL listener in " + envBrokers
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return "does not take the SASL mechanism " + c.SASL.Mechanism, "set " + envMechanism + " to one that it takes"
	case errors.Is(err, kafka.SASLAuthenticationFailed) && c.SASL.Mechanism == OAuthBearer:
		return "does not take the token", "see that it is one of the issuer, audience and scope that the broker expects: " + envTokenURL + " or " + envTokenFile + ", " + envScope
	case errors.Is(err, kafka.SASLAuthenticationFailed) && c.SASL.Mechanism == MSKIAM:
		return "does not take these credentials of AWS", "see AWS_ACCESS_KEY_ID or the role, that its policy allows kafka-cluster:Connect, AWS_REGION, and this machine's clock"
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return fmt.Sprintf("does not take user %q or the password", c.SASL.Username), "see " + envUsername + " and " + envPassword
	case c.SASL.Mechanism == "" && (plain.closed || secure.closed):
		return "wants SASL", "set " + envMechanism + ", " + envUsername + " and " + envPassword
	}
	return err.Error(), "see the broker's log, and that " + envBrokers + " and the TLS and SASL settings name it"
}

func (c Config) alsoNoSASL(plain port) string {
	if c.SASL.Mechanism != "" && !plain.closed {
		return ", and it takes no SASL"
	}
	return ""
}

// port is how a broker's port answers.
type port struct {
	reached   bool // something listens
	handshake bool // by TLS, which it began
	kafka     bool // it speaks Kafka
	closed    bool // but not to whom it does not know
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
		// #nosec G402 -- nothing is said, and nothing believed: which port is it?
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			p.handshake = true // and it wants to know who we are
			return &tls.Certificate{}, nil
		}})
	}
	if exchange(conn, kmsg.NewPtrApiVersionsRequest(), &kmsg.ApiVersionsResponse{}) != nil {
		return p
	}
	p.kafka, p.handshake = true, secure
	brokers := kmsg.NewPtrMetadataRequest()
	brokers.Version = 1
	brokers.Topics = []kmsg.MetadataRequestTopic{}
	p.closed = exchange(conn, brokers, &kmsg.MetadataResponse{Version: 1}) != nil
	return p
}
