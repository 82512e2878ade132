package train

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/shared/drift"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	// keepEvery is how often a training that follows a stream is kept, unless its
	// arguments say otherwise.
	keepEvery = 10 * time.Second
	// lookEvery is how often it looks whether it is to end.
	lookEvery = time.Second
	// sameEvery is how often it looks whether its topics are still the same.
	sameEvery = 30 * time.Second
	// skipsOf is how many records a tolerance is a part of at least: the first ones of
	// a stream that has no end are few.
	skipsOf = 10_000
)

// errNotKept says that a hash has no form that could be stored.
var errNotKept = errors.New("SHA-256 cannot be kept")

// errDone ends the reading of a stream, all of whose records are trained on.
var errDone = errors.New("the stream is done")

// follower is a training that follows topics. A batch is batch_size records of one
// partition, one after the other, so that the offsets alone decide which records are
// learned from together: one that was killed goes on from its last checkpoint to the
// weights that it would have had.
type follower struct {
	*training
	plan    pipeline.Following
	cluster *stream.Cluster
	decoder *features.Decoder
	checks  *features.Checks
	keeper  *following
	done    func(error) // ends the reading

	mu        sync.Mutex // held by whoever trains or looks at what is trained
	parts     []*partition
	score     score
	unfit     int64 // the last result that it could not go on from
	drift     drift.Finder
	found     []pipeline.Drift // the last of them
	giver     giver
	rates     raise
	most      int                 // batches that the Trainer takes at once
	adoptions []pipeline.Adoption // the last of them
	start     []byte              // the Trainer before the first batch, or as the last adoption has left it, where a drift leads back to it
	last      time.Time           // when a record came
	same      time.Time           // when the topics were looked at
}

// partition is one that is followed, with the batches that are being gathered: whole
// ones that the Trainer takes at once, as far as their records are there, and the next.
type partition struct {
	pipeline.Range
	intake intake
	seen   int64     // the offset after the last record that was read
	hash   hash.Hash // of what was read
	bytes  int64     // of keys and values
	full   bool      // all that the cache holds is trained on
	taken  int64     // records that were read
	upTo             // that is trained
	whole  []upTo    // after each batch that the cache holds whole and that is not trained on yet
}

// upTo is a place between two batches.
type upTo struct {
	next int64  // the offset to go on from
	sum  []byte // the hash of what lies before it
	kept counts // of it
}

// counts are what is told of a part's records.
type counts struct {
	Trained, Bytes, Taken, LeftOut int64
	Skipped                        pipeline.Skipped
}

// follow trains on the stream until it is told to end, no record comes for long
// enough, or its ranges end.
func (t *training) follow(ctx context.Context) (err error) {
	if t.Job.Receipt != nil {
		return pipeline.Invalidf("result", "a training that followed a stream cannot be verified")
	}
	f := &follower{training: t, plan: *t.Job.Following, score: score{Each: t.Job.Following.Epoch}}
	if f.decoder, err = features.ForTraining(t.Job.InputFormat, t.Job.InputConfig, t.Job.Export, t.schemas != nil); err != nil {
		return err
	}
	t.values = newValues(f.decoder, t.Job.Export)
	t.outcome.Split = &pipeline.SplitAudit{}
	if err := t.open(ctx, f.decoder); err != nil {
		return err
	}
	t.outcome.Split.Warnings = t.Job.Warnings
	if f.cluster, err = t.dial(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.cluster.Close()) }()
	if err := f.begin(ctx); err != nil {
		return err
	}
	t.report.stage(pipeline.StageTraining)
	if err := f.read(ctx); err != nil {
		return err
	}
	return f.finish(ctx)
}

// begin makes the parts, as the attempt before has left them.
func (f *follower) begin(ctx context.Context) error {
	f.checks = features.NewChecks(f.Job.Export, f.decoder)
	for _, r := range f.Job.Ranges {
		c, err := newCache(f.scratch, f.decoder.Inputs(), f.decoder.Labels(), int64(f.Job.BatchSize), int64(1)<<62)
		if err != nil {
			return err
		}
		f.parts = append(f.parts, &partition{
			Range: r, upTo: upTo{next: r.Offset}, seen: r.Offset, hash: sha256.New(),
			intake: intake{
				decoder: f.decoder, bad: newSkips(f.decoder.Tolerance(), skipsOf), schemas: f.schemas, patience: f.patience(ctx),
				export: f.Job.Export, checks: f.checks, cache: c,
			},
		})
	}
	f.cache = f.parts[0].intake.cache
	f.keeper = &following{f: f, every: keepEvery, last: time.Now()}
	if c := f.Job.TrainingKwargs.Checkpoint; c != nil {
		f.keeper.every, f.keeper.points = time.Duration(c.EverySeconds*float64(time.Second)), c.EveryEpochs
	}
	f.drift, f.giver = drift.New(f.plan.Drift, f.Job.BatchSize), giver{Given: f.plan.Given, At: time.Now()}
	if f.plan.OnDrift == pipeline.DriftRestarts {
		var err error
		if f.start, err = f.trainer.Snapshot(); err != nil {
			return err
		}
		if err := f.trainer.Resume(f.start); err != nil { // rather now than in mid-stream
			return err
		}
	}
	err := f.keeper.restore(ctx)
	f.tellEngine()
	return err
}

// tellEngine notes what runs the next steps.
func (f *follower) tellEngine() {
	how := f.trainer.Stepping()
	f.most, f.outcome.Engine, f.outcome.EngineReason = how.Batches, how.Engine, how.Reason
}

// read follows all parts at once. Each batch is trained on by itself.
func (f *follower) read(ctx context.Context) error {
	reading, end := context.WithCancelCause(ctx)
	defer end(nil)
	f.done, f.last, f.same = end, time.Now(), time.Now()
	g, gctx := errgroup.WithContext(reading)
	g.Go(func() error {
		parts, pctx := errgroup.WithContext(gctx)
		for _, p := range f.parts {
			parts.Go(func() error { return f.readPart(ctx, pctx, p) })
		}
		err := parts.Wait()
		if err == nil { // each to the end of its range
			end(errDone)
		}
		return err
	})
	g.Go(func() error { return f.look(ctx, gctx) })
	err := g.Wait()
	if errors.Is(context.Cause(reading), errDone) && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// readPart reads a part until reading ends, or to its end.
func (f *follower) readPart(ctx, reading context.Context, p *partition) error {
	end := int64(math.MaxInt64)
	if !f.plan.Open {
		end = p.Offset + p.Length
	}
	err := f.cluster.FollowTo(reading, p.Topic, p.Partition, p.next, end, func(records []stream.Record) error {
		for i := range records {
			if records[i].Offset >= end {
				return errDone
			}
			if err := f.take(ctx, reading, p, records[i]); err != nil {
				return err
			}
		}
		return f.come(ctx, reading, p)
	})
	if errors.Is(err, errDone) {
		return nil
	}
	if err == nil || reading.Err() != nil {
		return reading.Err()
	}
	return errors.Join(f.cluster.SameTopics(ctx, f.Job.TopicIDs), op("follow the stream", err))
}

// take reads a record, and trains on the batches that it makes as many as the Trainer
// takes at once.
func (f *follower) take(ctx, reading context.Context, p *partition, r stream.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if reading.Err() != nil {
		return reading.Err()
	}
	f.last = time.Now()
	c := p.intake.cache
	if p.full {
		if err := c.restart(); err != nil {
			return err
		}
		p.full = false
	}
	p.note(&r)
	p.intake.bad.most = f.decoder.Tolerance().Most(max(p.taken, skipsOf))
	if _, _, err := p.intake.decode(ctx, r, f.report); err != nil {
		return err
	}
	p.seen = r.Offset + 1
	if c.records < int64((len(p.whole)+1)*f.Job.BatchSize) {
		return nil
	}
	if err := p.mark(int64(f.Job.BatchSize)); err != nil {
		return err
	}
	c.widen(int64(f.most * f.Job.BatchSize))
	if len(p.whole) < f.most {
		return nil
	}
	return f.step(ctx, p)
}

// come trains on the batches that are whole: no record is there that another could be
// made of, and more may not come for long.
func (f *follower) come(ctx, reading context.Context, p *partition) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if reading.Err() != nil || len(p.whole) == 0 {
		return reading.Err()
	}
	return f.step(ctx, p)
}

// mark notes that what was read last makes a batch of so many records whole.
func (p *partition) mark(records int64) error {
	m, ok := p.hash.(encoding.BinaryMarshaler)
	if !ok {
		return errNotKept
	}
	sum, err := m.MarshalBinary()
	if err != nil {
		return err
	}
	before := p.kept.Trained
	if n := len(p.whole); n > 0 {
		before = p.whole[n-1].kept.Trained
	}
	p.whole = append(p.whole, upTo{p.seen, sum, counts{
		Trained: before + records, Bytes: p.bytes, Taken: p.taken, LeftOut: p.intake.bad.leftOut, Skipped: p.intake.bad.bad,
	}})
	return nil
}

// note adds a record to the content hash.
func (p *partition) note(r *stream.Record) {
	var length [4]byte
	for _, b := range [][]byte{r.Key, r.Value} {
		binary.BigEndian.PutUint32(length[:], uint32(len(b))) // #nosec G115 -- a record's
		p.hash.Write(length[:])
		p.hash.Write(b)
		p.bytes += int64(len(b))
	}
	p.taken++
}

// step trains on the whole batches of a part, and keeps the training where that is due.
func (f *follower) step(ctx context.Context, p *partition) error {
	c := p.intake.cache
	if err := c.seal(); err != nil {
		return err
	}
	f.cache = c
	first := int64(0)
	for len(p.whole) > 0 {
		some := p.whole[:min(len(p.whole), f.together())]
		n := some[len(some)-1].kept.Trained - p.kept.Trained
		var measured []pipeline.Metrics
		err := f.pulse.during(func() (err error) {
			measured, err = f.trainer.Step(ctx, newSplit(c, f.trainer.Columns(), first, first+n))
			return err
		})
		if err != nil {
			f.Job.Ranges = []pipeline.Range{{Topic: p.Topic, Partition: p.Partition, Offset: p.next, Length: p.seen - p.next}}
			return f.refusal(ctx, "train", err)
		}
		first += n
		p.full = first == c.records
		if err := f.trained(ctx, p, measured); err != nil {
			return err
		}
	}
	c.forget(first)
	return nil
}

// together is how many batches are trained on before the weights are looked at: as
// many as the Trainer takes at once, but none behind one after which a result may be
// due.
func (f *follower) together() int {
	most, batch := int64(f.most), int64(f.Job.BatchSize)
	if n := f.plan.Interim.Records; n > 0 {
		most = min(most, (n-f.giver.Since.Records+batch-1)/batch)
	}
	if f.plan.Interim.Monitor != "" {
		most = min(most, (f.score.point()-f.score.Window.Records+batch-1)/batch)
	}
	return int(max(1, most))
}

// trained notes what was measured on the first of the whole batches of a part, all of
// which are trained on.
func (f *follower) trained(ctx context.Context, p *partition, measured []pipeline.Metrics) error {
	var last pipeline.Metrics
	for _, m := range measured {
		records := p.whole[0].kept.Trained - p.kept.Trained
		p.upTo, p.whole = p.whole[0], p.whole[1:]
		f.giver.Since.add(m, records)
		point := f.score.Points + 1
		e, whole := f.score.add(m, records)
		if last = e.Training; whole {
			f.keeper.epochs = append(f.keeper.epochs, e)
			f.seen(e)
			f.report.records(f.score.Records)
			if err := f.judge(e); err != nil {
				return err
			}
		}
		if err := f.watch(ctx, m, point); err != nil {
			return err
		}
	}
	f.tellEngine()
	if err := f.give(ctx, last); err != nil {
		return err
	}
	return f.keeper.due(ctx)
}

// look ends the reading where the training is to end, and keeps what was trained
// while no record comes.
func (f *follower) look(ctx, reading context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		ended, err := f.ended(ctx)
		if err != nil {
			return err
		}
		if err := f.tell(ctx); err != nil && pipeline.KindOf(err) != pipeline.Unavailable {
			return err
		}
		if ended {
			f.done(errDone)
			return nil
		}
		if err := f.succeed(ctx); err != nil {
			return err
		}
		select {
		case <-reading.Done():
			return reading.Err()
		case <-tick.C:
		}
	}
}

// ended reports whether the training was told to end, or has waited for records for
// long enough.
func (f *follower) ended(ctx context.Context) (bool, error) {
	told := f.plan.Ending
	if !told {
		var err error
		if told, err = f.store.Exists(ctx, pipeline.EndingMark(f.Job.Checkpoint)); err != nil {
			f.Log.WarnContext(ctx, "it is not known whether the training is to end", "result", f.Job.Result, "error", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.same) > sameEvery {
		f.same = time.Now()
		if err := f.cluster.SameTopics(ctx, f.Job.TopicIDs); pipeline.KindOf(err) == pipeline.Conflict { // made anew
			return false, op("follow the stream", err)
		}
	}
	if told || f.plan.Silence > 0 && time.Since(f.last).Seconds() >= f.plan.Silence {
		return true, nil
	}
	if f.between() {
		if err := f.give(ctx, nil); err != nil {
			return false, err
		}
	}
	return false, f.keeper.due(ctx)
}

// finish trains on what is left of each part, and tells what was trained.
func (f *follower) finish(ctx context.Context) error {
	for _, p := range f.parts {
		if err := f.drain(ctx, p); err != nil {
			return err
		}
	}
	if f.score.Records == 0 {
		return f.parts[0].intake.bad.nothing()
	}
	if err := f.account(f.training); err != nil {
		return err
	}
	if e, some := f.score.rest(); some {
		f.seen(e)
	}
	f.outcome.Metrics.Training = f.score.Running.means()
	if err := f.keeper.store(ctx); err != nil { // a crash from here on trains nothing again
		return err
	}
	return f.report.patiently(ctx, unavailable, f.tell)
}

// account puts into t what was trained on.
func (f *follower) account(t *training) error {
	var ranges []pipeline.Range
	var sums []byte
	l, audit := &t.outcome.Lineage, t.outcome.Split
	for _, p := range f.parts {
		if p.next == p.Offset {
			continue
		}
		sum, err := p.digest()
		if err != nil {
			return err
		}
		ranges = append(ranges, pipeline.Range{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset, Length: p.next - p.Offset})
		sums = append(sums, sum...)
		l.Records, l.BytesRead = l.Records+p.kept.Trained, l.BytesRead+p.kept.Bytes
		audit.LeftOut += p.kept.LeftOut
		audit.Training.Records += p.kept.Trained
		if n := p.kept.Skipped.Records; n > 0 {
			all := cmp.Or(audit.Skipped, &pipeline.Skipped{})
			all.Records, all.First = all.Records+n, slices.Concat(all.First, p.kept.Skipped.First)
			audit.Skipped = all
		}
	}
	if len(ranges) > 1 {
		sum := sha256.Sum256(sums)
		sums = sum[:]
	}
	audit.Lengths = f.decoder.Lengths()
	l.ContentHash, t.Job.Ranges = hex.EncodeToString(sums), ranges
	return nil
}

// digest is the hash of what was trained on.
func (p *partition) digest() ([]byte, error) {
	h := sha256.New()
	m, ok := h.(encoding.BinaryUnmarshaler)
	if !ok {
		return nil, errNotKept
	}
	err := m.UnmarshalBinary(p.sum)
	return h.Sum(nil), err
}

// drain trains on what is left of a part.
func (f *follower) drain(ctx context.Context, p *partition) error {
	if !p.full && p.intake.cache.records > 0 {
		if rest := p.intake.cache.records - int64(len(p.whole)*f.Job.BatchSize); rest > 0 {
			if err := p.mark(rest); err != nil {
				return err
			}
		}
		if err := f.step(ctx, p); err != nil {
			return err
		}
	}
	if p.seen > p.next { // records that are not trained on
		if err := p.mark(0); err != nil {
			return err
		}
		p.upTo, p.whole = p.whole[0], nil
	}
	return nil
}
