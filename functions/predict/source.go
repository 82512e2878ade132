package predict

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// source is the delivery that hands records over one by one, many at a time.
type source struct {
	model      *model
	second     *model            // of the challenger; nil where there is none
	records    *batching.Batcher // one record an item, as it is stored
	challenged *batching.Batcher // the same of the second model
	out        *writer
	metrics    *metrics
	log        *slog.Logger
	find       *stream.Finder // of the input topic
}

// handle predicts a record, and returns its prediction, once that is
// acknowledged by all replicas. An error that is Invalid means that the record
// is at fault, and is on the dead-letter topic; features.ErrLeftOut that it is
// none to predict.
func (s *source) handle(ctx context.Context, in *stream.Record) (value []byte, err error) {
	began := time.Now()
	it, by, err := s.submit(ctx, in)
	if err == nil {
		err = by.Await(ctx, it)
	}
	if err != nil {
		return nil, s.unpredicted(ctx, in, err)
	}
	s.metrics.done(waySource, 1, began)
	return it.Value, nil
}

// togetherBytes bounds the tensors of records that came in one request and are predicted
// together: a packed record is far smaller than its tensors.
const togetherBytes = 1 << 20

// handleAll is handle of records that came together. An error means that at least one
// is not dealt with; it is none that one of them is at fault, or none to predict.
func (s *source) handleAll(ctx context.Context, records []eventing.Plain) error {
	most := max(1, togetherBytes/max(1, s.records.RowBytes()))
	for some := range slices.Chunk(records, most) {
		if err := s.handleSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) handleSome(ctx context.Context, records []eventing.Plain) error {
	began := time.Now()
	items, by, errs := make([]*batching.Item, len(records)), make([]*batching.Batcher, len(records)), make([]error, len(records))
	for i := range records {
		items[i], by[i], errs[i] = s.submit(ctx, &records[i].Record)
	}
	var ends sync.WaitGroup
	for i := range records {
		if errs[i] == nil {
			errs[i] = by[i].Await(ctx, items[i])
		}
		if in, err := &records[i].Record, errs[i]; err != nil {
			ends.Go(func() { errs[i] = s.unpredicted(ctx, in, err) }) // together: each waits for the broker
			continue
		}
		s.metrics.done(waySource, 1, began)
	}
	ends.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, features.ErrLeftOut) && pipeline.KindOf(err) != pipeline.Invalid {
			return err
		}
	}
	return nil
}

// submit lets a record wait to be predicted by by.
func (s *source) submit(ctx context.Context, in *stream.Record) (it *batching.Item, by *batching.Batcher, err error) {
	if err := output.CheckHops(in); err != nil {
		return nil, nil, err
	}
	if err := s.out.predictions.Away(); err != nil {
		return nil, nil, err
	}
	m := s.model
	by = s.records
	if s.second != nil && s.out.envelope.Challenged(in) {
		m, by = s.second, s.challenged
	}
	it = m.item(by.Row())
	it.Record = in
	if it.Alone, err = s.model.suspects.Judge(in); err != nil {
		return nil, nil, err
	}
	if err := m.decode(ctx, nil, it.Data, in, nil); err != nil {
		return nil, nil, err
	}
	return it, by, by.Submit(it)
}

// unpredicted gives back why a record has no prediction, and writes the dead letter of
// one that is at fault.
func (s *source) unpredicted(ctx context.Context, in *stream.Record, why error) error {
	if errors.Is(why, features.ErrLeftOut) {
		s.metrics.leftOut.Inc()
		return why
	}
	return s.reject(ctx, in, why)
}

// whole gives a record the key, the headers and the time that it has in the log. What
// carries it over HTTP spoils headers: names in capitals, values that are no
// text or empty, headers that repeat. Where the log does not give it now, the
// record stays as it came.
func (s *source) whole(ctx context.Context, in *stream.Record) {
	r, err := s.find.Find(ctx, in.Partition, in.Offset)
	if err != nil {
		s.log.WarnContext(stream.InTrace(ctx, in.Headers), "the headers of a record stay as they came", "topic", in.Topic, "partition", in.Partition, "offset", in.Offset, "error", err)
		return
	}
	if bytes.Equal(r.Value, in.Value) {
		in.Key, in.Headers, in.Time = r.Key, r.Headers, r.Time
	}
}

// reject writes the dead letter of a record that is at fault, and gives why
// back, or why the letter could not be written.
func (s *source) reject(ctx context.Context, in *stream.Record, why error) error {
	if pipeline.KindOf(why) != pipeline.Invalid {
		return why
	}
	if output.GivenUp(why) {
		s.out.giveUp(ctx, in, why)
		return why
	}
	s.log.WarnContext(stream.InTrace(ctx, in.Headers), "a record goes to the dead-letter topic", "topic", in.Topic, "partition", in.Partition, "offset", in.Offset, "error", why)
	s.metrics.dead.Inc()
	letters := []stream.Record{output.Letter(in, why)}
	err := s.out.bury(ctx, letters, func(letters []stream.Record, refused func(int, error)) error {
		return s.out.letters.Write(ctx, in.Partition, letters, refused)
	})
	if err != nil {
		return err
	}
	return why
}
