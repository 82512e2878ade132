package registry_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// refusedOpen checks that a database is refused with an error that says all of
// words and not the password.
func refusedOpen(t *testing.T, url string, kind pipeline.Kind, words ...string) {
	t.Helper()
	s, err := registry.Open(t.Context(), url)
	if err == nil {
		t.Fatal(errors.Join(errors.New("it was opened"), s.Close()))
	}
	refused(t, err, kind, words...)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error has the password: %v", err)
	}
}

func TestRefusedURLs(t *testing.T) {
	refusedOpen(t, "mysql://root:secret@host/db", pipeline.Invalid, "sqlite", "postgres")
	refusedOpen(t, "registry.db", pipeline.Invalid, "sqlite")
	refusedOpen(t, "postgres://u:secret@127.0.0.1:port/db", pipeline.Invalid, "connection string")
}

// Which of server, TLS, login, database and rights is in the way is said apart, with
// what mends it.
func TestRefusedByPostgres(t *testing.T) {
	empty := registrytest.Postgres(t)
	statement(t, empty, `CREATE ROLE "nobody-else" LOGIN PASSWORD 'secret'`) // who may make no tables in a database that is another's
	_, at, _ := strings.Cut(empty, "@")
	server, _, _ := strings.Cut(at, "/")
	speaksTLS := httptest.NewUnstartedServer(nil)
	speaksTLS.TLS = &tls.Config{NextProtos: []string{"postgresql"}}
	speaksTLS.Config.ErrorLog = log.New(io.Discard, "", 0) // it says that its certificate was not taken
	speaksTLS.StartTLS()
	t.Cleanup(speaksTLS.Close)
	for name, test := range map[string]struct{ url, reason, hint string }{
		"no server":     {"postgres://u:secret@127.0.0.1:1/db?sslmode=disable", "127.0.0.1:1 cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused", "see that the server runs"},
		"no TLS":        {"postgres://postgres:secret@" + server + "/postgres?sslmode=require", "server refused TLS connection", "sslmode"},
		"untrusted":     {"postgres://u:secret@" + speaksTLS.Listener.Addr().String() + "/db?sslmode=verify-full&sslnegotiation=direct", "TLS certificate that is not trusted: x509", "sslrootcert"},
		"wrong login":   {"postgres://postgres:secret@" + server + "/postgres", `refuses the user "postgres": password authentication failed`, "user and password of DATABASE_URL"},
		"no database":   {strings.Replace(empty, "/"+strings.SplitN(at, "/", 2)[1], "/gone", 1), `has no database "gone"`, `CREATE DATABASE "gone" OWNER "postgres"`},
		"not its owner": {"postgres://nobody-else:secret@" + at, `lets the user "nobody-else" do too little in the database "test`, `OWNER TO "nobody-else"`},
	} {
		t.Run(name, func(t *testing.T) {
			refusedOpen(t, test.url, pipeline.Unavailable, test.reason)
			var e *pipeline.Error
			if _, err := registry.Open(t.Context(), test.url); !errors.As(err, &e) || !strings.Contains(e.Hint, test.hint) {
				t.Errorf("%v: the hint is %+v", err, e)
			}
		})
	}
}

// statement runs SQL on a database beside the registry.
func statement(t *testing.T, url, text string) {
	t.Helper()
	driver, source := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, source = "sqlite", path
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), text)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestNewerSchema(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		if err := register(t.Context(), s, "kept"); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		statement(t, url, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (900, true)")
		statement(t, url, "ALTER TABLE models ADD COLUMN later TEXT")
		before := contents(t, url)
		if !strings.Contains(before, "kept") {
			t.Fatalf("the model is not in what is compared: %s", before)
		}
		refusedOpen(t, url, pipeline.Conflict, "schema 900", "a newer kafkaml wrote it")
		var e *pipeline.Error
		if _, err := registry.Open(t.Context(), url); !errors.As(err, &e) || !strings.Contains(e.Hint, "run that newer kafkaml") {
			t.Errorf("%v: the hint is %+v", err, e)
		}
		if after := contents(t, url); after != before {
			t.Errorf("it was changed from\n%s\nto\n%s", before, after)
		}
	})
}

// contents is all that a database holds: the bytes of a SQLite file, or the
// tables of a PostgreSQL database with their columns and rows.
func contents(t *testing.T, url string) string {
	t.Helper()
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var all string
	err = db.QueryRowContext(t.Context(), `SELECT string_agg(table_name || ' ' ||
		query_to_xml('SELECT * FROM ' || quote_ident(table_name), true, false, '')::text, '; ' ORDER BY table_name)
		FROM information_schema.tables WHERE table_schema = 'public'`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "registry.db")
	s := open(t, "sqlite:"+path)
	for i := range 50 {
		if err := register(t.Context(), s, strings.Repeat("x", 500)+string(rune('a'+i))); err != nil {
			t.Fatal(err)
		}
	}
	copied := func(name string, change func(content []byte) []byte) string {
		// A copy of the file alone is whole only after all connections are closed.
		content, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), change(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return "sqlite:" + filepath.Join(dir, name)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	overwrite := func(from int) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[from:], strings.Repeat("damage!!", 3000)); return b }
	}
	refusedOpen(t, copied("header.db", overwrite(0)), pipeline.Internal, "header.db", "damaged", "not a SQLite database")
	refusedOpen(t, copied("middle.db", overwrite(4096*5)), pipeline.Internal, "middle.db", "damaged")
	refusedOpen(t, copied("short.db", func(b []byte) []byte { return b[:len(b)/2] }), pipeline.Internal, "short.db", "damaged")
	again := open(t, copied("whole.db", func(b []byte) []byte { return b }))
	if last, err := again.LastEvent(t.Context()); err != nil || last != 50 {
		t.Errorf("the copy has %d events, %v", last, err)
	}
}

func TestFileOutOfReach(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Open(t.Context(), "sqlite:"+file+"/registry.db"); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a database under a file: %v", err)
	}
	if _, err := registry.Open(t.Context(), "sqlite:"+dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a database that is a folder: %v", err)
	}
	odd := filepath.Join(dir, "a b?c#d%20", "ü.db") // what a URL would read otherwise
	open(t, "sqlite:"+odd)
	if _, err := os.Stat(odd); err != nil {
		t.Error(err)
	}
}

func TestWriterThatWaitsEndsWithItsContext(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		first, second := open(t, url), open(t, url)
		for name, waiting := range map[string]*registry.Store{"same process": first, "another process": second} {
			do(t, first, func(*registry.Tx) error {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				began := time.Now()
				err := waiting.Do(ctx, func(*registry.Tx) error { t.Error("two writers"); return nil })
				if err == nil || time.Since(began) > 20*time.Second { // busy, SQLite would try for 30
					t.Errorf("%s: %v after %v", name, err, time.Since(began))
				}
				return nil
			})
		}
		if err := register(t.Context(), second, "afterwards"); err != nil {
			t.Error(err)
		}
	})
}

func TestReadSeesOneStateAndCannotWrite(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		err := view(t, s, func(tx *registry.Tx) error {
			before, err := tx.Models(registry.Query{})
			if err != nil {
				return err
			}
			if err := register(t.Context(), s, "meanwhile"); err != nil {
				return err
			}
			after, err := tx.Models(registry.Query{})
			if len(before.Items) != len(after.Items) {
				t.Error("a read saw a change")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = view(t, s, func(tx *registry.Tx) error { return tx.CreateModel(&pipeline.Model{Name: "written"}) })
		if err == nil {
			t.Error("a read wrote")
		}
	})
}

// TestServerDropsTheConnections has the server end a writer's connection in
// the middle of its transaction, as it does when it goes down.
func TestServerDropsTheConnections(t *testing.T) {
	url := registrytest.Postgres(t)
	s := open(t, url)
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = s.Do(t.Context(), func(tx *registry.Tx) error {
		_, err := db.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		return errors.Join(err, tx.CreateModel(&pipeline.Model{Name: "cut off"}))
	})
	refused(t, err, pipeline.Unavailable)
	if err := register(t.Context(), s, "afterwards"); err != nil {
		t.Error(err)
	}
	if last, err := s.LastEvent(t.Context()); err != nil || last != 1 {
		t.Errorf("%d events, %v", last, err)
	}
}
