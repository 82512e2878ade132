package modelregister

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// What a request may hold at most, in bytes and in models.
const (
	maxSource      = 1 << 20
	maxImports     = 64 << 10
	maxDescription = 4 << 10
	maxModels      = 64
)

// modelOf gives m with the members that a command gives, checked. A member that
// is left out stays as it is; a new model is of the first framework.
func modelOf(kinds framework.Kinds, e event.Event, m pipeline.Model) (pipeline.Model, error) {
	old := m
	if err := eventing.Apply[pipeline.ModelForm](e, &m); err != nil {
		return m, err
	}
	if err := pipeline.ValidateName("name", m.Name); err != nil {
		return m, err
	}
	if err := atMost("description", m.Description, maxDescription); err != nil {
		return m, err
	}
	if m.Imported != nil {
		return m, sourceless(old, m)
	}
	kind, err := kinds.Get(m.Framework)
	if err != nil {
		return m, err
	}
	if kind.Source == "" {
		return m, pipeline.Invalidf("framework", "%s serves models of others and reads no source", kind.Name).WithHint("leave framework out")
	}
	m.Framework = kind.Name
	if err := checkSource(kind, m.Imports, m.Source); err != nil {
		return m, err
	}
	if _, err := pipeline.ParseLabel(m.LabelType, m.LabelReshape); err != nil {
		return m, err
	}
	m.SourceHash = sourceHash(m)
	return m, nil
}

// sourceless refuses source of a model that was imported.
func sourceless(old, m pipeline.Model) error {
	if m.Source+m.Imports+m.LabelType+m.LabelReshape != "" || m.Framework != old.Framework {
		return pipeline.Invalidf("source", "model %d was imported from %s and has no source", m.ID, m.Imported.File).
			WithHint("register the source as a model of its own")
	}
	return nil
}

// checkSource refuses what the builder need not be asked about.
func checkSource(kind framework.Kind, imports, source string) error {
	if strings.TrimSpace(source) == "" {
		return pipeline.Invalidf("source", "is empty").
			WithHint("paste %s", kind.Source)
	}
	if err := atMost("imports", imports, maxImports); err != nil {
		return err
	}
	return atMost("source", source, maxSource)
}

// configurationOf gives c with the members that a command gives, checked;
// whether the models exist is for the registry to say.
func configurationOf(e event.Event, c pipeline.Configuration) (pipeline.Configuration, error) {
	if err := eventing.Apply[pipeline.ConfigurationForm](e, &c); err != nil {
		return c, err
	}
	if err := pipeline.ValidateName("name", c.Name); err != nil {
		return c, err
	}
	if err := atMost("description", c.Description, maxDescription); err != nil {
		return c, err
	}
	return c, checkModels(c.Models)
}

// checkModels wants one or more models, none twice.
func checkModels(models []int64) error {
	if len(models) == 0 {
		return pipeline.Invalidf("models", "is empty").WithHint("name the ids of one or more models")
	}
	if len(models) > maxModels {
		return pipeline.Invalidf("models", "holds %d models, at most %d can train on one stream", len(models), maxModels)
	}
	seen := make(map[int64]bool, len(models))
	for _, id := range models {
		if seen[id] {
			return pipeline.Invalidf("models", "names model %d twice", id)
		}
		seen[id] = true
	}
	return nil
}

// atMost refuses a text of more than limit bytes.
func atMost(field, text string, limit int) error {
	if len(text) > limit {
		return pipeline.Invalidf(field, "is %d bytes long, at most %d are allowed", len(text), limit)
	}
	return nil
}

// sourceHash names what a version is built from: SHA-256 in hexadecimal over
// imports, a zero byte and source, and where a label is stated its type and
// shape, each after another zero byte.
func sourceHash(m pipeline.Model) string {
	text := m.Imports + "\x00" + m.Source
	if m.LabelType+m.LabelReshape != "" {
		text += "\x00" + m.LabelType + "\x00" + m.LabelReshape
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
