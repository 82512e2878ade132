package e2e

import (
	"archive/tar"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// unpack unpacks a fixture.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := zstd.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	for entries := tar.NewReader(plain); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, entry.Name) // #nosec G305 -- an archive of ours
		if entry.FileInfo().IsDir() {
			err = os.MkdirAll(path, 0o755)
		} else if content, failed := io.ReadAll(entries); failed == nil {
			err = os.WriteFile(path, content, 0o644)
		} else {
			err = failed
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// resume runs kafkaml over a folder of a fixture.
func resume(t *testing.T, dir string) *machine {
	t.Helper()
	m := &machine{t: t, dir: dir, args: []string{"--broker", "development"}, port: freePort(t), kafkaPort: freePort(t)}
	if dump, err := os.ReadFile(m.path("registry.sql")); err == nil {
		url := registrytest.Postgres(t)
		restore(t, url, string(dump))
		m.args = append(m.args, "--database", url)
	}
	m.begin()
	return m
}

// restore runs the statements of a dump, without psql's own commands.
func restore(t *testing.T, url, dump string) {
	t.Helper()
	var statements strings.Builder
	for line := range strings.Lines(dump) {
		if !strings.HasPrefix(line, `\`) {
			statements.WriteString(line)
		}
	}
	db, err := sql.Open("pgx", url+"&default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements.String()); err != nil {
		t.Fatal(err)
	}
}

// readJSON reads a file of a fixture.
func readJSON[T any](t *testing.T, file string) (v T) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}
