package registry_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// A backup leaves out no table that a migration brings, and brings none that it does
// not know of.
func TestDumpedTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	s := open(t, "sqlite:"+path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	found, err := db.QueryContext(t.Context(), "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%'")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var tables []string
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	dumped := registry.Tables(registry.Schema())
	if slices.Sort(tables); !slices.Equal(tables, slices.Sorted(slices.Values(dumped))) {
		t.Errorf("the database has %v, a backup %v", tables, dumped)
	}
	if schema, err := registry.Read(t.Context(), s, (*registry.Tx).Schema); err != nil || schema != registry.Schema() {
		t.Errorf("schema %d, %v", schema, err)
	}
}

// Looking at a registry makes none.
func TestOpenAsIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "registry.db")
	if _, err := registry.OpenAsIs(t.Context(), "sqlite:"+path); pipeline.KindOf(err) != pipeline.NotFound {
		t.Error(err)
	}
	contract(t, func(t *testing.T, url string) {
		if s, err := registry.OpenAsIs(t.Context(), url); pipeline.KindOf(err) != pipeline.NotFound {
			t.Error(s, err)
		}
		if err := open(t, url).Close(); err != nil {
			t.Error(err)
		}
		s, err := registry.OpenAsIs(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		if size, err := s.Bytes(t.Context()); err != nil || size < 4096 {
			t.Errorf("%d bytes, %v", size, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
