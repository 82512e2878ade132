package predict

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/functions/predict/suspects"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// chunks predicts and writes the records of many partitions. Its memory is that
// of the chunks under way, however many partitions there are.
type chunks struct {
	model *model
	sides []side // one, or two that share the records
	out   *writer
	idle  sync.Pool // of *chunk
}

// side is a model that predicts records.
type side struct {
	*model
	batches    chan framework.Batch // those that no chunk fills or predicts
	challenger bool
}

// mostChunks is how many are predicted and decoded at once.
func mostChunks() int { return 2 * runtime.GOMAXPROCS(0) }

// newChunks predicts as many chunks at once as there are processors, while as
// many are decoded.
func newChunks(m, second *model, out *writer) (*chunks, error) {
	n := mostChunks()
	c := &chunks{model: m, out: out, sides: []side{{model: m}}}
	if second != nil {
		c.sides = append(c.sides, side{model: second, challenger: true})
	}
	c.idle.New = func() any { return &chunk{chunks: c} }
	for i := range c.sides {
		s := &c.sides[i]
		s.batches = make(chan framework.Batch, n)
		for range n {
			batch, err := s.predictor.NewBatch(s.decoder.Inputs())
			if err != nil {
				return nil, err
			}
			s.batches <- batch
		}
	}
	return c, nil
}

// run predicts records of one partition, only one where it is to be alone, and
// returns when their predictions, or dead letters, are acknowledged. An error means
// that they may not be. The end of ctx lets the write under way end.
func (c *chunks) run(ctx context.Context, from *held, records []stream.Record, alone bool) error {
	k := c.idle.Get().(*chunk)
	defer func() {
		k.held, k.in, k.trail = nil, nil, nil // the caller's
		c.idle.Put(k)
	}()
	k.held, k.in, k.alone = from, records, alone
	k.trail = follow(ctx, &c.model.job, len(records), each(records))
	err := k.predictAndWrite(ctx)
	k.trail.end(err)
	return err
}

func each(records []stream.Record) iter.Seq[*stream.Record] {
	return func(yield func(*stream.Record) bool) {
		for i := range records {
			if !yield(&records[i]) {
				return
			}
		}
	}
}

func (k *chunk) predictAndWrite(ctx context.Context) error {
	if err := k.predict(ctx); err != nil {
		return err
	}
	if err := k.write(ctx); err != nil {
		return err
	}
	return k.bury(ctx)
}

// chunk is some records of one partition on their way.
type chunk struct {
	*chunks
	held    *held
	in      []stream.Record
	alone   bool    // the only one is a suspect
	failed  []error // by record
	row     []int   // of the batch: the record's place in the chunk
	values  []byte
	arena   output.Arena
	records []stream.Record // to write
	source  []int           // of records: the record's place in the chunk
	trail   *trail
}

// predict makes the output records, of two models those of the first before those
// of the second. An error is the end of ctx.
func (k *chunk) predict(ctx context.Context) error {
	k.arena.Reset()
	k.records, k.source, k.values = k.records[:0], k.source[:0], k.values[:0]
	k.failed = append(k.failed[:0], make([]error, len(k.in))...)
	for i := range k.sides {
		if err := k.predictBy(ctx, &k.sides[i]); err != nil {
			return err
		}
	}
	return nil
}

// predictBy makes the output records of one model.
func (k *chunk) predictBy(ctx context.Context, by *side) error {
	var batch framework.Batch
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case batch = <-by.batches:
	}
	defer func() { by.batches <- batch }() // never blocks: it has room for all
	if err := k.decode(ctx, by, batch); err != nil {
		return err
	}
	if len(k.sides) > 1 && batch.Len() == 0 {
		return nil
	}
	k.out.metrics.batch(batch.Len())
	predicted := func(outputs []framework.Output, result, row int) {
		in := &k.in[k.row[row]]
		start := len(k.values)
		k.values = by.values.Append(k.values, outputs, result)
		k.records = append(k.records, k.out.envelope.Wrap(&k.arena, in, k.values[start:len(k.values):len(k.values)]))
		k.trail.sending(in, &k.records[len(k.records)-1])
		k.source = append(k.source, k.row[row])
	}
	refused := func(row int, err error) { k.failed[k.row[row]] = err }
	mark := k.mark()
	batching.Predict(context.WithoutCancel(ctx), batch, 0, batch.Len(), predicted, refused)
	mark.End()
	return nil
}

// mark notes which records are predicted, should that end the process.
func (k *chunk) mark() suspects.Mark {
	if k.alone {
		return k.model.suspects.Alone(&k.in[0])
	}
	m := k.model.suspects.Begin()
	m.AddAll(k.in)
	return m
}

// decode fills the batch with the records that by is to predict, and notes which of
// them cannot be decoded. A schema
// registry that is away is waited for; an error is the end of ctx.
func (k *chunk) decode(ctx context.Context, by *side, batch framework.Batch) error {
	batch.Reset()
	k.row = k.row[:0]
	windows, away := k.held.windows, k.held.away
	for i := range k.in {
		if k.out.envelope.Challenged(&k.in[i]) != by.challenger {
			continue
		}
		if k.failed[i] = output.CheckHops(&k.in[i]); k.failed[i] != nil {
			continue
		}
		err := by.decode(ctx, windows, batch.Next(), &k.in[i], away)
		if err == nil && k.model.suspects.Any() {
			_, err = k.model.suspects.Judge(&k.in[i]) // once it is in its windows
		}
		if err == nil {
			k.row = append(k.row, i)
			continue
		}
		batch.Drop()
		switch {
		case errors.Is(err, errWaits):
		case errors.Is(err, features.ErrLeftOut):
			k.out.metrics.leftOut.Inc()
		case pipeline.KindOf(err) != pipeline.Invalid:
			return err
		default:
			k.failed[i] = err
		}
	}
	return nil
}

// write writes the output records.
func (k *chunk) write(ctx context.Context) error {
	if len(k.records) == 0 {
		return nil
	}
	refused := func(i int, err error) { k.failed[k.source[i]] = batching.Unfit(err) }
	return k.out.predictions.Persist(ctx, k.held.claim.Partition, k.records, refused, k.warn)
}

// bury writes the dead letters.
func (k *chunk) bury(ctx context.Context) error {
	var letters []stream.Record
	var first error
	at, trace := int64(0), ctx // of the first
	for i, err := range k.failed {
		switch {
		case err == nil:
		case output.GivenUp(err):
			k.out.giveUp(ctx, &k.in[i], err)
		default:
			letters = append(letters, output.Letter(&k.in[i], err))
			if first == nil {
				first, at, trace = err, k.in[i].Offset, stream.InTrace(ctx, k.in[i].Headers)
			}
		}
	}
	if len(letters) == 0 {
		return nil
	}
	k.held.log.WarnContext(trace, "records go to the dead-letter topic", "records", len(letters), "of", len(k.in), "offset", at, "first", output.ReasonOf(first))
	k.out.metrics.dead.Add(float64(len(letters)))
	return k.out.bury(ctx, letters, func(letters []stream.Record, refused func(int, error)) error {
		return k.out.letters.Persist(ctx, k.held.claim.Partition, letters, refused, k.warn)
	})
}

func (k *chunk) warn(err error) { k.held.log.Warn("writing predictions; trying again", "error", err) }
