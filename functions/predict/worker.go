package predict

import (
	"context"
	"log/slog"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// worker is what the work on one partition uses again and again.
type worker struct {
	model     *model
	out       *writer
	log       *slog.Logger
	partition int
	batch     framework.Batch
	row       []int // of the batch: the record's place in the chunk
	failed    []error
	values    []byte
	arena     output.Arena
	records   []stream.Record // to write
	source    []int           // of records: the record's place in the chunk
}

func newWorker(m *model, out *writer, partition int, log *slog.Logger) (*worker, error) {
	batch, err := m.predictor.NewBatch(m.decoder.Inputs())
	if err != nil {
		return nil, err
	}
	return &worker{model: m, out: out, log: log, partition: partition, batch: batch}, nil
}

// chunk predicts records and returns when their predictions, or dead letters,
// are acknowledged. An error means that they may not be. The end of ctx lets
// the write under way end.
func (w *worker) chunk(ctx context.Context, records []stream.Record) error {
	w.decode(records)
	w.predict(ctx, records)
	w.out.metrics.batch(w.batch.Len())
	if err := w.write(ctx); err != nil {
		return err
	}
	return w.bury(ctx, records)
}

// decode fills the batch and notes which records cannot be decoded.
func (w *worker) decode(records []stream.Record) {
	w.batch.Reset()
	w.row, w.failed = w.row[:0], append(w.failed[:0], make([]error, len(records))...)
	for i := range records {
		if err := w.model.decode(w.batch.Next(), records[i].Value); err != nil {
			w.batch.Drop()
			w.failed[i] = err
			continue
		}
		w.row = append(w.row, i)
	}
}

// predict makes the output records.
func (w *worker) predict(ctx context.Context, records []stream.Record) {
	w.arena.Reset()
	w.records, w.source, w.values = w.records[:0], w.source[:0], w.values[:0]
	predicted := func(outputs []framework.Output, result, row int) {
		in := &records[w.row[row]]
		start := len(w.values)
		w.values = w.model.values.Append(w.values, outputs, result)
		w.records = append(w.records, w.out.envelope.Wrap(&w.arena, in, w.values[start:len(w.values):len(w.values)]))
		w.source = append(w.source, w.row[row])
	}
	refused := func(row int, err error) { w.failed[w.row[row]] = err }
	batching.Predict(context.WithoutCancel(ctx), w.batch, 0, w.batch.Len(), predicted, refused)
}

// write writes the output records.
func (w *worker) write(ctx context.Context) error {
	if len(w.records) == 0 {
		return nil
	}
	refused := func(i int, err error) { w.failed[w.source[i]] = batching.Unfit(err) }
	return w.out.predictions.Persist(ctx, w.partition, w.records, refused, w.warn)
}

// bury writes the dead letters of a chunk.
func (w *worker) bury(ctx context.Context, records []stream.Record) error {
	var letters []stream.Record
	var first error
	for i, err := range w.failed {
		if err != nil {
			letters = append(letters, output.Letter(&records[i], err))
			if first == nil {
				first = err
			}
		}
	}
	if len(letters) == 0 {
		return nil
	}
	w.log.Warn("records go to the dead-letter topic", "records", len(letters), "first", first)
	w.out.metrics.dead.Add(float64(len(letters)))
	return w.out.letters.Persist(ctx, w.partition, letters, w.out.lost(letters), w.warn)
}

func (w *worker) warn(err error) { w.log.Warn("writing predictions; trying again", "error", err) }
