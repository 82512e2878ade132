package functions

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// A KafkaSource gets references to the Secrets, and is refused where it cannot
// speak to the brokers.
func TestSourceNet(t *testing.T) {
	type object = map[string]any
	ref := func(secret, key string) object {
		return object{"secretKeyRef": object{"name": secret, "key": key}}
	}
	user := object{
		"enable": true, "type": ref("kafkaml-kafka", "KAFKA_SASL_MECHANISM"),
		"user": ref("kafkaml-kafka", "KAFKA_SASL_USERNAME"), "password": ref("kafkaml-kafka", "KAFKA_SASL_PASSWORD"),
	}
	ca := ref("kafkaml-kafka-tls", "ca.crt")
	encrypted := stream.TLS{Enabled: true, CA: "/etc/kafkaml/kafka/ca.crt"}
	shown := stream.TLS{Enabled: true, CA: "/etc/kafkaml/kafka/ca.crt", Cert: "/etc/kafkaml/kafka/tls.crt", Key: "/etc/kafkaml/kafka/tls.key"}
	for name, test := range map[string]struct {
		config stream.Config
		want   any
		reason string
	}{
		"nothing":       {stream.Config{}, nil, ""},
		"PLAIN":         {stream.Config{SASL: stream.SASL{Mechanism: stream.Plain}}, object{"sasl": user}, ""},
		"SCRAM and TLS": {stream.Config{TLS: encrypted, SASL: stream.SASL{Mechanism: stream.ScramSHA512}}, object{"sasl": user, "tls": object{"enable": true, "caCert": ca}}, ""},
		"mTLS": {stream.Config{TLS: shown}, object{"tls": object{
			"enable": true, "caCert": ca, "cert": ref("kafkaml-kafka-tls", "tls.crt"), "key": ref("kafkaml-kafka-tls", "tls.key"),
		}}, ""},
		"TLS alone":   {stream.Config{TLS: encrypted}, nil, "client certificate"},
		"OAUTHBEARER": {stream.Config{TLS: encrypted, SASL: stream.SASL{Mechanism: stream.OAuthBearer}}, nil, "not OAUTHBEARER"},
		"AWS_MSK_IAM": {stream.Config{TLS: encrypted, SASL: stream.SASL{Mechanism: stream.MSKIAM}}, nil, "not AWS_MSK_IAM"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := sourceNet(test.config)
			if test.reason != "" {
				if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), test.reason) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
