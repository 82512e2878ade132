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

// hashOf names a variation: JSON has hyperparameters in the order of their names. One
// that freezes nothing is named as before there were any that do.
func hashOf(v pipeline.Variation) (string, error) {
	var named any = v.Hyperparameters
	if len(v.Freeze) > 0 {
		named = v
	}
	text, err := json.Marshal(named)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// variantKey is the key of a row, where it is of a model.
const variantKey = "model = ? AND version = ? AND hash = ?"

// Variant gives a version of a model as it was built with a variation; nil: nobody
// has asked for it.
func (tx *Tx) Variant(model int64, version int, of pipeline.Variation) (*pipeline.Variant, error) {
	hash, err := hashOf(of)
	if err != nil {
		return nil, err
	}
	var body string
	err = tx.row("SELECT body FROM model_variants WHERE "+variantKey, model, version, hash).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	var v pipeline.Variant
	if err == nil {
		err = json.Unmarshal([]byte(body), &v)
	}
	if err != nil {
		return nil, fmt.Errorf("read version %d of model %d with %s: %w", version, model, of.Varied(), err)
	}
	return &v, nil
}

// CreateVariant stores how a version of a model was built with a variation, or that it
// is to be.
func (tx *Tx) CreateVariant(model int64, version int, v pipeline.Variant) error {
	return tx.setVariant("INSERT INTO model_variants (body, pending, model, version, hash) VALUES (?, ?, ?, ?, ?)", model, version, v)
}

// SetVariant stores how a variant was built that was asked for.
func (tx *Tx) SetVariant(model int64, version int, v pipeline.Variant) error {
	return tx.setVariant("UPDATE model_variants SET body = ?, pending = ? WHERE "+variantKey, model, version, v)
}

func (tx *Tx) setVariant(statement string, model int64, version int, v pipeline.Variant) error {
	hash, err := hashOf(v.Variation)
	if err != nil {
		return err
	}
	pending := 0
	if v.Pending {
		pending = 1
	}
	body, err := json.Marshal(v)
	if err == nil {
		err = tx.exec(statement, string(body), pending, model, version, hash)
	}
	if err != nil {
		return fmt.Errorf("store version %d of model %d with %s: %w", version, model, v.Varied(), err)
	}
	return nil
}

// Asked is a variant that is yet to be built.
type Asked struct {
	Model   int64
	Version int
	pipeline.Variation
}

// AskedVariants gives those of all models.
func (tx *Tx) AskedVariants() (all []Asked, err error) {
	err = tx.each(func(read func(...any) error) error {
		var a Asked
		var body string
		err := read(&a.Model, &a.Version, &body)
		if err == nil {
			err = json.Unmarshal([]byte(body), &a.Variation)
		}
		all = append(all, a)
		return err
	}, "SELECT model, version, body FROM model_variants WHERE pending = 1 ORDER BY model, version, hash")
	if err != nil {
		return nil, fmt.Errorf("read the variants to be built: %w", err)
	}
	return all, nil
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
		hash, err := hashOf(r.Variation)
		if err != nil {
			return err
		}
		used[key{r.ModelVersion, hash}] = true
	}
	for _, k := range slices.DeleteFunc(unused, func(k key) bool { return used[k] }) {
		err = errors.Join(err, tx.exec("DELETE FROM model_variants WHERE "+variantKey, model, k.version, k.hash))
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
// the result's variation. One that it could not be built with is Invalid; until it is
// built, it is Unavailable.
func (tx *Tx) ModelOf(r pipeline.Result) (pipeline.Model, error) {
	m, err := tx.ModelVersion(r.Model, r.ModelVersion)
	if err != nil || r.Unvaried() {
		return m, err
	}
	v, err := tx.Variant(m.ID, m.Version, r.Variation)
	switch {
	case err != nil:
		return m, err
	case v == nil:
		return m, &pipeline.Error{Kind: pipeline.NotFound, Reason: fmt.Sprintf("version %d of model %d is not kept with %s", m.Version, m.ID, r.Varied())}
	case v.Pending:
		return m, &pipeline.Error{Kind: pipeline.Unavailable, Reason: fmt.Sprintf("version %d of model %d is being built with %s", m.Version, m.ID, r.Varied()), Hint: "try again in a moment"}
	case v.Refused != nil:
		return m, v.Refused.Refusal()
	}
	asked := m.Export.Hyperparameters
	m.Artifact, m.Export = v.Artifact, v.Export
	m.Export.Hyperparameters = asked
	return m, nil
}
