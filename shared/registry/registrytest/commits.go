package registrytest

import (
	"database/sql"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"modernc.org/sqlite"
)

// committed has a counter, *atomic.Int64, by the path of a SQLite file.
var committed sync.Map

var countCommits = sync.OnceFunc(func() {
	sqlite.RegisterConnectionHook(func(conn sqlite.ExecQuerierContext, dsn string) error {
		committed.Range(func(path, count any) bool {
			if strings.Contains(dsn, path.(string)) {
				conn.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 {
					count.(*atomic.Int64).Add(1)
					return 0
				})
			}
			return true
		})
		return nil
	})
})

// Commits counts the transactions that write to the SQLite file at path,
// whoever of this process commits them. Call it before the file is opened.
func Commits(t testing.TB, path string) (count func() int64) {
	t.Helper()
	countCommits()
	n := new(atomic.Int64)
	committed.Store(path, n)
	t.Cleanup(func() { committed.Delete(path) })
	return n.Load
}

// Rows counts the rows of a table of the SQLite file at path.
func Rows(t testing.TB, path, table string) (rows int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}
