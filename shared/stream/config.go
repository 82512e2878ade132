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
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Config says where the brokers are and how to speak to them.
type Config struct {
	Brokers []string // host:port of at least one
	TLS     TLS
	SASL    SASL
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

	envTokenURL   = "KAFKA_SASL_TOKEN_URL"  // #nosec G101 -- a name
	envTokenFile  = "KAFKA_SASL_TOKEN_FILE" // #nosec G101 -- a name
	envTokenCA    = "KAFKA_SASL_TOKEN_CA"   // #nosec G101 -- a name
	envScope      = "KAFKA_SASL_SCOPE"
	envExtensions = "KAFKA_SASL_EXTENSIONS"
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
	var err error
	if c.TLS, err = readTLS(getenv); err != nil {
		return c, err
	}
	if c.SASL, err = readSASL(getenv); err != nil {
		return c, err
	}
	_, err = c.SASL.mechanism()
	return c, err
}

// Env is the Config as variables for a child process: FromEnv reads it back.
// It holds the secrets of SASL, as the environment of this process does.
func (c Config) Env() []string {
	env := []string{envBrokers + "=" + strings.Join(c.Brokers, ",")}
	if c.TLS.Enabled {
		env = append(env, envTLS+"=true", envCA+"="+c.TLS.CA, envCert+"="+c.TLS.Cert, envKey+"="+c.TLS.Key)
	}
	return append(env, c.SASL.env()...)
}
