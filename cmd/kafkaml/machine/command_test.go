package machine

import (
	"io"
	"testing"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
)

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
