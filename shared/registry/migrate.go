package registry

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema to the newest version this program knows. A newer
// one is left alone: this program would not know what it must keep.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, options ...goose.ProviderOption) error {
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
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}
