package machine

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
)

// What would make a connection to a Kafka of one's own safe is not left out
// without a word.
func TestKafkaVariablesWithoutBrokers(t *testing.T) {
	var notes strings.Builder
	env := &cli.Env{Out: io.Discard, Err: &notes, Getenv: func(name string) string {
		return map[string]string{"KAFKA_TLS_CA": "ca.crt", "KAFKA_SASL_MECHANISM": "PLAIN"}[name]
	}}
	s := settings{Options: Options{Data: t.TempDir()}}
	log, err := s.prepare(env)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if !strings.HasPrefix(notes.String(), "without effect: KAFKA_TLS_CA, KAFKA_SASL_MECHANISM. KAFKA_BROKERS is not set") {
		t.Errorf("says %q", &notes)
	}
}

// The script of Kafka does nothing unless it is told where Kafka is, and how to log in.
func TestSetBack(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.FixedZone("", 3600))
	const login = " --command-config client.properties"
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"KAFKA_BROKERS": "k:9092"}, "k:9092"},
		{nil, "HOST:PORT"},
		{map[string]string{"KAFKA_BROKERS": "k:9092", "KAFKA_SASL_MECHANISM": "PLAIN"}, "k:9092" + login},
		{map[string]string{"KAFKA_BROKERS": "k:9092", "KAFKA_TLS": "true"}, "k:9092" + login},
	} {
		got, want := setBack(func(name string) string { return test.env[name] }, at), test.want
		if want = "kafka-consumer-groups.sh --bootstrap-server " + want + " --group kafkaml-control-log --reset-offsets --to-datetime 2026-01-02T02:04:05.006 --all-topics --execute"; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

// The bound of replicas holds on one machine, too: its refusal names the variable.
func TestMaxReplicas(t *testing.T) {
	env := &cli.Env{Out: io.Discard, Err: io.Discard, Getenv: func(name string) string {
		return map[string]string{"KAFKAML_MAX_REPLICAS": "100"}[name]
	}}
	s := settings{Options: Options{Data: t.TempDir()}}
	log, err := s.prepare(env)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if s.Replicas != 100 {
		t.Errorf("at most %d replicas, want 100", s.Replicas)
	}
}
