package registry

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var models = kind[pipeline.Model]{
	noun: "model", table: "models", columns: []string{"name"},
	values: func(m *pipeline.Model) []any { return []any{m.Name} },
	search: func(m *pipeline.Model) []string { return []string{m.Name, m.Description} },
	id:     func(m *pipeline.Model) *int64 { return &m.ID },
	strip:  func(m *pipeline.Model) { m.UsedBy = nil },
	fill:   fillModels,
	by: map[string]string{
		"configuration": "id IN (SELECT model FROM configuration_models WHERE configuration = ?)",
	},
}

func fillModels(tx *Tx, ms []*pipeline.Model) error {
	users, err := related(tx, ms, func(m *pipeline.Model) int64 { return m.ID }, "SELECT model, configuration FROM configuration_models WHERE model IN (%s) ORDER BY configuration")
	for _, m := range ms {
		m.UsedBy = append([]int64{}, users[m.ID]...)
	}
	return err
}

// ReserveModel gives an id that no other model will have, for a caller that
// must name the model's artifact before it creates the model. An id that is
// never used is lost, which is no harm.
func (tx *Tx) ReserveModel() (int64, error) { return tx.next(models.noun, 1) }

// ModelNameFree refuses a name that a model has, as CreateModel does.
func (tx *Tx) ModelNameFree(name string) error { return models.unique(tx, name, 0) }

// CreateModel stores m as version 1 under a new id, or under m.ID where that
// was reserved, and sets ID, Version, Created and Updated. A taken name is a
// Conflict.
func (tx *Tx) CreateModel(m *pipeline.Model) error {
	if err := models.unique(tx, m.Name, 0); err != nil {
		return err
	}
	m.Version, m.Created = 1, now()
	m.Updated = m.Created
	if err := models.insert(tx, m); err != nil {
		return err
	}
	return tx.storeVersion(m)
}

// Model gives the newest version of a model.
func (tx *Tx) Model(id int64) (pipeline.Model, error) { return models.get(tx, id) }

// Models lists models in their newest versions; filter: "configuration".
func (tx *Tx) Models(q Query) (Page[pipeline.Model], error) { return models.list(tx, q) }

// UpdateModel stores m over the model with its id. Where source or imports
// differ from what is stored it becomes the next version, which is set in m;
// else the version stays. A Version in m is the one that the change was made
// to: where another change came in between, the update is a Conflict.
func (tx *Tx) UpdateModel(m *pipeline.Model) error {
	old, err := models.get(tx, m.ID)
	if err != nil {
		return err
	}
	if m.Version != 0 && m.Version != old.Version {
		return &pipeline.Error{
			Kind: pipeline.Conflict, Field: "version",
			Reason: fmt.Sprintf("the change was made to version %d of model %d, which is now at version %d", m.Version, m.ID, old.Version),
			Hint:   "read the model again and repeat the change",
		}
	}
	if err := models.unique(tx, m.Name, m.ID); err != nil {
		return err
	}
	m.Version, m.Created, m.Updated = old.Version, old.Created, now()
	if m.Source != old.Source || m.Imports != old.Imports {
		m.Version++
	}
	if err := models.replace(tx, m); err != nil {
		return err
	}
	return tx.storeVersion(m)
}

// DeleteModel deletes a model with all its versions. It is refused as InUse
// while a configuration holds the model or a result was trained from it.
func (tx *Tx) DeleteModel(id int64) error {
	if _, err := models.get(tx, id); err != nil {
		return err
	}
	configurations, err := tx.users("configuration", `SELECT c.id, c.name FROM configurations c
		JOIN configuration_models m ON m.configuration = c.id WHERE m.model = ? ORDER BY c.id`, id)
	if err != nil {
		return err
	}
	results, err := tx.users("result", "SELECT id, '' FROM results WHERE model = ? ORDER BY id", id)
	if err != nil {
		return err
	}
	err = inUse("model", id, append(configurations, results...), "take it out of the configurations and delete the results first")
	if err != nil {
		return err
	}
	return models.remove(tx, id)
}

// storeVersion stores m, in its current version, beside the older ones.
func (tx *Tx) storeVersion(m *pipeline.Model) error {
	stored := *m
	models.strip(&stored)
	body, err := json.Marshal(stored)
	if err != nil {
		return fmt.Errorf("encode model: %w", err)
	}
	err = tx.exec(`INSERT INTO model_versions (model, version, body) VALUES (?, ?, ?)
		ON CONFLICT (model, version) DO UPDATE SET body = excluded.body`, m.ID, m.Version, string(body))
	if err != nil {
		return fmt.Errorf("store version %d of model %d: %w", m.Version, m.ID, err)
	}
	return nil
}

// ModelVersion gives a model as it was in one of its versions.
func (tx *Tx) ModelVersion(id int64, version int) (pipeline.Model, error) {
	m, err := models.decode(tx.row("SELECT body FROM model_versions WHERE model = ? AND version = ?", id, version).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return pipeline.Model{}, &pipeline.Error{Kind: pipeline.NotFound, Reason: fmt.Sprintf("there is no version %d of model %d", version, id)}
	}
	if err != nil {
		return pipeline.Model{}, fmt.Errorf("read version %d of model %d: %w", version, id, err)
	}
	return *m, fillModels(tx, []*pipeline.Model{m})
}

// ModelVersions gives all versions of a model, the newest first.
func (tx *Tx) ModelVersions(id int64) ([]pipeline.Model, error) {
	var found []*pipeline.Model
	err := tx.each(func(read func(...any) error) error {
		m, err := models.decode(read)
		found = append(found, m)
		return err
	}, "SELECT body FROM model_versions WHERE model = ? ORDER BY version DESC", id)
	if err != nil {
		return nil, fmt.Errorf("read versions of model %d: %w", id, err)
	}
	if len(found) == 0 {
		_, err := models.get(tx, id)
		return nil, err
	}
	if err := fillModels(tx, found); err != nil {
		return nil, err
	}
	versions := make([]pipeline.Model, len(found))
	for i, m := range found {
		versions[i] = *m
	}
	return versions, nil
}
