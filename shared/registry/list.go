package registry

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Query chooses from a list. The zero value is everything.
type Query struct {
	Q      string            // each of its words is found, in any case, in id, name, description ...
	Limit  int               // at most so many; 0 or less: all
	After  string            // Page.Next of the page before
	By     map[string]int64  // only what refers to these: "deployment", "configuration", "model", "result", "datasource", "parent"
	Texts  map[string]string // only what these name: "tag" (NAME=VALUE, or NAME), "alias" (MODEL@ALIAS)
	Status string            // only what is in this state
}

// Page is a run of a list, newest first.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // Query.After of the next page; empty on the last
}

// list gives the page of q. Ids grow with time and a page begins after an id,
// so pages neither repeat nor miss what was there when the first was read.
func (k *kind[T]) list(tx *Tx, q Query) (Page[T], error) {
	where, args, err := k.where(q)
	if err != nil {
		return Page[T]{}, err
	}
	statement := "SELECT body FROM " + k.table + where + " ORDER BY id DESC"
	if q.Limit > 0 {
		statement += " LIMIT " + strconv.Itoa(q.Limit+1) // one more reports whether a page follows
	}
	found := []*T{}
	err = tx.each(func(read func(...any) error) error {
		x, err := k.decode(read)
		found = append(found, x)
		return err
	}, statement, args...)
	if err != nil {
		return Page[T]{}, fmt.Errorf("list %s: %w", k.table, err)
	}
	page := Page[T]{Items: []T{}}
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
		page.Next = strconv.FormatInt(*k.id(found[q.Limit-1]), 10)
	}
	if err := k.fill(tx, found); err != nil {
		return Page[T]{}, err
	}
	for _, x := range found {
		page.Items = append(page.Items, *x)
	}
	return page, nil
}

var literally = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// containing is the pattern of what holds a text, for LIKE with ESCAPE '!'.
func containing(text string) string { return "%" + literally.Replace(text) + "%" }

func (k *kind[T]) where(q Query) (clause string, args []any, err error) {
	var all []string
	for _, word := range strings.Fields(fold(q.Q)) {
		all, args = append(all, `search LIKE ? ESCAPE '!'`), append(args, containing(word))
	}
	for _, name := range slices.Sorted(maps.Keys(q.By)) {
		condition, ok := k.by[name]
		if !ok {
			return "", nil, pipeline.Invalidf(name, "%s cannot be listed by %s", k.table, name).
				WithHint("filters: %s", strings.Join(slices.Sorted(maps.Keys(k.by)), ", "))
		}
		all, args = append(all, condition), append(args, q.By[name])
	}
	for _, name := range slices.Sorted(maps.Keys(q.Texts)) {
		condition, values, err := k.texts[name](q.Texts[name])
		if err != nil {
			return "", nil, err
		}
		all, args = append(all, condition), append(args, values...)
	}
	if q.Status != "" {
		if k.states == nil {
			return "", nil, pipeline.Invalidf("status", "%s have no status", k.table)
		}
		if !slices.Contains(k.states, q.Status) {
			return "", nil, pipeline.Invalidf("status", "%q is no status of %s", q.Status, k.table).WithHint("one of %s", strings.Join(k.states, ", "))
		}
		all, args = append(all, "status = ?"), append(args, q.Status)
	}
	if q.After != "" {
		id, err := strconv.ParseInt(q.After, 10, 64)
		if err != nil {
			return "", nil, pipeline.Invalidf("after", "%q is not a cursor", q.After).WithHint("take it from the member next of the page before")
		}
		all, args = append(all, "id < ?"), append(args, id)
	}
	if len(all) == 0 {
		return "", nil, nil
	}
	return " WHERE " + strings.Join(all, " AND "), args, nil
}

// user is one that keeps another resource from being deleted.
type user struct {
	kind string
	id   int64
	name string // empty where the kind has none
}

func (u user) String() string {
	switch {
	case u.name == "":
		return fmt.Sprintf("%s %d", u.kind, u.id)
	case u.id == 0: // an alias has none
		return u.kind + " " + u.name
	}
	return fmt.Sprintf("%s %d %q", u.kind, u.id, u.name)
}

// usersNamed is how many users an error names; it counts the others.
const usersNamed = 5

// users reads those found by a query for id and name.
func (tx *Tx) users(kind, query string, id int64) ([]user, error) {
	var found []user
	err := tx.each(func(read func(...any) error) error {
		u := user{kind: kind}
		if err := read(&u.id, &u.name); err != nil {
			return err
		}
		found = append(found, u)
		return nil
	}, query, id)
	if err != nil {
		return nil, fmt.Errorf("look for users: %w", err)
	}
	return found, nil
}

// inUse is the error that names users, nil where there are none.
func inUse(what string, id int64, users []user, hint string) error {
	if len(users) == 0 {
		return nil
	}
	var names []string
	for _, u := range users[:min(len(users), usersNamed)] {
		names = append(names, u.String())
	}
	text := strings.Join(names, ", ")
	if more := len(users) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return &pipeline.Error{Kind: pipeline.InUse, Field: "id", Reason: fmt.Sprintf("%s %d is used by %s", what, id, text), Hint: hint}
}
