package registry_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// writes tells a copy of the test program to write to the registry of that URL
// until it is killed, or as often as writesTimes says.
const (
	writes      = "REGISTRY_TEST_WRITES"
	writesTimes = "REGISTRY_TEST_TIMES"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(writes); url != "" {
		if err := writer(context.Background(), url, os.Getenv(writesTimes)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(registrytest.Main(m))
}

// contract runs a test of what a registry promises on each database.
func contract(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "registry.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, registrytest.Postgres(t)) })
}

func open(t testing.TB, url string) *registry.Store {
	t.Helper()
	s, err := registry.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// do runs fn in a write transaction that must succeed.
func do(t testing.TB, s *registry.Store, fn func(tx *registry.Tx) error) {
	t.Helper()
	if err := s.Do(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// view runs fn in a transaction that reads.
func view(t testing.TB, s *registry.Store, fn func(tx *registry.Tx) error) error {
	t.Helper()
	_, err := registry.Read(t.Context(), s, func(tx *registry.Tx) (struct{}, error) { return struct{}{}, fn(tx) })
	return err
}

// fact is an event about subject.
func fact(subject string) event.Event {
	e := event.New()
	e.SetID("id-" + subject)
	e.SetType("io.kafkaml.model.registered.v1")
	e.SetSource("/model-register")
	e.SetSubject(subject)
	return e
}

// register creates a model and emits the fact in one transaction.
func register(ctx context.Context, s *registry.Store, name string) error {
	return s.Do(ctx, func(tx *registry.Tx) error {
		if err := tx.CreateModel(&pipeline.Model{Name: name, Source: "model = 1"}); err != nil {
			return err
		}
		return tx.Emit(fact(name))
	})
}
