package registry

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

//go:embed migrations/*.sql
var migrations embed.FS

// What open makes of a schema, beside a version to bring it to.
const (
	newest = 0  // that this program knows
	asItIs = -1 // nothing
)

// Schema is the newest version of the schema that this program knows.
var Schema = sync.OnceValue(func() (version int64) {
	files, _ := fs.Glob(migrations, "migrations/*.sql") // the pattern is good
	for _, file := range files {
		number, _, _ := strings.Cut(path.Base(file), "_")
		n, _ := strconv.ParseInt(number, 10, 64) // goose refuses another name
		version = max(version, n)
	}
	return version
})

// migrate brings the schema to a version. One that is newer than this program
// knows is left alone: it would not know what it must keep.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, schema int64, options ...goose.ProviderOption) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if has > knows {
		return &pipeline.Error{
			Op: "open registry", Kind: pipeline.Conflict, Field: "database",
			Reason: fmt.Sprintf("the database has schema %d, this program knows up to %d: a newer kafkaml wrote it", has, knows),
			Hint:   "run that newer kafkaml, or name another database",
		}
	}
	if schema == asItIs {
		if has == 0 {
			return noRegistry("the database")
		}
		return nil
	}
	if schema == newest {
		schema = knows
	}
	if _, err := p.UpTo(ctx, schema); err != nil {
		return fmt.Errorf("bring the schema to version %d: %w", schema, err)
	}
	return nil
}

func noRegistry(where string) error {
	return &pipeline.Error{
		Op: "open registry", Kind: pipeline.NotFound, Field: "database",
		Reason: where + " holds no registry", Hint: "name that of the installation with --data or DATABASE_URL",
	}
}
