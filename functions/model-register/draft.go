package modelregister

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// tensorflow is the one framework so far.
const tensorflow = "tensorflow"

// What a request may hold at most, in bytes and in models.
const (
	maxSource      = 1 << 20
	maxImports     = 64 << 10
	maxDescription = 4 << 10
	maxModels      = 64
)

// ModelDraft is what a person sends to register or update a model. A member
// that an update leaves out stays as it is.
type ModelDraft struct {
	ID          *int64  `json:"id"` // may repeat the subject
	Name        *string `json:"name"`
	Description *string `json:"description"`
	Imports     *string `json:"imports"`
	Source      *string `json:"source"`
	Framework   *string `json:"framework"`
}

// apply gives m with the members of the draft, checked.
func (d ModelDraft) apply(m pipeline.Model) (pipeline.Model, error) {
	set(&m.Name, d.Name)
	set(&m.Description, d.Description)
	set(&m.Imports, d.Imports)
	set(&m.Source, d.Source)
	set(&m.Framework, d.Framework)
	if m.Framework == "" {
		m.Framework = tensorflow
	}
	if err := pipeline.ValidateName("name", m.Name); err != nil {
		return m, err
	}
	if err := atMost("description", m.Description, maxDescription); err != nil {
		return m, err
	}
	if m.Framework != tensorflow {
		return m, pipeline.Invalidf("framework", "%q is not known", m.Framework).WithHint("use %q", tensorflow)
	}
	if err := checkSource(m.Imports, m.Source); err != nil {
		return m, err
	}
	m.SourceHash = sourceHash(m.Imports, m.Source)
	return m, nil
}

// checkSource refuses what the worker need not be asked about.
func checkSource(imports, source string) error {
	if strings.TrimSpace(source) == "" {
		return pipeline.Invalidf("source", "is empty").
			WithHint("paste Keras code that leaves a compiled model in the variable model")
	}
	if err := atMost("imports", imports, maxImports); err != nil {
		return err
	}
	return atMost("source", source, maxSource)
}

// ConfigurationDraft is what a person sends to create or update a
// configuration. A member that an update leaves out stays as it is.
type ConfigurationDraft struct {
	ID          *int64   `json:"id"` // may repeat the subject
	Name        *string  `json:"name"`
	Description *string  `json:"description"`
	Models      *[]int64 `json:"models"`
}

// apply gives c with the members of the draft, checked; whether the models
// exist is for the registry to say.
func (d ConfigurationDraft) apply(c pipeline.Configuration) (pipeline.Configuration, error) {
	set(&c.Name, d.Name)
	set(&c.Description, d.Description)
	set(&c.Models, d.Models)
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

// set copies a member that was given.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// atMost refuses a text of more than limit bytes.
func atMost(field, text string, limit int) error {
	if len(text) > limit {
		return pipeline.Invalidf(field, "is %d bytes long, at most %d are taken", len(text), limit)
	}
	return nil
}

// sourceHash names what a version is built from: SHA-256 in hexadecimal over
// imports, a zero byte and source.
func sourceHash(imports, source string) string {
	sum := sha256.Sum256([]byte(imports + "\x00" + source))
	return hex.EncodeToString(sum[:])
}
