package stream_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// getenv looks variables up in "NAME=value" pairs.
func getenv(pairs []string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if value, ok := strings.CutPrefix(p, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestConfigThroughTheEnvironment(t *testing.T) {
	tests := map[string]struct {
		env  []string
		want stream.Config
	}{
		"brokers": {[]string{"KAFKA_BROKERS= a:1, b:2,"}, stream.Config{Brokers: []string{"a:1", "b:2"}}},
		"TLS":     {[]string{"KAFKA_BROKERS=a:1", "KAFKA_TLS=True"}, stream.Config{Brokers: []string{"a:1"}, TLS: stream.TLS{Enabled: true}}},
		"a CA": {
			[]string{"KAFKA_BROKERS=a:1", "KAFKA_TLS_CA=/ca.pem", "KAFKA_TLS_CERT=/c.pem", "KAFKA_TLS_KEY=/k.pem"},
			stream.Config{Brokers: []string{"a:1"}, TLS: stream.TLS{Enabled: true, CA: "/ca.pem", Cert: "/c.pem", Key: "/k.pem"}},
		},
		"SASL": {
			[]string{"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=scram-sha-512", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p=,w"},
			stream.Config{Brokers: []string{"a:1"}, SASL: stream.SASL{Mechanism: "SCRAM-SHA-512", Username: "u", Password: "p=,w"}},
		},
		"tokens of an endpoint": {
			[]string{
				"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=oauthbearer", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p", "KAFKA_SASL_TOKEN_URL=https://a/t",
				"KAFKA_SASL_SCOPE=a b", "KAFKA_SASL_EXTENSIONS=logicalCluster=l-1,identityPoolId=p",
			},
			stream.Config{Brokers: []string{"a:1"}, SASL: stream.SASL{
				Mechanism: "OAUTHBEARER", Username: "u", Password: "p",
				Token: stream.Token{URL: "https://a/t", Scope: "a b", Extensions: "logicalCluster=l-1,identityPoolId=p"},
			}},
		},
		"a role of AWS": {
			[]string{"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=AWS_MSK_IAM", "AWS_ROLE_ARN=r", "AWS_REGION=eu-west-1", "HOME=/"},
			stream.Config{Brokers: []string{"a:1"}, SASL: stream.SASL{Mechanism: "AWS_MSK_IAM", AWS: []string{"AWS_ROLE_ARN=r", "AWS_REGION=eu-west-1"}}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := stream.FromEnv(getenv(test.env))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			again, err := stream.FromEnv(getenv(got.Env()))
			if diff := cmp.Diff(got, again); diff != "" || err != nil {
				t.Errorf("through Env: %s, %v", diff, err)
			}
		})
	}
	for _, bad := range [][]string{
		nil,
		{"KAFKA_BROKERS=a:1", "KAFKA_TLS=perhaps"},
		{"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=GSSAPI"},
		{"KAFKA_BROKERS=a:1", "KAFKA_TLS_CERT=/c.pem"},
		{"KAFKA_BROKERS=a:1", "KAFKA_SASL_USERNAME=u"},
		{"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=PLAIN", "KAFKA_SASL_PASSWORD=p"},
		{"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=OAUTHBEARER"},
		{"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=OAUTHBEARER", "KAFKA_SASL_TOKEN_URL=http://a/t", "KAFKA_SASL_USERNAME=u"},
		{"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=OAUTHBEARER", "KAFKA_SASL_TOKEN_URL=http://u:p@a/t", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p"},
		{"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=OAUTHBEARER", "KAFKA_SASL_TOKEN_URL=ftp://a/t", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p"},
		{"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=OAUTHBEARER", "KAFKA_SASL_TOKEN_URL=http://a/t", "KAFKA_SASL_TOKEN_FILE=/t"},
		{"KAFKA_BROKERS=a:1", "KAFKA_SASL_MECHANISM=OAUTHBEARER", "KAFKA_SASL_TOKEN_FILE=/t", "KAFKA_SASL_EXTENSIONS=auth=x"},
	} {
		if _, err := stream.FromEnv(getenv(bad)); pipeline.KindOf(err) != pipeline.Invalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// certificate makes a certificate of 127.0.0.1 that signs itself, and its file.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// A broker that does not take us says which of address, TLS and SASL is wrong.
func TestDialExplains(t *testing.T) {
	cert, ca := certificate(t)
	serve := func(options ...kfake.Opt) []string {
		cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		return cluster.ListenAddrs()
	}
	plain := streamtest.Kafka(t).Config().Brokers
	secure := serve(kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	known := serve(kfake.EnableSASL(), kfake.Superuser("PLAIN", "user", "secret"))
	withTLS := stream.TLS{Enabled: true, CA: ca}
	user := stream.SASL{Mechanism: "PLAIN", Username: "user", Password: "secret"}
	for name, c := range map[string]struct {
		config       stream.Config
		reason, hint string
	}{
		"no broker there":            {stream.Config{Brokers: []string{"127.0.0.1:1"}}, "refused", "KAFKA_BROKERS"},
		"no CA file":                 {stream.Config{Brokers: plain, TLS: stream.TLS{Enabled: true, CA: filepath.Join(t.TempDir(), "absent.pem")}}, "no such file", ""},
		"TLS to a plain port":        {stream.Config{Brokers: plain, TLS: withTLS}, "takes no TLS: its port speaks plain Kafka", "KAFKA_TLS"},
		"SASL to a plain port":       {stream.Config{Brokers: plain, SASL: user}, "takes no SASL", "KAFKA_SASL_MECHANISM"},
		"both to a plain port":       {stream.Config{Brokers: plain, TLS: withTLS, SASL: user}, "takes no TLS: its port speaks plain Kafka, and it takes no SASL", "KAFKA_TLS"},
		"TLS to a port with SASL":    {stream.Config{Brokers: known, TLS: withTLS, SASL: user}, "takes no TLS: its port speaks plain Kafka", "KAFKA_TLS"},
		"plain to a port with TLS":   {stream.Config{Brokers: secure}, "wants TLS", "KAFKA_TLS_CA"},
		"an authority not known":     {stream.Config{Brokers: secure, TLS: stream.TLS{Enabled: true}}, "not trusted", "KAFKA_TLS_CA"},
		"nobody to a port with SASL": {stream.Config{Brokers: known}, "wants SASL", "KAFKA_SASL_USERNAME"},
		"a wrong password":           {stream.Config{Brokers: known, SASL: stream.SASL{Mechanism: "PLAIN", Username: "user", Password: "guess"}}, `does not take user "user"`, "KAFKA_SASL_PASSWORD"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := stream.Dial(t.Context(), c.config)
			var known *pipeline.Error
			if !errors.As(err, &known) || !strings.Contains(known.Error(), c.reason) || !strings.Contains(known.Hint, c.hint) {
				t.Errorf("%v", err)
			}
		})
	}
}
