package deploytraining

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// goesOn refuses a deployment whose models cannot go on from the result that it
// names.
func (s *Service) goesOn(ctx context.Context, d pipeline.Deployment) error {
	if d.From == 0 {
		return nil
	}
	var parent pipeline.Model
	models, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (models []pipeline.Model, err error) {
		r, err := finished(tx, d.From)
		if err != nil {
			return nil, err
		}
		if parent, err = tx.ModelOf(r); err != nil {
			return nil, err
		}
		c, err := tx.Configuration(d.Configuration)
		if pipeline.KindOf(err) == pipeline.NotFound {
			return nil, nil // to be refused by the registry, as a reference
		}
		for _, id := range c.Models {
			m, err := tx.Model(id)
			if err != nil {
				return nil, err
			}
			models = append(models, m)
		}
		return models, err
	})
	if err != nil {
		return err
	}
	for _, m := range models {
		if err := errors.Join(m.CheckFreeze(d.Freeze), s.descends(ctx, d, parent, m)); err != nil {
			return about(m, err)
		}
	}
	return nil
}

// finished gives the result that a training is to go on from.
func finished(tx *registry.Tx, id int64) (pipeline.Result, error) {
	r, err := tx.Result(id)
	switch {
	case pipeline.KindOf(err) == pipeline.NotFound:
		return r, pipeline.Invalidf("from", "there is no result %d: it was deleted, or never was", id)
	case err != nil:
		return r, err
	case r.Status != pipeline.ResultFinished:
		return r, &pipeline.Error{
			Kind: pipeline.Conflict, Field: "from", Reason: fmt.Sprintf("result %d is %s", id, r.Status),
			Hint: "a training goes on from one that is finished",
		}
	}
	return r, nil
}

// alike is nil where the stream of a result can go on from its parent: a model takes
// fields and classes by their place, so that in another order it would take one for
// the other.
func alike(tx *registry.Tx, r pipeline.Result) error {
	if r.Parent == 0 {
		return nil
	}
	parent, err := finished(tx, r.Parent)
	if err != nil || parent.Datasource == 0 {
		return err
	}
	before, err := tx.Datasource(parent.Datasource)
	if err != nil {
		return err
	}
	d, err := tx.Datasource(r.Datasource)
	if err != nil {
		return err
	}
	m, err := readAs(tx, r)
	if err != nil {
		return err
	}
	was, is := codec.OrderOf(before.InputFormat, before.InputConfig), codec.OrderOf(d.InputFormat, d.InputConfig)
	if name, moved := codec.Moved(was.Fields, is.Fields); moved && len(m.Inputs) == 1 {
		return pipeline.Invalidf("input_config", "field %q stands at another place than in the stream of result %d, which the training goes on from: %s, there %s",
			name, parent.ID, strings.Join(is.Fields, ", "), strings.Join(was.Fields, ", ")).
			WithHint("send the fields in that order: a model with one input takes them as they come")
	}
	if name, moved := codec.Moved(was.Classes, is.Classes); moved && r.Model == parent.Model {
		return pipeline.Invalidf("input_config", "class %q has another number than in the stream of result %d, which the training goes on from: %s, there %s",
			name, parent.ID, strings.Join(is.Classes, ", "), strings.Join(was.Classes, ", ")).
			WithHint("number the classes alike: send the label as a number, or records of all classes")
	}
	return nil
}

// descends is nil where a model can go on from what the parent of a result was
// trained to.
func (s *Service) descends(ctx context.Context, d pipeline.Deployment, parent, m pipeline.Model) error {
	from := d.From
	kind, err := s.Kinds.Get(m.Framework)
	if err != nil {
		return err
	}
	switch {
	case parent.Framework != m.Framework || kind.Inherits == nil:
		return pipeline.Invalidf("from", "result %d is of %s, which serves models and keeps nothing to train on", from, parent.Framework).
			WithHint("import the .keras file that it was converted from, and go on from that")
	case parent.Untrainable != "":
		return pipeline.Invalidf("from", "result %d cannot be trained on: %s", from, parent.Untrainable)
	}
	for _, a := range m.Adapt {
		if a.Kind != pipeline.AdaptMoments {
			return pipeline.Invalidf("from", "the layer %s has learned %s from the stream of result %d, which another training cannot take over", a.Layer, a.Kind, from).
				WithHint("download result %d as .keras, which has them as if they stood in the source, import that, and go on from it", from)
		}
	}
	same := parent.ID == m.ID && parent.Version == m.Version
	if same {
		if len(d.Freeze) == 0 {
			return nil
		}
		m = parent // built with the same values of hp, it has the same weights
	}
	dir, err := os.MkdirTemp("", "kafkaml-from-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // temporary files are the system's to clear
	of := framework.Kin{Export: parent.Export, Dir: filepath.Join(dir, "parent")}
	by := framework.Kin{Export: m.Export, Dir: filepath.Join(dir, "child")}
	names := kind.Bundle.Named
	if err := errors.Join(names.Get(ctx, s.Artifacts, parent.Artifact, of.Dir), names.Get(ctx, s.Artifacts, m.Artifact, by.Dir)); err != nil {
		return err
	}
	err = kind.Inherits(of, by)
	if same && pipeline.KindOf(err) == pipeline.Invalid {
		return pipeline.Invalidf("freeze", "Keras could not save the model, so its variables have no names by which those of frozen layers are told").
			WithHint("leave freeze out, or register the model as one that Keras can save")
	}
	return err
}

// ancestor is what the training of r goes on from, nil where it begins with the
// model's initial weights.
func ancestor(tx *registry.Tx, r pipeline.Result) (*pipeline.Ancestor, error) {
	if r.Parent == 0 {
		return nil, nil // there is none
	}
	return ancestorOf(tx, r, r.Parent)
}

// ancestorOf is a result as what the training of r goes on from.
func ancestorOf(tx *registry.Tx, r pipeline.Result, from int64) (*pipeline.Ancestor, error) {
	p, err := finished(tx, from)
	if err != nil {
		return nil, err
	}
	m, err := tx.ModelOf(p)
	if err != nil {
		return nil, err
	}
	a := &pipeline.Ancestor{Result: p.ID, Artifact: p.Artifact, Exported: m.Artifact}
	if p.Model != r.Model || p.ModelVersion != r.ModelVersion || !p.Variation.Equal(r.Variation) {
		a.Export = &m.Export
	}
	return a, nil
}
