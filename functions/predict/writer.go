package predict

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// writer writes what became of records.
type writer struct {
	job         *pipeline.PredictJob
	envelope    *output.Envelope
	predictions *output.Topic
	letters     *output.Topic
	metrics     *metrics
	log         *slog.Logger
}

// finish writes the predictions of those items that are records, those of each
// input partition at the same time.
func (w *writer) finish(ctx context.Context, items []*batching.Item) {
	var a output.Arena
	trail := trailOf(ctx)
	byPartition := map[int][]*batching.Item{}
	for _, it := range items {
		if it.Record != nil && it.Err == nil {
			byPartition[it.Record.Partition] = append(byPartition[it.Record.Partition], it)
		}
	}
	var writes sync.WaitGroup
	for partition, group := range byPartition {
		records := make([]stream.Record, len(group))
		for i, it := range group {
			records[i] = w.envelope.Wrap(&a, it.Record, it.Value)
			trail.sending(it.Record, &records[i])
		}
		write := func() {
			err := w.predictions.Write(ctx, partition, records, func(i int, err error) { group[i].Err = batching.Unfit(err) })
			for _, it := range group {
				if err != nil && it.Err == nil {
					it.Err = err
				}
			}
		}
		if len(byPartition) == 1 {
			write()
			break
		}
		writes.Go(write)
	}
	writes.Wait()
	trail.end(failed(items))
}

// failed is why a prediction was not written, nil where all were or are refused.
func failed(items []*batching.Item) error {
	for _, it := range items {
		if it.Err != nil && pipeline.KindOf(it.Err) != pipeline.Invalid {
			return it.Err
		}
	}
	return nil
}

// bury writes dead letters by send. One that the topic does not take, being
// larger than the record was, is written without the record's headers, then
// without its key and value: it must not stop the stream, nor go without a word.
func (w *writer) bury(ctx context.Context, letters []stream.Record, send func(letters []stream.Record, refused func(i int, err error)) error) error {
	for _, cut := range []func(*stream.Record, error){output.WithoutHeaders, output.WithoutValue, nil} {
		var again []stream.Record
		err := send(letters, func(i int, err error) {
			if cut == nil {
				w.log.ErrorContext(stream.InTrace(ctx, letters[i].Headers), "a dead letter was refused and is lost", "topic", w.letters.Name(), "headers", fmt.Sprint(letters[i].Headers), "error", err)
				return
			}
			letter := letters[i]
			cut(&letter, err)
			again = append(again, letter)
		})
		if err != nil || len(again) == 0 {
			return err
		}
		letters = again
	}
	return nil
}

// giveUp counts and logs a record that is neither predicted nor dead-lettered.
func (w *writer) giveUp(ctx context.Context, in *stream.Record, why error) {
	w.metrics.givenUp.Inc()
	w.log.ErrorContext(stream.InTrace(ctx, in.Headers), "a record was given up", "topic", in.Topic, "partition", in.Partition, "offset", in.Offset, "error", why)
}
