package registry

import (
	"fmt"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var configurations = kind[pipeline.Configuration]{
	noun: "configuration", table: "configurations", columns: []string{"name"},
	values: func(c *pipeline.Configuration) []any { return []any{c.Name} },
	search: func(c *pipeline.Configuration) []string { return []string{c.Name, c.Description} },
	id:     func(c *pipeline.Configuration) *int64 { return &c.ID },
	strip:  func(c *pipeline.Configuration) { c.UsedBy = nil },
	fill:   fillConfigurations,
	by: map[string]string{
		"model": "id IN (SELECT configuration FROM configuration_models WHERE model = ?)",
	},
}

func fillConfigurations(tx *Tx, cs []*pipeline.Configuration) error {
	users, err := related(tx, cs, func(c *pipeline.Configuration) int64 { return c.ID }, "SELECT configuration, id FROM deployments WHERE configuration IN (%s) ORDER BY id")
	for _, c := range cs {
		c.UsedBy = append([]int64{}, users[c.ID]...)
	}
	return err
}

// CreateConfiguration stores c and sets ID, Created and Updated. A taken name
// is a Conflict; no model, a model twice, or one that does not exist, Invalid.
func (tx *Tx) CreateConfiguration(c *pipeline.Configuration) error {
	if err := configurations.unique(tx, c.Name, 0); err != nil {
		return err
	}
	if err := tx.checkModels(c.Models); err != nil {
		return err
	}
	c.ID, c.Created = 0, now()
	c.Updated = c.Created
	if err := configurations.insert(tx, c); err != nil {
		return err
	}
	return tx.storeModels(c)
}

// Configuration gives one configuration.
func (tx *Tx) Configuration(id int64) (pipeline.Configuration, error) {
	return configurations.get(tx, id)
}

// Configurations lists configurations; filter: "model".
func (tx *Tx) Configurations(q Query) (Page[pipeline.Configuration], error) {
	return configurations.list(tx, q)
}

// UpdateConfiguration stores c over the configuration with its id, under the
// rules of CreateConfiguration. Deployments that exist keep their results.
func (tx *Tx) UpdateConfiguration(c *pipeline.Configuration) error {
	old, err := configurations.get(tx, c.ID)
	if err != nil {
		return err
	}
	if err := configurations.unique(tx, c.Name, c.ID); err != nil {
		return err
	}
	if err := tx.checkModels(c.Models); err != nil {
		return err
	}
	c.Created, c.Updated = old.Created, now()
	if err := configurations.replace(tx, c); err != nil {
		return err
	}
	return tx.storeModels(c)
}

// DeleteConfiguration deletes a configuration. It is refused as InUse while
// deployments of it exist.
func (tx *Tx) DeleteConfiguration(id int64) error {
	if _, err := configurations.get(tx, id); err != nil {
		return err
	}
	users, err := tx.users("deployment", "SELECT id, '' FROM deployments WHERE configuration = ? ORDER BY id", id)
	if err != nil {
		return err
	}
	if err := inUse("configuration", id, users, "delete the deployments first"); err != nil {
		return err
	}
	return configurations.remove(tx, id)
}

func (tx *Tx) checkModels(ids []int64) error {
	if len(ids) == 0 {
		return pipeline.Invalidf("models", "a configuration needs at least one model")
	}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			return pipeline.Invalidf("models", "model %d is named twice", id)
		}
		if err := models.refers(tx, "models", id); err != nil {
			return err
		}
		m, err := models.get(tx, id)
		if err != nil {
			return err
		}
		if m.Untrainable != "" {
			return pipeline.Invalidf("models", "model %d %q cannot be trained", id, m.Name).WithHint("%s", m.Untrainable)
		}
	}
	return nil
}

func (tx *Tx) storeModels(c *pipeline.Configuration) error {
	if err := tx.exec("DELETE FROM configuration_models WHERE configuration = ?", c.ID); err != nil {
		return fmt.Errorf("store models of configuration %d: %w", c.ID, err)
	}
	for _, model := range c.Models {
		if err := tx.exec("INSERT INTO configuration_models (configuration, model) VALUES (?, ?)", c.ID, model); err != nil {
			return fmt.Errorf("store models of configuration %d: %w", c.ID, err)
		}
	}
	return nil
}
