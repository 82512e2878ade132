package registry

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// fillNames reads the aliases and the tags of results.
func fillNames(tx *Tx, rs []*pipeline.Result) error {
	of, ids := make(map[int64]*pipeline.Result, len(rs)), make([]int64, len(rs))
	for i, r := range rs {
		of[r.ID], ids[i] = r, r.ID
		r.Aliases, r.Tags = nil, nil
	}
	err := tx.eachOf(ids, func(read func(...any) error) error {
		var id int64
		var alias string
		err := read(&id, &alias)
		if r := of[id]; err == nil {
			r.Aliases = append(r.Aliases, alias)
		}
		return err
	}, "SELECT result, name FROM aliases WHERE result IN (%s) ORDER BY name")
	if err != nil {
		return fmt.Errorf("read the aliases of results: %w", err)
	}
	err = tx.eachOf(ids, func(read func(...any) error) error {
		var id int64
		var name, value string
		err := read(&id, &name, &value)
		if r := of[id]; err == nil {
			if r.Tags == nil {
				r.Tags = map[string]string{}
			}
			r.Tags[name] = value
		}
		return err
	}, "SELECT result, name, value FROM tags WHERE result IN (%s)")
	if err != nil {
		return fmt.Errorf("read the tags of results: %w", err)
	}
	return nil
}

// byTag finds the results of a tag NAME=VALUE, or NAME with any value.
func byTag(tag string) (condition string, args []any, err error) {
	name, value, valued := strings.Cut(tag, "=")
	if !valued {
		return "id IN (SELECT result FROM tags WHERE name = ?)", []any{name}, nil
	}
	return "id IN (SELECT result FROM tags WHERE name = ? AND value = ?)", []any{name, value}, nil
}

// byAlias finds the result of MODEL@ALIAS, or those that have ALIAS in any model.
func byAlias(ref string) (condition string, args []any, err error) {
	model, alias, err := pipeline.ParseAlias("alias", ref)
	if model == "" {
		return "id IN (SELECT result FROM aliases WHERE name = ?)", []any{alias}, err
	}
	return "id IN (SELECT a.result FROM aliases a JOIN models m ON m.id = a.model WHERE a.name = ? AND m.name = ?)", []any{alias, model}, err
}

// EditResult stores notes and tags of a result in place of those that it has.
func (tx *Tx) EditResult(id int64, notes string, tags map[string]string) (pipeline.Result, error) {
	r, err := results.get(tx, id)
	if err != nil {
		return r, err
	}
	if err := tx.exec("DELETE FROM tags WHERE result = ?", id); err != nil {
		return r, fmt.Errorf("store the tags of result %d: %w", id, err)
	}
	for name, value := range tags {
		if err := tx.exec("INSERT INTO tags (result, name, value) VALUES (?, ?, ?)", id, name, value); err != nil {
			return r, fmt.Errorf("store the tags of result %d: %w", id, err)
		}
	}
	r.Notes = notes
	return r, results.replace(tx, &r)
}

// Aliased gives the result that MODEL@ALIAS names, and the one that it named
// before, 0 for none. An alias that there is not is an Invalid error of field.
func (tx *Tx) Aliased(field, ref string) (result, previous int64, err error) {
	model, alias, err := pipeline.ParseAlias(field, ref)
	if err == nil && model == "" {
		err = pipeline.Invalidf(field, "%q does not say of which model", ref).WithHint("write MODEL@ALIAS, such as mnist@%s", alias)
	}
	if err != nil {
		return 0, 0, err
	}
	err = tx.row("SELECT a.result, a.previous FROM aliases a JOIN models m ON m.id = a.model WHERE m.name = ? AND a.name = ?", model, alias).
		Scan(&result, &previous)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, pipeline.Invalidf(field, "there is no alias %s", ref).WithHint("`kafkaml results alias RESULT %s` gives it to a finished result of that model", alias)
	}
	return result, previous, err
}

// SetAlias gives an alias, which may be written MODEL@ALIAS, to a result in place
// of the one of its model that has it. It gives the results whose aliases changed,
// that one first; it comes alone where it has the alias already. One that has no
// trained model, or is of another model, is refused.
func (tx *Tx) SetAlias(id int64, ref string) ([]pipeline.Result, error) {
	r, alias, err := tx.ofAlias(id, ref)
	if err != nil {
		return nil, err
	}
	if r.Status != pipeline.ResultFinished || r.Artifact == "" {
		return nil, &pipeline.Error{
			Kind: pipeline.Conflict, Field: "alias", Reason: fmt.Sprintf("result %d is %s, only a finished one can have an alias", id, r.Status),
			Hint: "wait until its training has finished",
		}
	}
	var holder int64
	err = tx.row("SELECT result FROM aliases WHERE model = ? AND name = ?", r.Model, alias).Scan(&holder)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = tx.exec("INSERT INTO aliases (model, name, result, previous) VALUES (?, ?, ?, 0)", r.Model, alias, id)
	case err == nil && holder != id:
		err = tx.exec("UPDATE aliases SET previous = result, result = ? WHERE model = ? AND name = ?", id, r.Model, alias)
	}
	if err != nil {
		return nil, fmt.Errorf("store the alias %s: %w", alias, err)
	}
	changed := []int64{id}
	if holder != 0 && holder != id {
		changed = append(changed, holder)
	}
	return tx.resultsOf(changed)
}

// RollBackAlias gives MODEL@ALIAS to the result that had it before; results are as
// those of SetAlias.
func (tx *Tx) RollBackAlias(ref string) ([]pipeline.Result, error) {
	_, previous, err := tx.Aliased("alias", ref)
	if err != nil {
		return nil, err
	}
	if previous == 0 {
		return nil, &pipeline.Error{Kind: pipeline.Conflict, Field: "alias", Reason: ref + " named no other result before", Hint: "give it to the one that you want: results alias"}
	}
	moved, err := tx.SetAlias(previous, ref)
	if pipeline.KindOf(err) == pipeline.NotFound {
		err = &pipeline.Error{Kind: pipeline.Conflict, Field: "alias", Reason: fmt.Sprintf("result %d, which %s named before, was deleted", previous, ref), Hint: "give it to another one: results alias"}
	}
	return moved, err
}

// DropAlias takes an alias off a result. It is refused as InUse while inferences
// follow it.
func (tx *Tx) DropAlias(id int64, ref string) (pipeline.Result, error) {
	r, alias, err := tx.ofAlias(id, ref)
	if err != nil {
		return r, err
	}
	var model string
	err = tx.row("SELECT m.name FROM aliases a JOIN models m ON m.id = a.model WHERE a.result = ? AND a.name = ?", id, alias).Scan(&model)
	if errors.Is(err, sql.ErrNoRows) {
		return r, &pipeline.Error{Kind: pipeline.NotFound, Field: "alias", Reason: fmt.Sprintf("result %d has no alias %s", id, alias)}
	}
	if err != nil {
		return r, fmt.Errorf("look for an alias: %w", err)
	}
	page, err := tx.Inferences(Query{By: map[string]int64{"model": r.Model}})
	if err != nil {
		return r, err
	}
	full := pipeline.AliasRef(model, alias)
	for _, i := range page.Items {
		if i.Follows == full {
			return r, &pipeline.Error{Kind: pipeline.InUse, Field: "alias", Reason: fmt.Sprintf("inference %d %q follows %s", i.ID, i.Name, full), Hint: "let it serve a result by its number first, or move the alias"}
		}
	}
	if err := tx.exec("DELETE FROM aliases WHERE model = ? AND name = ?", r.Model, alias); err != nil {
		return r, fmt.Errorf("drop the alias %s: %w", full, err)
	}
	return results.get(tx, id)
}

// ofAlias reads a result and an alias that may be written with its model, which
// must then be the result's.
func (tx *Tx) ofAlias(id int64, ref string) (r pipeline.Result, alias string, err error) {
	model, alias, err := pipeline.ParseAlias("alias", ref)
	if err != nil {
		return r, "", err
	}
	if r, err = results.get(tx, id); err != nil || model == "" {
		return r, alias, err
	}
	m, err := models.get(tx, r.Model)
	if err == nil && m.Name != model {
		err = pipeline.Invalidf("alias", "result %d is of the model %s, and %s is an alias of another", id, m.Name, ref).
			WithHint("an alias names results of its own model: %s", pipeline.AliasRef(m.Name, alias))
	}
	return r, alias, err
}

func (tx *Tx) resultsOf(ids []int64) ([]pipeline.Result, error) {
	all := make([]pipeline.Result, len(ids))
	for i, id := range ids {
		var err error
		if all[i], err = results.get(tx, id); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// aliased refuses, as InUse, to delete what holds results that aliases name: the
// column of results r says which those are.
func (tx *Tx) aliased(what string, id int64, column string) error {
	users, err := tx.users("alias", `SELECT 0, m.name || '@' || a.name FROM aliases a
		JOIN models m ON m.id = a.model JOIN results r ON r.id = a.result WHERE `+column+` = ? ORDER BY 2`, id)
	if err != nil {
		return err
	}
	return inUse(what, id, users, "move the alias to another result, or take it off: results unalias")
}

// fillFollows writes the alias that an inference follows with the name that its
// model has now.
func fillFollows(tx *Tx, is []*pipeline.Inference) error {
	of, ids := map[int64]*pipeline.Inference{}, []int64{}
	for _, i := range is {
		if i.Follows != "" {
			of[i.ID], ids = i, append(ids, i.ID)
		}
	}
	err := tx.eachOf(ids, func(read func(...any) error) error {
		var id int64
		var model string
		err := read(&id, &model)
		if i := of[id]; err == nil {
			i.Follows = pipeline.AliasRef(model, i.Follows[strings.LastIndexByte(i.Follows, '@')+1:])
		}
		return err
	}, "SELECT i.id, m.name FROM inferences i JOIN results r ON r.id = i.result JOIN models m ON m.id = r.model WHERE i.id IN (%s)")
	if err != nil {
		return fmt.Errorf("read what inferences follow: %w", err)
	}
	return nil
}
