package predict

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"time"

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
	if err := output.CheckHops(in); err != nil {
		return nil, s.reject(ctx, in, err)
	}
	if err := s.out.predictions.Away(); err != nil {
		return nil, err
	}
	by, records := s.model, s.records
	if s.second != nil && s.out.envelope.Challenged(in) {
		by, records = s.second, s.challenged
	}
	it := by.item(records.Row())
	it.Record = in
	if it.Alone, err = s.model.suspects.Judge(in); err != nil {
		return nil, s.reject(ctx, in, err)
	}
	if err = by.decode(ctx, nil, it.Data, in, nil); err == nil {
		err = records.Do(ctx, it)
	}
	if errors.Is(err, features.ErrLeftOut) {
		s.metrics.leftOut.Inc()
		return nil, err
	}
	if err != nil {
		return nil, s.reject(ctx, in, err)
	}
	s.metrics.done(waySource, 1, began)
	return it.Value, nil
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
