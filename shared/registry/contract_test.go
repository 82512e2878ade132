package registry_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

func TestMain(m *testing.M) { os.Exit(registrytest.Main(m)) }

// contract runs a test of what a registry promises on each database.
func contract(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "registry.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, registrytest.Postgres(t)) })
}

func open(t *testing.T, url string) *registry.Store {
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
func do(t *testing.T, s *registry.Store, fn func(tx *registry.Tx) error) {
	t.Helper()
	if err := s.Do(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}
