package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Rows are some rows of one table, as they are written to a backup: rows are the
// same in both databases.
type Rows struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
	Rows    [][]Cell `json:"rows"`
}

// Cell is a value of a row: nil, int64, string or []byte. JSON has the last as
// {"base64": "..."}; so it has text that is not UTF-8, which SQLite holds.
type Cell struct{ Value any }

type packed struct {
	Base64 []byte `json:"base64"`
	Text   bool   `json:"text,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (c Cell) MarshalJSON() ([]byte, error) {
	switch v := c.Value.(type) {
	case []byte:
		return json.Marshal(packed{Base64: v})
	case string:
		if !utf8.ValidString(v) {
			return json.Marshal(packed{Base64: []byte(v), Text: true})
		}
	}
	return json.Marshal(c.Value)
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Cell) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '{':
		var p packed
		if err := json.Unmarshal(b, &p); err != nil {
			return err
		}
		if c.Value = p.Base64; p.Text {
			c.Value = string(p.Base64)
		} else if p.Base64 == nil {
			c.Value = []byte{}
		}
		return nil
	case '"':
		var text string
		err := json.Unmarshal(b, &text)
		c.Value = text
		return err
	case 'n':
		c.Value = nil
		return nil
	}
	var n int64
	err := json.Unmarshal(b, &n)
	c.Value = n
	return err
}

// size is about what the cell takes in JSON, in bytes.
func (c Cell) size() int {
	switch v := c.Value.(type) {
	case []byte:
		return base64.StdEncoding.EncodedLen(len(v)) + 16
	case string:
		return len(v) + 3
	}
	return 8
}

// tables are all that hold rows of ours, and the version of the schema that each
// came with.
var tables = []struct {
	name  string
	since int64
}{
	{"counters", 1},
	{"models", 1},
	{"model_versions", 1},
	{"configurations", 1},
	{"configuration_models", 1},
	{"deployments", 1},
	{"datasources", 1},
	{"results", 1},
	{"epochs", 1},
	{"logs", 1},
	{"inferences", 1},
	{"events", 1},
	{"commands", 1},
	{"secrets", 3},
	{"audit", 4},
	{"aliases", 7},
	{"tags", 7},
	{"studies", 8},
	{"samplers", 8},
	{"model_variants", 11},
}

// Tables gives the tables of a version of the schema, those that others refer to first.
func Tables(schema int64) (all []string) {
	for _, t := range tables {
		if t.since <= schema {
			all = append(all, t.name)
		}
	}
	return all
}

// dumpBytes is about what Rows hold at most, beside one row, in bytes.
const dumpBytes = 1 << 20

// Snapshot is one unchanging state of a registry.
type Snapshot struct {
	Schema    int64    `json:"schema"`     // version
	LastEvent int64    `json:"last_event"` // number of the newest event
	Artifacts []string `json:"-"`          // prefixes of the keys of those that rows name
}

// Dump gives all rows of one unchanging state to each, in parts of about a megabyte
// and in an order in which Load takes them, and says what state that was. It holds
// up nobody who writes.
func (s *Store) Dump(ctx context.Context, each func(Rows) error) (Snapshot, error) {
	return Read(ctx, s, func(tx *Tx) (state Snapshot, err error) {
		if state.Schema, err = tx.Schema(); err != nil {
			return state, err
		}
		if err := tx.row("SELECT last FROM counters WHERE name = 'event'").Scan(&state.LastEvent); err != nil {
			return state, err
		}
		for _, table := range Tables(state.Schema) {
			if err := tx.dump(table, each); err != nil {
				return state, fmt.Errorf("read the table %s: %w", table, err)
			}
		}
		state.Artifacts, err = tx.Artifacts()
		return state, err
	})
}

// Schema is the version of the database's schema.
func (tx *Tx) Schema() (version int64, err error) {
	if err = tx.row("SELECT MAX(version_id) FROM goose_db_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("read the version of the schema: %w", err)
	}
	return version, nil
}

// Empty reports whether nothing was ever registered.
func (tx *Tx) Empty() (bool, error) {
	var given int64
	err := tx.row("SELECT SUM(last) FROM counters WHERE name <> 'audit'").Scan(&given)
	return given == 0, err
}

func (tx *Tx) dump(table string, each func(Rows) error) error {
	found, err := tx.sql.QueryContext(tx.ctx, "SELECT * FROM "+table)
	if err != nil {
		return err
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		return err
	}
	part, size := Rows{Table: table, Columns: columns}, 0
	for found.Next() {
		row, to := make([]Cell, len(columns)), make([]any, len(columns))
		for i := range row {
			to[i] = &row[i].Value
		}
		if err := found.Scan(to...); err != nil {
			return err
		}
		for _, c := range row {
			size += c.size()
		}
		if part.Rows = append(part.Rows, row); size < dumpBytes {
			continue
		}
		if err := each(part); err != nil {
			return err
		}
		part.Rows, size = nil, 0
	}
	if err := found.Err(); err != nil || len(part.Rows) == 0 {
		return err
	}
	return each(part)
}

// Artifacts gives the prefixes of the keys of the artifacts that rows name, each once.
func (tx *Tx) Artifacts() (prefixes []string, err error) {
	schema, err := tx.Schema()
	if err != nil {
		return nil, err
	}
	named := []string{"models", "model_versions", "model_variants", "results"}
	for _, table := range Tables(schema) {
		if !slices.Contains(named, table) {
			continue
		}
		err := tx.each(func(read func(...any) error) error {
			var body string
			if err := read(&body); err != nil {
				return err
			}
			var row struct {
				Artifact string `json:"artifact"`
			}
			if err := json.Unmarshal([]byte(body), &row); err != nil {
				return err
			}
			if row.Artifact != "" {
				prefixes = append(prefixes, row.Artifact)
			}
			return nil
		}, "SELECT body FROM "+table)
		if err != nil {
			return nil, fmt.Errorf("read which artifacts the %s name: %w", table, err)
		}
	}
	slices.Sort(prefixes)
	return slices.Compact(prefixes), nil
}

// Load puts rows in place of all that there are, in one transaction; they are read
// again where that has to be repeated. Rows of what is no table or column of the
// registry are refused.
func (s *Store) Load(ctx context.Context, all iter.Seq2[Rows, error]) error {
	return s.Do(ctx, func(tx *Tx) error {
		schema, err := tx.Schema()
		if err != nil {
			return err
		}
		into := Tables(schema)
		for _, table := range slices.Backward(into) {
			if err := tx.exec("DELETE FROM " + table); err != nil {
				return fmt.Errorf("empty the table %s: %w", table, err)
			}
		}
		for part, err := range all {
			if err == nil {
				err = tx.load(part, into)
			}
			if err != nil {
				return fmt.Errorf("write the table %s: %w", part.Table, err)
			}
		}
		return nil
	})
}

// rowsAtOnce is how many rows a statement writes.
const rowsAtOnce = 50

// load writes rows of one of the tables. What others have written counts as a name
// in SQL only where it is one of ours.
func (tx *Tx) load(part Rows, into []string) error {
	if !slices.Contains(into, part.Table) {
		return pipeline.Invalidf("table", "the registry has no table %q", part.Table)
	}
	columns, err := tx.columns(part.Table)
	if err != nil {
		return err
	}
	for _, c := range part.Columns {
		if !slices.Contains(columns, c) {
			return pipeline.Invalidf("columns", "the table %s has no column %q", part.Table, c)
		}
	}
	statement := fmt.Sprintf("INSERT INTO %s (%s) VALUES ", part.Table, strings.Join(part.Columns, ", "))
	row := "(" + placeholders(len(part.Columns)) + "), "
	for rows := range slices.Chunk(part.Rows, rowsAtOnce) {
		args := make([]any, 0, len(rows)*len(part.Columns))
		for _, r := range rows {
			if len(r) != len(part.Columns) {
				return pipeline.Invalidf("rows", "a row of %s has %d values for %d columns", part.Table, len(r), len(part.Columns))
			}
			for _, c := range r {
				args = append(args, c.Value)
			}
		}
		if err := tx.exec(statement+strings.TrimSuffix(strings.Repeat(row, len(rows)), ", "), args...); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) columns(table string) ([]string, error) {
	none, err := tx.sql.QueryContext(tx.ctx, "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer none.Close()
	columns, err := none.Columns()
	return columns, errors.Join(err, none.Err())
}

// Upgraded gives rows of an earlier version of the schema as this program has them,
// by way of a SQLite database in a folder of its own, which the caller removes.
func Upgraded(ctx context.Context, folder string, schema int64, rows iter.Seq2[Rows, error]) (s *Store, err error) {
	url := "sqlite:" + filepath.Join(folder, "registry.db")
	old, err := open(ctx, url, schema)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(old.Load(ctx, rows), old.Close()); err != nil {
		return nil, err
	}
	return Open(ctx, url)
}
