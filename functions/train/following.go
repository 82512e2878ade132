package train

import (
	"context"
	"encoding"
	"encoding/json"
	"time"

	"github.com/kafkaml/kafkaml/shared/drift"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// kept is a training that follows a stream, between two batches: the weights and the
// offsets that they come from are stored as one, so that whatever ends the process,
// no record is trained on twice or left out.
type kept struct {
	Training  string // what is trained, see identity
	State     []byte // of the Trainer
	Parts     []keptPart
	Lengths   map[string]map[string]int // of the Decoder
	Score     score
	Drift     drift.Finder
	Found     []pipeline.Drift
	Giver     giver
	Rates     raise
	Adoptions []pipeline.Adoption
	Start     []byte // where a drift leads back to, where that is not where the training began
	Epochs    []byte // the points of the curve, as JSON
	Rows      []byte // the last records, which engines are compared on
}

type keptPart struct {
	Next   int64
	Hash   []byte
	Counts counts
}

// following stores a training that follows a stream now and then.
type following struct {
	f        *follower
	identity string
	every    time.Duration
	points   int // of the curve after which it is stored, instead of every; 0: none
	last     time.Time
	stored   score // as of the last checkpoint
	epochs   []pipeline.Epoch
	failed   bool
	adopted  int // number of the last adoption that is stored
}

// due stores the training if that is due.
func (k *following) due(ctx context.Context) error {
	now := &k.f.score
	if now.Records == k.stored.Records || k.points > 0 && now.Points-k.stored.Points < k.points || k.points == 0 && time.Since(k.last) < k.every {
		return nil
	}
	return k.try(ctx)
}

// try stores the training. One that cannot be stored is warned of once, and goes on.
func (k *following) try(ctx context.Context) error {
	err := k.store(ctx)
	if err != nil && ctx.Err() == nil && !k.failed {
		k.failed = true
		k.f.warn(ctx, "the checkpoint after %d records was not stored (%v): an attempt that follows goes on from an earlier one", k.f.score.Records, err)
	}
	return ctx.Err()
}

// store stores the training as it is between two batches.
func (k *following) store(ctx context.Context) (err error) {
	k.last = time.Now()
	c := kept{Training: k.identity, Score: k.f.score, Drift: k.f.drift, Found: k.f.found, Giver: k.f.giver, Rates: k.f.rates, Adoptions: k.f.adoptions, Lengths: k.f.decoder.Lengths()}
	if len(c.Adoptions) > 0 {
		c.Start = k.f.start
	}
	if c.State, err = k.f.trainer.Snapshot(); err != nil {
		return err
	}
	if c.Epochs, err = json.Marshal(k.epochs); err != nil {
		return err
	}
	for _, p := range k.f.parts {
		c.Parts = append(c.Parts, keptPart{p.next, p.sum, p.kept})
	}
	if last := k.f.cache; last.text == nil {
		c.Rows = last.memory[max(0, len(last.memory)-comparedRecords*last.row):]
	}
	if err := k.f.storeKept(ctx, c); err != nil {
		return err
	}
	k.stored, k.adopted = c.Score, pipeline.LastAdoption(c.Adoptions)
	k.f.report.adoptions(c.Adoptions...)
	return nil
}

// restore sets the training to what the attempt before has left. What cannot be used
// is warned of: the training then begins.
func (k *following) restore(ctx context.Context) (err error) {
	if k.identity, err = identity(k.f.Job); err != nil {
		return err
	}
	var c kept
	found, err := k.f.openKept(ctx, &c)
	if err == nil && found {
		err = k.take(c)
	}
	if pipeline.KindOf(err) == pipeline.Unavailable || err != nil && ctx.Err() != nil {
		return err
	}
	if err != nil {
		k.f.startsOver(ctx, err)
		return nil
	}
	if found {
		k.f.Log.InfoContext(ctx, "the training goes on from its checkpoint", "result", k.f.Job.Result, "attempt", k.f.Job.Attempt, "records", c.Score.Records)
	}
	return nil
}

// take sets the training to a checkpoint.
func (k *following) take(c kept) error {
	if c.Training != k.identity || len(c.Parts) != len(k.f.parts) {
		return errForeign
	}
	var epochs []pipeline.Epoch
	if err := json.Unmarshal(c.Epochs, &epochs); err != nil {
		return err
	}
	for i, p := range k.f.parts {
		if len(c.Parts[i].Hash) == 0 {
			continue // nothing of it was trained on
		}
		h, ok := p.hash.(encoding.BinaryUnmarshaler)
		if !ok {
			return errNotKept
		}
		if err := h.UnmarshalBinary(c.Parts[i].Hash); err != nil {
			return err
		}
	}
	if err := k.f.trainer.Resume(c.State); err != nil {
		return err
	}
	if c.Lengths != nil {
		k.f.decoder.Expect(c.Lengths)
	}
	for i, p := range k.f.parts {
		said := c.Parts[i]
		p.upTo = upTo{max(p.Offset, said.Next), said.Hash, said.Counts}
		p.seen = p.next
		p.bytes, p.taken, p.intake.bad.leftOut, p.intake.bad.bad = said.Counts.Bytes, said.Counts.Taken, said.Counts.LeftOut, said.Counts.Skipped
	}
	if first := k.f.cache; len(c.Rows)%max(1, first.row) == 0 && len(c.Rows) <= cap(first.memory) {
		first.memory = append(first.memory[:0], c.Rows...)
		first.records, k.f.parts[0].full = int64(len(c.Rows)/max(1, first.row)), true
	}
	k.f.score, k.epochs, k.stored, k.f.drift, k.f.found, k.f.giver, k.f.rates = c.Score, epochs, c.Score, c.Drift, c.Found, c.Giver, c.Rates
	k.adopted = pipeline.LastAdoption(c.Adoptions)
	if k.f.adoptions = c.Adoptions; len(c.Start) > 0 {
		k.f.start = c.Start
	}
	for _, e := range epochs {
		k.f.seen(e)
	}
	k.f.report.drifts(c.Found...)
	k.f.report.adoptions(c.Adoptions...)
	return nil
}
