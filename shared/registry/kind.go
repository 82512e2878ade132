package registry

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// kind is how one kind of resource is stored: as a row of table that holds
// its JSON, and beside it the columns it is looked up by.
type kind[T any] struct {
	noun    string            // "model", also the name of its counter
	table   string            // "models"
	columns []string          // beside id, search and body
	values  func(*T) []any    // of columns
	search  func(*T) []string // what Query.Q is looked for in
	id      func(*T) *int64
	strip   func(*T)                                                          // empties the read-only members before T is stored
	fill    func(*Tx, []*T) error                                             // fills the read-only members of what was read
	by      map[string]string                                                 // Query.By: name of a reference -> condition with one placeholder
	texts   map[string]func(string) (condition string, args []any, err error) // Query.Texts; whoever lists by one names it
	states  []string                                                          // what may stand in its column status; nil: it has none
}

// insert stores x under its id, or under the next one where it has none.
func (k *kind[T]) insert(tx *Tx, x *T) error {
	id := k.id(x)
	if *id == 0 {
		next, err := tx.next(k.noun, 1)
		if err != nil {
			return err
		}
		*id = next
	}
	search, body, err := k.encode(x)
	if err != nil {
		return err
	}
	names := append([]string{"id", "search", "body"}, k.columns...)
	args := append([]any{*id, search, body}, k.values(x)...)
	err = tx.exec(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", k.table, strings.Join(names, ", "), placeholders(len(names))), args...)
	if err != nil {
		return fmt.Errorf("store %s: %w", k.noun, err)
	}
	return k.fill(tx, []*T{x})
}

// replace stores x in place of what has its id.
func (k *kind[T]) replace(tx *Tx, x *T) error {
	search, body, err := k.encode(x)
	if err != nil {
		return err
	}
	set := "search = ?, body = ?"
	for _, c := range k.columns {
		set += ", " + c + " = ?"
	}
	args := append([]any{search, body}, k.values(x)...)
	if err := tx.exec("UPDATE "+k.table+" SET "+set+" WHERE id = ?", append(args, *k.id(x))...); err != nil {
		return fmt.Errorf("store %s: %w", k.noun, err)
	}
	return k.fill(tx, []*T{x})
}

func (k *kind[T]) encode(x *T) (search, body string, err error) {
	k.strip(x)
	b, err := json.Marshal(x)
	if err != nil {
		return "", "", fmt.Errorf("encode %s: %w", k.noun, err)
	}
	words := append([]string{strconv.FormatInt(*k.id(x), 10)}, k.search(x)...)
	return fold(strings.Join(words, "\n")), string(b), nil
}

func (k *kind[T]) get(tx *Tx, id int64) (T, error) {
	x, err := k.decode(tx.row("SELECT body FROM "+k.table+" WHERE id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return *new(T), &pipeline.Error{Kind: pipeline.NotFound, Reason: fmt.Sprintf("there is no %s %d", k.noun, id)}
	}
	if err != nil {
		return *new(T), fmt.Errorf("read %s %d: %w", k.noun, id, err)
	}
	return *x, k.fill(tx, []*T{x})
}

func (k *kind[T]) decode(read func(...any) error) (*T, error) {
	var body string
	if err := read(&body); err != nil {
		return nil, err
	}
	x := new(T)
	if err := json.Unmarshal([]byte(body), x); err != nil {
		return nil, fmt.Errorf("decode %s: %w", k.noun, err)
	}
	return x, nil
}

// refers refuses a reference, held in field, to what does not exist.
func (k *kind[T]) refers(tx *Tx, field string, id int64) error {
	var n int
	err := tx.row("SELECT COUNT(*) FROM "+k.table+" WHERE id = ?", id).Scan(&n)
	if err == nil && n == 0 {
		return pipeline.Invalidf(field, "there is no %s %d", k.noun, id)
	}
	return err
}

// unique refuses a name that another resource of the kind has.
func (k *kind[T]) unique(tx *Tx, name string, id int64) error {
	var holder int64
	err := tx.row("SELECT id FROM "+k.table+" WHERE name = ? AND id <> ?", name, id).Scan(&holder)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for the name of a %s: %w", k.noun, err)
	}
	return &pipeline.Error{
		Kind: pipeline.Conflict, Field: "name",
		Reason: fmt.Sprintf("%s %d is already named %q", k.noun, holder, name), Hint: "choose another name",
	}
}

func (k *kind[T]) remove(tx *Tx, id int64) error {
	if err := tx.exec("DELETE FROM "+k.table+" WHERE id = ?", id); err != nil {
		return fmt.Errorf("delete %s %d: %w", k.noun, id, err)
	}
	return nil
}

// eachOf runs scan on every row of a query like "SELECT ... WHERE key IN (%s)",
// for keys, in parts: a database bounds how many a statement may name.
func (tx *Tx) eachOf(keys []int64, scan func(read func(...any) error) error, query string) error {
	for part := range slices.Chunk(keys, 500) {
		args := make([]any, len(part))
		for i, key := range part {
			args[i] = key
		}
		if err := tx.each(scan, fmt.Sprintf(query, placeholders(len(args))), args...); err != nil {
			return err
		}
	}
	return nil
}

// related reads pairs of numbers, by a query like "SELECT key, value FROM ...
// WHERE key IN (%s)", and gives the values by key, for the ids of xs.
func related[T any](tx *Tx, xs []*T, id func(*T) int64, query string) (map[int64][]int64, error) {
	ids := make([]int64, len(xs))
	for i, x := range xs {
		ids[i] = id(x)
	}
	found := make(map[int64][]int64, len(xs))
	err := tx.eachOf(ids, func(read func(...any) error) error {
		var key, value int64
		if err := read(&key, &value); err != nil {
			return err
		}
		found[key] = append(found[key], value)
		return nil
	}, query)
	if err != nil {
		return nil, fmt.Errorf("read references: %w", err)
	}
	return found, nil
}

// placeholders is "?, ?, ?" for 3.
func placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// fold is text as it is searched: lower case, valid UTF-8, without the NUL
// that PostgreSQL's text cannot hold.
func fold(text string) string {
	return strings.ToLower(strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", ""))
}
