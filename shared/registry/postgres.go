package registry

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
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

// postgresDB is a PostgreSQL database. What stands beside the pool is for messages;
// the connection string may hold a password and is never shown.
type postgresDB struct {
	pool       *sql.DB
	host       string
	user, name string // the name is the database's
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
	called := cmp.Or(config.RuntimeParams[applicationName], "kafkaml")
	config.RuntimeParams[applicationName] = called[:min(len(called), calledLength)] + ownMark + rand.Text()[:markLength]
	db := &postgresDB{
		pool: stdlib.OpenDB(*config), host: net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))),
		user: config.User, name: config.Database,
	}
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

// Each open registry has a name of its own at the server, by which others see that
// it is in use: what the connection string calls it, and a mark.
const (
	applicationName = "application_name"
	ownMark         = " kafkaml-"
	markLength      = 8
	calledLength    = 40 // of the 63 bytes that the server keeps
)

func (db *postgresDB) others(ctx context.Context) (n int, err error) {
	err = db.pool.QueryRowContext(ctx, "SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE datname = current_database() AND application_name <> current_setting('application_name') AND application_name LIKE $1",
		"%"+ownMark+strings.Repeat("_", markLength)).Scan(&n)
	return n, db.explain(err)
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
		e := &pipeline.Error{Op: "registry", Kind: pipeline.Unavailable, Err: err}
		e.Reason, e.Hint = db.explainConnect(unreachable)
		return e
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
	if e.Code == notPermitted {
		return &pipeline.Error{
			Op: "registry", Kind: pipeline.Unavailable, Err: err,
			Reason: fmt.Sprintf("PostgreSQL at %s lets the user %q do too little in the database %q: %s", db.host, db.user, db.name, e.Message),
			Hint:   fmt.Sprintf("make the database that user's: ALTER DATABASE %q OWNER TO %q", db.name, db.user),
		}
	}
	switch class := classOf(e); class {
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

// What PostgreSQL answers to who may not do something, or names a database that
// there is not.
const (
	notPermitted = "42501"
	noDatabase   = "3D000"
)

// classOf is the class of what a server answered: 28 is of logins, 53 of resources
// that run out, 57 of a server that comes or goes.
func classOf(e *pgconn.PgError) string { return e.Code[:min(2, len(e.Code))] }

// explainConnect says which of server, TLS, user and database is in the way. The
// library's own text has all addresses that it tried and none of these apart.
func (db *postgresDB) explainConnect(err *pgconn.ConnectError) (reason, hint string) {
	say := func(format string, args ...any) string {
		return "PostgreSQL at " + db.host + " " + fmt.Sprintf(format, args...)
	}
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			return say("has a TLS certificate that is not trusted: %v", untrusted.Err), "name the file of the authority that signed it by sslrootcert=FILE in DATABASE_URL, and the server as the certificate does"
		}
		cause := err.Unwrap()
		var dial *net.OpError
		if errors.As(err, &dial) {
			cause = dial
		}
		return say("cannot be reached: %v", cause), "see that the server runs, and that host, port and sslmode of DATABASE_URL are right"
	}
	switch class := classOf(answer); {
	case answer.Code == noDatabase:
		return say("has no database %q", db.name), fmt.Sprintf("make it, CREATE DATABASE %q OWNER %q, or name another one in DATABASE_URL", db.name, db.user)
	case class == "28":
		return say("refuses the user %q: %s", db.user, answer.Message), "check user and password of DATABASE_URL, in which special characters are percent-encoded, and the server's pg_hba.conf"
	case class == "53" || class == "57":
		return say("takes no connection now: %s", answer.Message), "try again"
	}
	return say("refuses the connection: %s", answer.Message), "check DATABASE_URL"
}

// isCut reports whether the connection broke, other than by the end of a context.
func isCut(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var broken net.Error
	return errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err)
}
