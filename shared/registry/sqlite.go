package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// sqliteDB is a SQLite file with a write-ahead log: readers see the last
// committed state while one connection writes.
type sqliteDB struct {
	path        string
	write, read *sql.DB
}

// readers is how many connections read at the same time.
const readers = 4

// checkTime bounds the check for damage at the opening of a large file.
const checkTime = 2 * time.Second

func openSQLite(ctx context.Context, path string, schema int64) (*sqliteDB, error) {
	path, err := filepath.Abs(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	if schema == asItIs {
		if _, err := os.Stat(path); err != nil {
			return nil, noRegistry(path)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of the database: %w", err)
	}
	db := &sqliteDB{path: path}
	if err := db.prepare(ctx, schema); err != nil {
		return nil, db.explain(err)
	}
	// A commit is on the disk before it is answered: synchronous is full.
	if db.write, err = sql.Open("sqlite", sqliteDSN(path, 100*time.Millisecond, "_txlock=immediate", "_pragma=synchronous(FULL)", "_pragma=foreign_keys(1)")); err != nil {
		return nil, err
	}
	db.write.SetMaxOpenConns(1)
	if db.read, err = sql.Open("sqlite", sqliteDSN(path, 10*time.Second, "_pragma=query_only(1)")); err != nil {
		return nil, errors.Join(err, db.write.Close())
	}
	db.read.SetMaxOpenConns(readers)
	return db, nil
}

// sqliteDSN writes the options of a connection. patience is for how long
// SQLite itself waits for another process that writes; a context does not end
// that wait.
func sqliteDSN(path string, patience time.Duration, options ...string) string {
	query := fmt.Sprintf("_pragma=busy_timeout(%d)", patience.Milliseconds()) // first: the others may have to wait
	for _, o := range options {
		query += "&" + o
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query}).String()
}

// prepare looks for damage and brings the schema to a version.
func (db *sqliteDB) prepare(ctx context.Context, schema int64) (err error) {
	unlock, err := lockFile(ctx, db.path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	setup, err := sql.Open("sqlite", sqliteDSN(db.path, 10*time.Second, "_pragma=journal_mode(WAL)"))
	if err != nil {
		return err
	}
	setup.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, setup.Close()) }()
	if err := db.check(ctx, setup); err != nil {
		return err
	}
	return migrate(ctx, goose.DialectSQLite3, setup, schema)
}

// check reads the file as far as checkTime allows; what it does not reach is
// found when it is read.
func (db *sqliteDB) check(ctx context.Context, setup *sql.DB) error {
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var found string
	err := setup.QueryRowContext(limited, "PRAGMA quick_check(1)").Scan(&found)
	switch {
	case err != nil && ctx.Err() == nil && limited.Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("check the database: %w", err)
	case found != "ok":
		return db.damaged(errors.New(found))
	}
	return nil
}

func (db *sqliteDB) damaged(cause error) error {
	return &pipeline.Error{
		Op: "open registry", Kind: pipeline.Internal, Err: cause,
		Reason: fmt.Sprintf("the database %s is damaged or not a SQLite database: %v", db.path, cause),
		Hint:   "restore it from a copy, or move it away to begin with an empty one; `sqlite3 FILE .recover` may rescue its rows",
	}
}

// others cannot be told of a file: who uses one has locked the folder that it lies in.
func (db *sqliteDB) others(context.Context) (int, error) { return 0, nil }

func (db *sqliteDB) begin(ctx context.Context) (*sql.Tx, error) { return db.write.BeginTx(ctx, nil) }

func (db *sqliteDB) view(ctx context.Context) (*sql.Tx, error) {
	return db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
}
func (db *sqliteDB) rebind(statement string) string { return statement }
func (db *sqliteDB) close() error                   { return errors.Join(db.read.Close(), db.write.Close()) }

func (db *sqliteDB) bytes(context.Context) (all int64, err error) {
	for _, file := range []string{db.path, db.path + "-wal"} {
		i, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no log at the moment
		}
		if err != nil {
			return 0, err
		}
		all += i.Size()
	}
	return all, nil
}

func (db *sqliteDB) retry(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

func (db *sqliteDB) explain(err error) error {
	var known *pipeline.Error
	var e *sqlite.Error
	if errors.As(err, &known) || !errors.As(err, &e) {
		return err
	}
	switch code := e.Code() & 0xff; code {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return db.damaged(err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return &pipeline.Error{
			Op: "registry", Kind: pipeline.Unavailable, Err: err,
			Reason: "another process has been writing to " + db.path + " for too long", Hint: "try again",
		}
	case sqlite3.SQLITE_FULL:
		return &pipeline.Error{
			Op: "registry", Kind: pipeline.Unavailable, Err: err,
			Reason: "the disk of " + db.path + " is full", Hint: "free some space, then try again",
		}
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR:
		return &pipeline.Error{
			Op: "registry", Kind: pipeline.Unavailable, Err: err,
			Reason: fmt.Sprintf("the database %s cannot be read and written: %v", db.path, err),
			Hint:   "the file and its folder must be writable, and on a local disk",
		}
	}
	return err
}

// lockFile waits for the right to change a database's schema: two processes
// that start on an empty file take turns. The file stays; what counts is the
// lock, which the system gives back when the process ends, however it ends.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, &pipeline.Error{
			Op: "open registry", Kind: pipeline.Unavailable, Err: err,
			Reason: fmt.Sprintf("the folder of the database cannot be written: %v", err), Hint: "choose another folder",
		}
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for %s: %w", path, ctx.Err()), f.Close())
		}
	}
}
