package registry

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// hashOf names values of hyperparameters: JSON has them in the order of their names.
func hashOf(values map[string]any) (string, error) {
	text, err := json.Marshal(values)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// Variant gives a version of a model as it was built with values of hp; nil: it was
// not.
func (tx *Tx) Variant(model int64, version int, values map[string]any) (*pipeline.Variant, error) {
	hash, err := hashOf(values)
	if err != nil {
		return nil, err
	}
	var body string
	err = tx.row("SELECT body FROM model_variants WHERE model = ? AND version = ? AND hash = ?", model, version, hash).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	var v pipeline.Variant
	if err == nil {
		err = json.Unmarshal([]byte(body), &v)
	}
	if err != nil {
		return nil, fmt.Errorf("read version %d of model %d with %s: %w", version, model, pipeline.SaidValues(values), err)
	}
	return &v, nil
}

// CreateVariant stores how a version of a model was built with values of hp.
func (tx *Tx) CreateVariant(model int64, version int, v pipeline.Variant) error {
	hash, err := hashOf(v.Hyperparameters)
	if err != nil {
		return err
	}
	body, err := json.Marshal(v)
	if err == nil {
		err = tx.exec("INSERT INTO model_variants (model, version, hash, body) VALUES (?, ?, ?, ?)", model, version, hash, string(body))
	}
	if err != nil {
		return fmt.Errorf("store version %d of model %d with %s: %w", version, model, pipeline.SaidValues(v.Hyperparameters), err)
	}
	return nil
}

// DeleteUnusedVariants deletes those of a model that no result is of.
func (tx *Tx) DeleteUnusedVariants(model int64) error {
	type key struct {
		version int
		hash    string
	}
	var unused []key
	err := tx.each(func(read func(...any) error) error {
		var k key
		err := read(&k.version, &k.hash)
		unused = append(unused, k)
		return err
	}, "SELECT version, hash FROM model_variants WHERE model = ?", model)
	if err != nil {
		return fmt.Errorf("read the variants of model %d: %w", model, err)
	}
	if len(unused) == 0 { // as of most models
		return nil
	}
	of, err := tx.Results(Query{By: map[string]int64{"model": model}})
	if err != nil {
		return err
	}
	used := map[key]bool{}
	for _, r := range of.Items {
		hash, err := hashOf(r.Hyperparameters)
		if err != nil {
			return err
		}
		used[key{r.ModelVersion, hash}] = true
	}
	for _, k := range slices.DeleteFunc(unused, func(k key) bool { return used[k] }) {
		err = errors.Join(err, tx.exec("DELETE FROM model_variants WHERE model = ? AND version = ? AND hash = ?", model, k.version, k.hash))
	}
	if err != nil {
		return fmt.Errorf("delete variants of model %d: %w", model, err)
	}
	return nil
}

// VariantArtifacts gives the keys of the exports of a model's variants.
func (tx *Tx) VariantArtifacts(model int64) (keys []string, err error) {
	err = tx.each(func(read func(...any) error) error {
		var body string
		var v pipeline.Variant
		err := read(&body)
		if err == nil {
			err = json.Unmarshal([]byte(body), &v)
		}
		keys = append(keys, v.Artifact)
		return err
	}, "SELECT body FROM model_variants WHERE model = ?", model)
	if err != nil {
		return nil, fmt.Errorf("read the variants of model %d: %w", model, err)
	}
	return keys, nil
}

// ModelOf gives the version of its model that a result is of, as it was built with
// the result's values of hp. Values that it could not be built with are Invalid.
func (tx *Tx) ModelOf(r pipeline.Result) (pipeline.Model, error) {
	m, err := tx.ModelVersion(r.Model, r.ModelVersion)
	if err != nil || len(r.Hyperparameters) == 0 {
		return m, err
	}
	v, err := tx.Variant(m.ID, m.Version, r.Hyperparameters)
	switch {
	case err != nil:
		return m, err
	case v == nil:
		return m, &pipeline.Error{Kind: pipeline.NotFound, Reason: fmt.Sprintf("version %d of model %d is not kept with %s", m.Version, m.ID, pipeline.SaidValues(r.Hyperparameters))}
	case v.Refused != nil:
		return m, v.Refused.Refusal()
	}
	asked := m.Export.Hyperparameters
	m.Artifact, m.Export = v.Artifact, v.Export
	m.Export.Hyperparameters = asked
	return m, nil
}
