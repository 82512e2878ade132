package deploytraining

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// A training whose deployment follows an alias goes on from the result that the alias
// names now. Which one it was told of last is committed before it is told, by a mark in
// the store, and it is told again until it says that it goes on from it: that it does
// is what changes its parent.

// beginning gives the result that a deployment which follows an alias begins from.
func (s *Service) beginning(ctx context.Context, d *pipeline.Deployment) (err error) {
	if d.Follows == "" {
		return nil
	}
	if d.From != 0 {
		return pipeline.Invalidf("from", "the training goes on from the result of %s", d.Follows).WithHint("give from or follows, not both")
	}
	d.From, err = registry.Read(ctx, s.Store, func(tx *registry.Tx) (int64, error) {
		id, _, err := tx.Aliased("follows", d.Follows)
		return id, err
	})
	return err
}

// heir gives the result that the training of r is to go on from, 0 where it goes on as
// it is: one that it has given itself on its way is no other.
func heir(tx *registry.Tx, r pipeline.Result) (next pipeline.Result, err error) {
	var id int64
	from, err := tx.Result(r.Parent)
	switch pipeline.KindOf(err) {
	case "":
		_, id, err = aliasFor(tx, r.Follows, from.Model) // which may have another name by now
	case pipeline.NotFound:
		_, id, err = aliasFor(tx, r.Follows, r.Model)
	}
	if err != nil || id == 0 {
		return next, err
	}
	if next, err = tx.Result(id); err != nil || next.Interim > 0 && next.Parent == r.ID {
		return pipeline.Result{}, err
	}
	return next, nil
}

// told reports whether the training of r is on its way to the result, or found unfit
// for it.
func (h heirdom) told() bool {
	r := h.r
	if h.next.ID == 0 || strings.HasPrefix(r.Unfit, unfit(h.next.ID)) {
		return true
	}
	return h.next.ID == r.Parent && (r.Successor == 0 || r.Successor == r.Parent) && r.Unfit == ""
}

// heirdom is a training with the result that it is to go on from.
type heirdom struct {
	r, next       pipeline.Result
	parent, model pipeline.Model
}

func heirdomOf(tx *registry.Tx, id int64) (h heirdom, err error) {
	if h.r, err = tx.Result(id); err != nil || h.r.Status != pipeline.ResultRunning || h.r.Follows == "" || h.r.Ending {
		return heirdom{}, err
	}
	if h.next, err = heir(tx, h.r); err != nil || h.next.ID == 0 {
		return h, err
	}
	if h.parent, err = tx.ModelOf(h.next); err == nil {
		h.model, err = tx.ModelOf(h.r)
	}
	return h, err
}

// unfit begins Result.Unfit.
func unfit(result int64) string { return fmt.Sprintf("it does not go on from result %d: ", result) }

// succeed tells the trainings that follow aliases which have moved.
func (s *Service) succeed(ctx context.Context) error {
	page, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (registry.Page[pipeline.Result], error) {
		return tx.Results(registry.Query{Status: string(pipeline.ResultRunning)})
	})
	for _, r := range page.Items {
		if err == nil && r.Follows != "" {
			if err := s.succeedOne(ctx, r.ID); err != nil {
				s.Log.WarnContext(ctx, "a training was not told that its alias has moved", "result", r.ID, "error", err)
			}
		}
	}
	return err
}

// succeedOne tells one training what to go on from, or says of it why it does not.
func (s *Service) succeedOne(ctx context.Context, id int64) error {
	h, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (heirdom, error) { return heirdomOf(tx, id) })
	if err != nil || h.told() {
		return err
	}
	why := s.descends(ctx, pipeline.Deployment{From: h.next.ID, Freeze: h.r.Freeze}, h.parent, h.model)
	switch pipeline.KindOf(why) {
	case "", pipeline.Invalid, pipeline.Conflict, pipeline.NotFound:
	default:
		return why
	}
	var told *pipeline.Ancestor
	err = s.Store.Do(ctx, func(tx *registry.Tx) error {
		told = nil
		now, err := heirdomOf(tx, id)
		if err != nil || now.next.ID != h.next.ID || now.told() {
			return err
		}
		r, changed := now.r, now.r
		if changed.Unfit = ""; why != nil {
			changed.Unfit = unfit(h.next.ID) + why.Error()
		} else {
			changed.Successor = h.next.ID
			if told, err = ancestorOf(tx, r, h.next.ID); err != nil {
				return err
			}
		}
		if changed.Unfit == r.Unfit && changed.Successor == r.Successor {
			return nil // it is told again
		}
		if err := tx.UpdateResult(&changed); err != nil {
			return err
		}
		_, err = door.Publish(tx, name, eventing.ResultProgressed, id, Progressed{Result: changed})
		return err
	})
	if err != nil || told == nil {
		return err
	}
	return s.tell(ctx, pipeline.ResultCheckpoint(id), *told, h.model.Framework)
}

// tell lets a training know what to go on from, once that lies where it can reach it.
func (s *Service) tell(ctx context.Context, checkpoint string, a pipeline.Ancestor, framework string) error {
	kind, err := s.Kinds.Get(framework)
	if err != nil {
		return err
	}
	copied := pipeline.SuccessorModel(checkpoint, a.Result)
	if err := kind.Bundle.Served.Copy(ctx, s.Artifacts, a.Artifact, copied); err != nil {
		return err
	}
	if a.Export != nil {
		if err := kind.Bundle.Named.Copy(ctx, s.Artifacts, a.Exported, copied); err != nil {
			return err
		}
	}
	a.Artifact, a.Exported = copied, copied
	mark, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return s.Artifacts.Put(ctx, pipeline.SuccessorMark(checkpoint), bytes.NewReader(mark))
}

// newest lets a training that is yet to begin do so from the result that its alias names
// now, where that is of the same version of the model: another one it adopts once it
// runs, or says why it does not.
func newest(tx *registry.Tx, r *pipeline.Result) error {
	if r.Follows == "" {
		return nil
	}
	next, err := heir(tx, *r)
	if err == nil && next.Model == r.Model && next.ModelVersion == r.ModelVersion && next.Variation.Equal(r.Variation) {
		r.Parent = next.ID
	}
	return err
}

// adopts takes over from which results a training says that it goes on. Its parent is
// the one that it was told of last.
func adopts(r *pipeline.Result, said []pipeline.Adoption) (added []pipeline.Adoption) {
	r.Adoptions, added = pipeline.AddAdoptions(r.Adoptions, said)
	for _, a := range added {
		if a.Result == r.Successor {
			r.Parent = a.Result
		}
	}
	return added
}

// aliasMoved has Run look at the trainings that follow aliases.
func (s *Service) aliasMoved() {
	select {
	case s.moved <- struct{}{}:
	default: // it is about to
	}
}
