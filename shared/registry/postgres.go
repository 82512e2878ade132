package registry

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// postgresDB is a PostgreSQL database. host is for messages; the connection
// string may hold a password and is never shown.
type postgresDB struct {
	pool *sql.DB
	host string
}

// connections bounds a process's share of the server; only one of them writes.
const connections = 8

func openPostgres(ctx context.Context, url string, schema int64) (*postgresDB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil { // pgx leaves the password out of its message
		return nil, pipeline.Invalidf("database", "the connection string cannot be read: %v", err).
			WithHint("postgres://user:password@host:5432/database")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	db := &postgresDB{pool: stdlib.OpenDB(*config), host: net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))}
	db.pool.SetMaxOpenConns(connections)
	db.pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := db.prepare(ctx, schema); err != nil {
		return nil, errors.Join(db.explain(err), db.close())
	}
	return db, nil
}

// prepare brings the schema to a version; processes that start together take
// turns by a lock of the server.
func (db *postgresDB) prepare(ctx context.Context, schema int64) error {
	if err := db.pool.PingContext(ctx); err != nil {
		return err
	}
	turns, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
	if err != nil {
		return fmt.Errorf("make the lock of the schema: %w", err)
	}
	return migrate(ctx, goose.DialectPostgres, db.pool, schema, goose.WithSessionLocker(turns))
}

// writeLock is the key of the advisory lock that the only writer holds.
const writeLock = 0x6b61666b616d6c // "kafkaml"

// begin takes the lock before the first statement that counts. The isolation
// is read committed on purpose: each statement then sees all that was committed
// before the lock was had, where a stronger one would see the state from
// before the wait. A writer that hangs loses its connection, and with it the
// lock, after a minute.
func (db *postgresDB) begin(ctx context.Context) (*sql.Tx, error) {
	tx, err := db.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, "SELECT set_config('idle_in_transaction_session_timeout', '60s', true), pg_advisory_xact_lock($1)", int64(writeLock))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait to write: %w", err), tx.Rollback())
	}
	return tx, nil
}

func (db *postgresDB) view(ctx context.Context) (*sql.Tx, error) {
	return db.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}

// rebind numbers the placeholders. No statement here has a "?" in its text.
func (db *postgresDB) rebind(statement string) string {
	parts := strings.Split(statement, "?")
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(p)
	}
	return b.String()
}

func (db *postgresDB) bytes(ctx context.Context) (all int64, err error) {
	err = db.pool.QueryRowContext(ctx, "SELECT pg_database_size(current_database())").Scan(&all)
	return all, err
}

func (db *postgresDB) close() error { return db.pool.Close() }

// retry: serialization_failure and deadlock_detected, of which the server says
// that the transaction left nothing behind, and a connection that had ended
// before anything was sent by it.
func (db *postgresDB) retry(err error) bool {
	var e *pgconn.PgError
	var unreachable *pgconn.ConnectError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01") || pgconn.SafeToRetry(err) && !errors.As(err, &unreachable)
}

func (db *postgresDB) explain(err error) error {
	var known *pipeline.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var unreachable *pgconn.ConnectError
	if errors.As(err, &unreachable) {
		return &pipeline.Error{
			Op: "registry", Kind: pipeline.Unavailable, Err: err,
			Reason: fmt.Sprintf("PostgreSQL at %s cannot be reached or refuses the user", db.host),
			Hint:   "check DATABASE_URL, and that the server runs",
		}
	}
	if isCut(err) {
		return &pipeline.Error{
			Op: "registry", Kind: pipeline.Unavailable, Err: err,
			Reason: fmt.Sprintf("the connection to PostgreSQL at %s was cut", db.host), Hint: "try again",
		}
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	switch class := e.Code[:min(2, len(e.Code))]; class {
	case "22": // data exception: a text that PostgreSQL cannot hold
		return &pipeline.Error{Op: "registry", Kind: pipeline.Invalid, Reason: e.Message, Err: err}
	case "08", "40", "53", "57": // connection, rollback, out of resources, the server goes down
		return &pipeline.Error{
			Op: "registry", Kind: pipeline.Unavailable, Err: err,
			Reason: fmt.Sprintf("PostgreSQL at %s: %s", db.host, e.Message), Hint: "try again",
		}
	}
	return err
}

// isCut reports whether the connection broke, other than by the end of a context.
func isCut(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var broken net.Error
	return errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err)
}
