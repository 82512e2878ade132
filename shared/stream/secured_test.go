package stream_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A Kafka that demands it is spoken to by each mechanism; the settings pass
// through the environment, as to the processes of trainings and inferences.
func TestSecuredKafka(t *testing.T) {
	s := streamtest.NewSecured(t)
	for name, config := range s.Ways() {
		t.Run(name, func(t *testing.T) {
			config, err := stream.FromEnv(getenv(config.Env()))
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, config)
		})
	}
	t.Run("a token of a file", func(t *testing.T) {
		token, err := s.Issuer.Token(streamtest.Audience, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, bearerOf(t, s, token))
	})
	if n := s.Issuer.Issued.Load(); n > 4 {
		t.Errorf("%d tokens for two clients: they are not kept", n)
	}
	t.Run("connections that end with their session", func(t *testing.T) { outlive(t, s) })
	t.Run("a client certificate that is renewed", func(t *testing.T) { renewed(t, s) })
	t.Run("refusals", func(t *testing.T) { refusals(t, s) })
}

func bearerOf(t *testing.T, s *streamtest.Secured, token string) stream.Config {
	t.Helper()
	file, err := s.File(streamtest.Name(t), token+"\n")
	if err != nil {
		t.Fatal(err)
	}
	c := s.Ways()[stream.OAuthBearer]
	c.SASL = stream.SASL{Mechanism: stream.OAuthBearer, Token: stream.Token{File: file}}
	return c
}

// roundTrip makes a topic, writes to it, reads it as a training does and as an
// inference does.
func roundTrip(t *testing.T, config stream.Config) {
	t.Helper()
	c, err := stream.Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	topic := streamtest.Topic(t, c, 1)
	produce(t, c, topic, 0, numbered(3))
	read := 0
	if err := c.Read(t.Context(), pipeline.Range{Topic: topic, Length: 3}, func(stream.Record) error { read++; return nil }); err != nil || read != 3 {
		t.Errorf("read %d, %v", read, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	seen := 0
	if err := c.Consume(ctx, stream.GroupConfig{ID: topic, Topics: []string{topic}}, func(ctx context.Context, claim *stream.Claim) error {
		records, err := claim.Fetch(ctx)
		seen += len(records)
		return err
	}); err != nil || seen != 3 {
		t.Errorf("consumed %d, %v", seen, err)
	}
}

// outlive writes and reads for longer than the broker keeps a connection: each
// record arrives, once.
func outlive(t *testing.T, s *streamtest.Secured) {
	config := s.Ways()[stream.OAuthBearer]
	config.Brokers = []string{s.Brief}
	c, err := stream.Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	topic := streamtest.Topic(t, c, 1)
	p, err := c.NewProducer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const total = 25
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	done := errors.New("all are there")
	followed := make(chan error, 1)
	go func() {
		seen := int64(0)
		followed <- c.Follow(ctx, topic, 0, 0, func(r stream.Record) error {
			if r.Offset != seen {
				t.Errorf("offset %d, want %d", r.Offset, seen)
			}
			if seen++; seen == total {
				return done
			}
			return nil
		})
	}()
	each := time.NewTicker(2 * streamtest.BriefSession / total)
	defer each.Stop()
	for range total {
		<-each.C
		if _, err := p.Produce(ctx, topic, 0, numbered(1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-followed; !errors.Is(err, done) {
		t.Error(err)
	}
}

// renewed dials with a certificate that has run out and is renewed while the
// cluster is open; meanwhile its file is half written.
func renewed(t *testing.T, s *streamtest.Secured) {
	cert, key, _, err := s.Authority.Issue("renewed", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	config := s.Ways()["mTLS"]
	config.TLS.Cert, config.TLS.Key = cert, key
	c, err := stream.Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	works := func(when string) {
		t.Helper()
		c.Reconnect()
		if _, err := c.Topics(t.Context()); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	works("while it is being written")
	if _, _, _, err := s.Authority.Issue("renewed", -time.Hour); err != nil { // in its place
		t.Fatal(err)
	}
	c.Reconnect()
	if _, err := c.Topics(t.Context()); err == nil {
		t.Error("an expired certificate in the file is not shown: it is not read again")
	}
	if _, _, _, err := s.Authority.Issue("renewed", time.Hour); err != nil {
		t.Fatal(err)
	}
	works("once it is renewed")
}

// A broker that does not take us: what it says names the variable to set.
func refusals(t *testing.T, s *streamtest.Secured) {
	ways := s.Ways()
	edit := func(way string, change func(*stream.Config)) stream.Config {
		c := ways[way]
		change(&c)
		return c
	}
	token := func(audience string, valid time.Duration) stream.Config {
		text, err := s.Issuer.Token(audience, valid)
		if err != nil {
			t.Fatal(err)
		}
		return bearerOf(t, s, text)
	}
	other, err := streamtest.NewAuthority(s.Dir, "other")
	if err != nil {
		t.Fatal(err)
	}
	strangerCert, strangerKey, _, err := other.Issue("stranger", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	lateCert, lateKey, _, err := s.Authority.Issue("late", -time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	lonely := stream.TLS{Enabled: true, CA: s.Authority.File}
	for name, test := range map[string]struct {
		config       stream.Config
		reason, hint string
	}{
		"PLAIN, wrong password":   {edit(stream.Plain, func(c *stream.Config) { c.SASL.Password = "guess" }), `does not take user "kafkaml" or the password`, "KAFKA_SASL_PASSWORD"},
		"SCRAM, wrong password":   {edit(stream.ScramSHA512, func(c *stream.Config) { c.SASL.Password = "guess" }), `does not take user "kafkaml" or the password`, "KAFKA_SASL_PASSWORD"},
		"SCRAM, unknown user":     {edit(stream.ScramSHA256, func(c *stream.Config) { c.SASL.Username = "bob" }), `does not take user "bob" or the password`, "KAFKA_SASL_USERNAME"},
		"nobody":                  {edit(stream.Plain, func(c *stream.Config) { c.SASL = stream.SASL{} }), "wants SASL", "KAFKA_SASL_MECHANISM"},
		"a mechanism not enabled": {edit(stream.Plain, func(c *stream.Config) { c.Brokers = []string{s.Brief} }), "does not take the SASL mechanism PLAIN", "KAFKA_SASL_MECHANISM"},
		"no TLS":                  {edit(stream.Plain, func(c *stream.Config) { c.TLS = stream.TLS{} }), "wants TLS", "KAFKA_TLS=true"},
		"wrong CA":                {edit(stream.Plain, func(c *stream.Config) { c.TLS.CA = other.File }), "not trusted", "KAFKA_TLS_CA"},
		"wrong host name":         {edit(stream.Plain, func(c *stream.Config) { c.Brokers = []string{strings.Replace(s.SASL, "127.0.0.1", "localhost", 1)} }), "a TLS certificate for other names", "KAFKA_BROKERS as its certificate does (127.0.0.1)"},
		"expired certificate":     {stream.Config{Brokers: []string{s.Expired}, TLS: lonely}, "a TLS certificate that is valid from", "renew the certificate"},
		"no client certificate":   {stream.Config{Brokers: []string{s.Mutual}, TLS: lonely}, "wants a client certificate", "KAFKA_TLS_CERT"},
		"no TLS where a client certificate is wanted": {stream.Config{Brokers: []string{s.Mutual}}, "wants TLS", "KAFKA_TLS=true"},
		"a stranger's client certificate":             {edit("mTLS", func(c *stream.Config) { c.TLS.Cert, c.TLS.Key = strangerCert, strangerKey }), "does not take the client certificate", "KAFKA_TLS_CERT"},
		"an expired client certificate":               {edit("mTLS", func(c *stream.Config) { c.TLS.Cert, c.TLS.Key = lateCert, lateKey }), "client certificate, which expired on", "KAFKA_TLS_CERT"},
		"no such client certificate":                  {edit("mTLS", func(c *stream.Config) { c.TLS.Cert = "/absent.pem" }), "no such file", "KAFKA_TLS_CERT"},
		"OAUTHBEARER, wrong secret":                   {edit(stream.OAuthBearer, func(c *stream.Config) { c.SASL.Password = "guess" }), "does not take the client's id or secret", "KAFKA_SASL_PASSWORD"},
		"OAUTHBEARER, no endpoint":                    {edit(stream.OAuthBearer, func(c *stream.Config) { c.SASL.Token.URL = "http://127.0.0.1:1/token" }), "refused", "KAFKA_SASL_TOKEN_URL"},
		"OAUTHBEARER, not an endpoint":                {edit(stream.OAuthBearer, func(c *stream.Config) { c.SASL.Token.URL = s.Issuer.URL + "/tokens" }), "404", "KAFKA_SASL_TOKEN_URL"},
		"OAUTHBEARER, expired token":                  {token(streamtest.Audience, -time.Minute), "does not take the token", "KAFKA_SASL_TOKEN_FILE"},
		"OAUTHBEARER, another audience":               {token("somebody", time.Hour), "does not take the token", "KAFKA_SASL_TOKEN_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := stream.Dial(t.Context(), test.config)
			if err == nil {
				c.Close()
			}
			var known *pipeline.Error
			if !errors.As(err, &known) || !strings.Contains(known.Message(), test.reason) || !strings.Contains(known.Hint, test.hint) {
				t.Fatalf("%v\nhint: %s", err, hintOf(known))
			}
			if strings.Contains(err.Error()+known.Hint, streamtest.Password) || strings.Contains(err.Error()+known.Hint, "guess") {
				t.Errorf("tells the password: %v", err)
			}
		})
	}
}

func hintOf(e *pipeline.Error) string {
	if e == nil {
		return ""
	}
	return e.Hint
}

// AWS_MSK_IAM sends what Amazon's servers ask for: a request that is signed for
// this broker and region by the role's key. Their servers are not to be had, so
// a fake broker looks at what it gets.
func TestAWSCredentials(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cluster.ControlKey(int16(kmsg.SASLHandshake), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		answer := request.ResponseKind().(*kmsg.SASLHandshakeResponse)
		if request.(*kmsg.SASLHandshakeRequest).Mechanism != stream.MSKIAM {
			answer.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		}
		answer.SupportedMechanisms = []string{stream.MSKIAM}
		return answer, nil, true
	})
	said := make(chan []byte, 1)
	cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		select {
		case said <- request.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes:
		default: // of a further connection
		}
		answer := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer.SASLAuthBytes = []byte(`{"version":"2020_10_22"}`)
		return answer, nil, true
	})
	roles := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"AccessKeyId": "AKROLE", "SecretAccessKey": "of the role", "Token": "session", "Expiration": time.Now().Add(time.Hour)})
	}))
	t.Cleanup(roles.Close)
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/absent")
	for name, variables := range map[string][]string{
		"a key":  {"AWS_ACCESS_KEY_ID=AKROLE", "AWS_SECRET_ACCESS_KEY=of the role", "AWS_SESSION_TOKEN=session"},
		"a role": {"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + roles.URL},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range variables {
				name, value, _ := strings.Cut(v, "=")
				t.Setenv(name, value)
			}
			env := append([]string{"KAFKA_BROKERS=" + cluster.ListenAddrs()[0], "KAFKA_SASL_MECHANISM=AWS_MSK_IAM"}, variables...)
			config, err := stream.FromEnv(getenv(env))
			if err != nil {
				t.Fatal(err)
			}
			c, err := stream.Dial(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var payload map[string]string
			if err := json.Unmarshal(<-said, &payload); err != nil {
				t.Fatal(err)
			}
			day := payload["x-amz-date"][:8]
			for member, want := range map[string]string{
				"version": "2020_10_22", "host": "127.0.0.1", "user-agent": "kafkaml", "action": "kafka-cluster:Connect",
				"x-amz-credential": "AKROLE/" + day + "/eu-west-1/kafka-cluster/aws4_request", "x-amz-security-token": "session",
			} {
				if payload[member] != want {
					t.Errorf("%s is %q, want %q", member, payload[member], want)
				}
			}
			if b, err := hex.DecodeString(payload["x-amz-signature"]); err != nil || len(b) != 32 {
				t.Errorf("signature %q", payload["x-amz-signature"])
			}
		})
	}
}
