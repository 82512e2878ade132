// Package stream is kafkaml's Kafka: it reads exact ranges of a log for
// training, consumes topics in groups for inference, produces with every
// replica's acknowledgement, reports what retention has left of a stream, and
// reads and writes control messages.
//
// A Cluster is the connection to the brokers; all else hangs on it. The traps
// of the protocol and of the client library that the code steers round are
// named where it does.
package stream

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Config says where the brokers are and how to speak to them.
type Config struct {
	Brokers []string // host:port of at least one
	TLS     TLS
	SASL    SASL
}

// TLS is the encryption of the connections. The paths are PEM files; without CA
// the system's roots are trusted, without Cert no client certificate is shown.
type TLS struct {
	Enabled       bool
	CA, Cert, Key string
}

// SASL is who we are to the brokers. An empty Mechanism is nobody.
type SASL struct {
	Mechanism          string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
	Username, Password string
}

// The environment variables that FromEnv reads and Env writes.
const (
	envBrokers   = "KAFKA_BROKERS" // comma-separated
	envTLS       = "KAFKA_TLS"     // true or false; true where a file is named
	envCA        = "KAFKA_TLS_CA"
	envCert      = "KAFKA_TLS_CERT"
	envKey       = "KAFKA_TLS_KEY"
	envMechanism = "KAFKA_SASL_MECHANISM"
	envUsername  = "KAFKA_SASL_USERNAME"
	envPassword  = "KAFKA_SASL_PASSWORD"
)

// FromEnv reads a Config from environment variables and checks it.
func FromEnv(getenv func(string) string) (Config, error) {
	var c Config
	for b := range strings.SplitSeq(getenv(envBrokers), ",") {
		if b = strings.TrimSpace(b); b != "" {
			c.Brokers = append(c.Brokers, b)
		}
	}
	if len(c.Brokers) == 0 {
		return c, pipeline.Invalidf(envBrokers, "is not set").WithHint("name a broker as host:port")
	}
	c.TLS = TLS{CA: getenv(envCA), Cert: getenv(envCert), Key: getenv(envKey)}
	switch strings.ToLower(getenv(envTLS)) {
	case "true", "1", "yes", "on":
		c.TLS.Enabled = true
	case "false", "0", "no", "off":
	case "":
		c.TLS.Enabled = c.TLS.CA != "" || c.TLS.Cert != ""
	default:
		return c, pipeline.Invalidf(envTLS, "%q is neither true nor false", getenv(envTLS)).
			WithHint("set it to true for a broker that wants TLS, or leave it out")
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		return c, pipeline.Invalidf(envCert, "a client certificate needs both %s and %s", envCert, envKey)
	}
	c.SASL = SASL{Mechanism: strings.ToUpper(getenv(envMechanism)), Username: getenv(envUsername), Password: getenv(envPassword)}
	_, err := c.SASL.mechanism()
	return c, err
}

// Env is the Config as variables for a child process: FromEnv reads it back.
// It holds the password, as the environment of this process does.
func (c Config) Env() []string {
	env := []string{envBrokers + "=" + strings.Join(c.Brokers, ",")}
	if c.TLS.Enabled {
		env = append(env, envTLS+"=true", envCA+"="+c.TLS.CA, envCert+"="+c.TLS.Cert, envKey+"="+c.TLS.Key)
	}
	if c.SASL.Mechanism != "" {
		env = append(env, envMechanism+"="+c.SASL.Mechanism, envUsername+"="+c.SASL.Username, envPassword+"="+c.SASL.Password)
	}
	return env
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	var algorithm scram.Algorithm
	switch s.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		algorithm = scram.SHA256
	case "SCRAM-SHA-512":
		algorithm = scram.SHA512
	default:
		return nil, pipeline.Invalidf(envMechanism, "%q is not known", s.Mechanism).WithHint("use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	}
	m, err := scram.Mechanism(algorithm, s.Username, s.Password)
	if err != nil {
		return nil, pipeline.Invalidf(envUsername, "%v", err)
	}
	return m, nil
}

func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, &pipeline.Error{Kind: pipeline.Invalid, Field: envCA, Err: err}
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, pipeline.Invalidf(envCA, "%s holds no PEM certificate", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, &pipeline.Error{Kind: pipeline.Invalid, Field: envCert, Err: fmt.Errorf("client certificate: %w", err)}
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
