// Package registry stores what the functions know of models, configurations,
// deployments, results, datasources and inferences, so that a function may be
// scaled to zero or to many: a SQLite file for one machine, PostgreSQL for a
// cluster, the same schema and the same rules in both.
//
// One writer at a time, in either database. SQLite allows no more; in
// PostgreSQL a write transaction begins by taking an advisory lock. What is
// written is small and seldom, and one writer makes three things simple: a
// check and the write that relies on it cannot be interleaved with another's,
// no transaction fails for its neighbours, and the sequence numbers of the
// outbox are in the order of the commits, so that a reader that resumes after
// the last number it saw never misses an event.
//
// Each change and the events that publish it (Tx.Emit) are one transaction.
package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Store is an open registry. It is safe for concurrent use, and several
// processes may have the same database open.
type Store struct {
	db     database
	writer chan struct{} // holds one token: the right to write in this process

	pruning pruning

	stop    func()         // ends watch
	watcher sync.WaitGroup // watch

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when there are new events
	awaited bool          // somebody has taken it
	known   int64         // number of the newest event that was seen
}

// database is what SQLite and PostgreSQL do differently.
type database interface {
	// begin starts a transaction that is alone in writing until it ends.
	begin(ctx context.Context) (*sql.Tx, error)
	// view starts a transaction that reads one unchanging state.
	view(ctx context.Context) (*sql.Tx, error)
	// rebind turns the placeholders of a statement, "?", into the database's.
	rebind(statement string) string
	// retry reports whether the transaction that failed with err left nothing
	// behind and may succeed when it is run again.
	retry(err error) bool
	// explain turns a database's error into one a person can act on, and
	// leaves any other error alone.
	explain(err error) error
	// others is how many others have the database open, as far as it can tell.
	others(ctx context.Context) (int, error)
	// bytes is the room that the database takes on its disk.
	bytes(ctx context.Context) (int64, error)
	close() error
}

// Open opens the database that url names and brings its schema up to date:
//
//	sqlite:/path/file.db           a file, made if there is none
//	postgres://user:pw@host/name   any connection string of PostgreSQL
//
// A database that is damaged, out of reach, or written by a newer version is
// refused with a *pipeline.Error that says so.
func Open(ctx context.Context, url string) (*Store, error) { return open(ctx, url, newest) }

// OpenAsIs is Open for who looks at a database that another program may be using:
// one of an earlier version keeps its schema, and one that is not there is NotFound.
func OpenAsIs(ctx context.Context, url string) (*Store, error) { return open(ctx, url, asItIs) }

// open opens a database whose schema is brought to a version, or to newest.
func open(ctx context.Context, url string, schema int64) (*Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	var db database
	var err error
	switch scheme {
	case "sqlite":
		db, err = openSQLite(ctx, rest, schema)
	case "postgres", "postgresql":
		db, err = openPostgres(ctx, url, schema)
	default:
		err = pipeline.Invalidf("database", "%q is neither sqlite:<file> nor postgres://<host>/<database>", scheme+":...").
			WithHint("set DATABASE_URL, for example to sqlite:/var/lib/kafkaml/registry.db")
	}
	if err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	s := &Store{db: db, writer: make(chan struct{}, 1), changed: make(chan struct{})}
	s.writer <- struct{}{}
	if s.known, err = s.LastEvent(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open registry: %w", err), db.close())
	}
	watching, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.watcher.Go(func() { s.watch(watching) })
	return s, nil
}

// Close ends the connections. Transactions under way are rolled back.
func (s *Store) Close() error {
	s.stop()
	s.watcher.Wait()
	if err := s.db.close(); err != nil {
		return fmt.Errorf("close registry: %w", err)
	}
	return nil
}

// Alone refuses where others have the database open, for who is about to replace all
// that is in it. Of a SQLite file nobody can tell: a data folder has a lock.
func (s *Store) Alone(ctx context.Context) error {
	n, err := s.db.others(ctx)
	if err != nil || n == 0 {
		return err
	}
	return &pipeline.Error{
		Op: "registry", Kind: pipeline.InUse, Field: "database", Reason: fmt.Sprintf("kafkaml has it open (processes: %d)", n),
		Hint: "end kafkaml first: Ctrl-C, or in a cluster `kubectl -n kafkaml delete ksvc,kafkasource --all` and wait until the pods are gone",
	}
}

// patience is for how long a write transaction is tried while other processes
// write.
const patience = 30 * time.Second

// Do runs fn in a write transaction and commits if fn returns nil. fn may run
// again after a conflict with another process, so it must have no effect but
// on tx; everyone else who wants to write waits for it, so it must wait for
// nothing but tx. Within fn, Do and Read of the same store must not be called.
func (s *Store) Do(ctx context.Context, fn func(tx *Tx) error) error {
	select {
	case <-s.writer:
		defer func() { s.writer <- struct{}{} }()
	case <-ctx.Done():
		return fmt.Errorf("wait to write to the registry: %w", ctx.Err())
	}
	for began := time.Now(); ; {
		err := s.once(ctx, fn)
		if err == nil || !s.db.retry(err) || time.Since(began) > patience {
			return s.db.explain(err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait to write to the registry: %w", ctx.Err())
		}
	}
}

// once runs fn in one write transaction. The events come last, so that their
// sequence numbers are taken only when nothing but the commit is left to fail.
func (s *Store) once(ctx context.Context, fn func(tx *Tx) error) error {
	t, err := s.db.begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = t.Rollback() }() // after a commit this does nothing
	tx := &Tx{ctx: ctx, sql: t, db: s.db, pruning: &s.pruning}
	if err := fn(tx); err != nil {
		return err
	}
	last, err := tx.storeEvents()
	if err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if last > 0 {
		s.wake(last)
	}
	return nil
}

// Read gives what fn reads of one unchanging state of s; writing in fn fails.
//
//	registry.Read(ctx, s, func(tx *registry.Tx) (pipeline.Model, error) { return tx.Model(id) })
func Read[T any](ctx context.Context, s *Store, fn func(tx *Tx) (T, error)) (T, error) {
	t, err := s.db.view(ctx)
	if err != nil {
		return *new(T), s.db.explain(fmt.Errorf("begin: %w", err))
	}
	defer func() { _ = t.Rollback() }()
	found, err := fn(&Tx{ctx: ctx, sql: t, db: s.db})
	return found, s.db.explain(err)
}

// Bytes is the room that the database takes on its disk.
func (s *Store) Bytes(ctx context.Context) (int64, error) {
	all, err := s.db.bytes(ctx)
	return all, s.db.explain(err)
}

// Ping reports whether the database answers, for a readiness probe.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.LastEvent(ctx)
	return err
}

// Tx is a transaction. It lives as long as the function it was handed to and,
// like that function, belongs to one goroutine: it holds the context of Do or
// Read so that each of its methods ends when that context does.
type Tx struct {
	ctx    context.Context
	sql    *sql.Tx
	db     database
	events []string // JSON, to be stored at the commit

	pruning *pruning
}

// Context is that of whose work the transaction is.
func (tx *Tx) Context() context.Context { return tx.ctx }

func (tx *Tx) exec(statement string, args ...any) error {
	_, err := tx.sql.ExecContext(tx.ctx, tx.db.rebind(statement), args...)
	return err
}

func (tx *Tx) row(statement string, args ...any) *sql.Row {
	return tx.sql.QueryRowContext(tx.ctx, tx.db.rebind(statement), args...)
}

// each runs scan on every row of a query; scan reads it with the function it
// is given. The rows are closed before each returns.
func (tx *Tx) each(scan func(read func(...any) error) error, statement string, args ...any) (err error) {
	rows, err := tx.sql.QueryContext(tx.ctx, tx.db.rebind(statement), args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// given reports whether a counter has given a number: an id is never given twice.
func (tx *Tx) given(counter string, id int64) (bool, error) {
	var last int64
	if err := tx.row("SELECT last FROM counters WHERE name = ?", counter).Scan(&last); err != nil {
		return false, fmt.Errorf("read the count of %ss: %w", counter, err)
	}
	return id <= last, nil
}

// next takes the next n numbers of a counter and gives the last of them. The
// transaction is the only writer, so numbers are without gaps: those taken by
// a transaction that fails are given again.
func (tx *Tx) next(counter string, n int) (last int64, err error) {
	err = tx.row("UPDATE counters SET last = last + ? WHERE name = ? RETURNING last", n, counter).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("count %ss: %w", counter, err)
	}
	return last, nil
}

// now is the time as it is stored: UTC, to the microsecond.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
