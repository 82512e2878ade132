package streamtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// User and Password are who a secured Kafka knows.
const (
	User     = "kafkaml"
	Password = "kafka-secret-7f3a"
)

// BriefSession is how long a connection to Secured.Brief lasts.
const BriefSession = 2 * time.Second

// Secured is an Apache Kafka with listeners that ask who is there.
type Secured struct {
	Authority *Authority // of the brokers' certificates and of the clients'
	Issuer    *Issuer    // of tokens
	SASL      string     // host:port of TLS with PLAIN, SCRAM and OAUTHBEARER
	Brief     string     // of TLS with OAUTHBEARER, which ends each connection after BriefSession
	Mutual    string     // of TLS with client certificates
	Expired   string     // of TLS by a certificate that is no longer valid
	Dir       string     // for files of tests

	cert, key string
}

// Ways are the ways in, by name: each is complete, and right.
func (s *Secured) Ways() map[string]stream.Config {
	encrypted := stream.TLS{Enabled: true, CA: s.Authority.File}
	ways := map[string]stream.Config{"mTLS": {Brokers: []string{s.Mutual}, TLS: stream.TLS{Enabled: true, CA: s.Authority.File, Cert: s.cert, Key: s.key}}}
	for _, m := range []string{stream.Plain, stream.ScramSHA256, stream.ScramSHA512, stream.OAuthBearer} {
		c := stream.Config{Brokers: []string{s.SASL}, TLS: encrypted, SASL: stream.SASL{Mechanism: m, Username: User, Password: Password}}
		if m == stream.OAuthBearer {
			c.SASL.Token = stream.Token{URL: s.Issuer.URL + "/token", Scope: "kafka"}
		}
		ways[m] = c
	}
	return ways
}

// NewSecured starts a secured Kafka for one test.
func NewSecured(t testing.TB) *Secured {
	t.Helper()
	lib, err := toolchain.Kafka()
	if err != nil {
		t.Fatalf("%v: run `make kafka`", err)
	}
	s := &Secured{Dir: t.TempDir()}
	o, err := s.options(t)
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.Listening(context.Background(), lib, filepath.Join(s.Dir, "kafka"), 0, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBroker(t, b) })
	return s
}

func (s *Secured) options(t testing.TB) (o broker.Options, err error) {
	if s.Authority, err = NewAuthority(s.Dir, "authority"); err != nil {
		return o, err
	}
	if s.Issuer, err = NewIssuer(); err != nil {
		return o, err
	}
	t.Cleanup(s.Issuer.Close)
	_, _, valid, err := s.Authority.Issue("broker", time.Hour, "127.0.0.1")
	if err != nil {
		return o, err
	}
	_, _, over, err := s.Authority.Issue("expired", -time.Hour, "127.0.0.1")
	if err != nil {
		return o, err
	}
	if s.cert, s.key, _, err = s.Authority.Issue("client", time.Hour); err != nil {
		return o, err
	}
	stores := func(keys string) []string {
		return []string{
			"ssl.keystore.type=PEM", "ssl.keystore.location=" + keys,
			"ssl.truststore.type=PEM", "ssl.truststore.location=" + s.Authority.File,
		}
	}
	const security = "org.apache.kafka.common.security."
	var ports [4]int
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return o, err
		}
	}
	s.SASL, s.Mutual, s.Expired, s.Brief = address(ports[0]), address(ports[1]), address(ports[2]), address(ports[3])
	bearer := []string{
		"oauthbearer.sasl.jaas.config=" + security + "oauthbearer.OAuthBearerLoginModule required;",
		"oauthbearer.sasl.server.callback.handler.class=" + security + "oauthbearer.OAuthBearerValidatorCallbackHandler",
	}
	o.Listeners = []broker.Listener{
		{Name: "SECURE", Port: ports[0], Protocol: "SASL_SSL", Properties: append(
			append(stores(valid), bearer...),
			"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
			fmt.Sprintf("plain.sasl.jaas.config=%splain.PlainLoginModule required user_%s=%q;", security, User, Password),
			"scram-sha-256.sasl.jaas.config="+security+"scram.ScramLoginModule required;",
			"scram-sha-512.sasl.jaas.config="+security+"scram.ScramLoginModule required;",
		)},
		{Name: "BRIEF", Port: ports[3], Protocol: "SASL_SSL", Properties: slices.Concat(stores(valid), bearer, []string{
			"sasl.enabled.mechanisms=OAUTHBEARER", fmt.Sprintf("oauthbearer.connections.max.reauth.ms=%d", BriefSession.Milliseconds()),
		})},
		{Name: "MUTUAL", Port: ports[1], Protocol: "SSL", Properties: append(stores(valid), "ssl.client.auth=required")},
		{Name: "EXPIRED", Port: ports[2], Protocol: "SSL", Properties: stores(over)},
	}
	o.Properties = []string{
		"sasl.oauthbearer.jwks.endpoint.url=" + s.Issuer.URL + "/keys", "sasl.oauthbearer.expected.audience=" + Audience,
		"sasl.oauthbearer.expected.issuer=" + s.Issuer.URL,
	}
	o.Java = []string{"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=" + s.Issuer.URL + "/keys"}
	for _, m := range []string{stream.ScramSHA256, stream.ScramSHA512} {
		o.Format = append(o.Format, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", m, User, Password))
	}
	return o, nil
}

// File writes a file for a test, and gives its path.
func (s *Secured) File(name, text string) (string, error) {
	path := filepath.Join(s.Dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// freePort is below those that the kernel gives to connections, so that nobody
// gets it by chance while the broker starts.
func freePort() (port int, err error) {
	const lowest, highest = 14000, 17999
	for range 100 {
		port = lowest + rand.IntN(highest-lowest+1) // #nosec G404 -- any will do
		var l net.Listener
		if l, err = net.Listen("tcp", address(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}
