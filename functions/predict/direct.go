package predict

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// consumer is how direct delivery stands.
type consumer struct {
	wanted  bool
	running atomic.Bool
	mu      sync.Mutex
	next    map[int]int64 // by claimed partition: the offset after the last record that is dealt with
}

// rejoinPause is how long the group is left alone after it failed.
const rejoinPause = 2 * time.Second

// consume is a member of the inference's consumer group until ctx ends. A
// broker that is away is waited for.
func (s *Service) consume(ctx context.Context) {
	group := s.job.Group
	if group == "" {
		group = pipeline.InferenceGroup(s.envelope.who)
	}
	s.consumer.next = map[int]int64{}
	s.running.Go(func() { s.watchLag(ctx) })
	for ctx.Err() == nil {
		s.consumer.running.Store(true)
		err := s.output.cluster.Consume(ctx, stream.GroupConfig{ID: group, Topics: []string{s.job.InputTopic}, Log: s.log}, s.work)
		s.consumer.running.Store(false)
		if ctx.Err() != nil {
			return
		}
		s.log.Error("the consumer group failed; joining again", "group", group, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(rejoinPause):
		}
	}
}

// work predicts the records of one partition for as long as it is ours.
func (s *Service) work(ctx context.Context, claim *stream.Claim) error {
	w, err := s.newWorker(ctx, claim)
	if err != nil {
		return err
	}
	defer w.close()
	for {
		records, err := claim.Fetch(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		for len(records) > 0 {
			n := min(len(records), s.predictor.Limit())
			if err := w.chunk(ctx, records[:n]); err != nil {
				return err
			}
			w.committer.mark(records[n-1].Offset + 1)
			s.metrics.done(wayDirect, n, began)
			records = records[n:]
		}
	}
}

// worker is what the work on one partition uses again and again.
type worker struct {
	s         *Service
	log       *slog.Logger
	partition int
	batch     *tensorflow.Batch
	committer *committer
	row       []int // of the batch: the record's place in the chunk
	failed    []error
	values    []byte
	arena     arena
	out       []stream.Record
	source    []int // of out: the record's place in the chunk
}

func (s *Service) newWorker(ctx context.Context, claim *stream.Claim) (*worker, error) {
	batch, err := s.predictor.NewBatch()
	if err != nil {
		return nil, err
	}
	log := s.log.With("topic", claim.Topic, "partition", claim.Partition)
	log.Info("partition claimed", "offset", claim.Next())
	s.claimed(claim.Partition, claim.Next())
	return &worker{
		s: s, log: log, partition: claim.Partition, batch: batch,
		committer: commitFrom(ctx, claim, log, func(next int64) { s.claimed(claim.Partition, next) }),
	}, nil
}

func (w *worker) close() {
	w.committer.close()
	w.s.released(w.partition)
	w.log.Info("partition released")
}

// chunk predicts records and returns when their predictions, or dead letters,
// are acknowledged. An error means that they may not be. The end of ctx lets
// the write under way end.
func (w *worker) chunk(ctx context.Context, records []stream.Record) error {
	w.decode(records)
	w.predict(ctx, records)
	w.s.metrics.batch(w.batch.Len())
	warn := func(err error) { w.log.Warn("writing predictions; trying again", "error", err) }
	if len(w.out) > 0 {
		refused := func(i int, err error) { w.failed[w.source[i]] = unfit(err) }
		if err := w.s.output.persist(ctx, w.partition, w.out, refused, warn); err != nil {
			return err
		}
	}
	return w.bury(ctx, records, warn)
}

// decode fills the batch and notes which records cannot be decoded.
func (w *worker) decode(records []stream.Record) {
	w.batch.Reset()
	w.row, w.failed = w.row[:0], append(w.failed[:0], make([]error, len(records))...)
	for i := range records {
		if err := w.s.decoder.Sample(w.batch.Next(), records[i].Value); err != nil {
			w.batch.Drop()
			w.failed[i] = undecodable(err)
			continue
		}
		w.row = append(w.row, i)
	}
}

// predict makes the output records.
func (w *worker) predict(ctx context.Context, records []stream.Record) {
	w.arena.reset()
	w.out, w.source, w.values = w.out[:0], w.source[:0], w.values[:0]
	took := func(outputs []tensorflow.Output, result, row int) {
		in := &records[w.row[row]]
		start := len(w.values)
		w.values = w.s.form.append(w.values, outputs, result)
		w.out = append(w.out, w.s.envelope.wrap(&w.arena, in, w.values[start:len(w.values):len(w.values)]))
		w.source = append(w.source, w.row[row])
	}
	refused := func(row int, err error) { w.failed[w.row[row]] = err }
	w.s.predict(context.WithoutCancel(ctx), w.batch, took, refused)
}

// bury writes the dead letters of a chunk.
func (w *worker) bury(ctx context.Context, records []stream.Record, warn func(error)) error {
	var letters []stream.Record
	for i, err := range w.failed {
		if err != nil {
			letters = append(letters, letter(&records[i], err))
		}
	}
	if len(letters) == 0 {
		return nil
	}
	w.log.Warn("records go to the dead-letter topic", "records", len(letters), "first", letters[0].Headers[len(letters[0].Headers)-4].Value)
	return w.s.bury(ctx, w.partition, letters, warn)
}

// bury writes dead letters. One that even that topic does not take is logged:
// it must not stop the stream.
func (s *Service) bury(ctx context.Context, partition int, letters []stream.Record, warn func(error)) error {
	s.metrics.dead.Add(float64(len(letters)))
	return s.dead.persist(ctx, partition, letters, func(i int, err error) {
		s.log.Error("a dead letter was refused and is lost", "topic", s.dead.name, "headers", fmt.Sprint(letters[i].Headers), "error", err)
	}, warn)
}

func undecodable(err error) error {
	return &pipeline.Error{Op: "decode record", Kind: pipeline.Invalid, Err: err}
}

func (s *Service) claimed(partition int, next int64) {
	s.consumer.mu.Lock()
	defer s.consumer.mu.Unlock()
	s.consumer.next[partition] = next
}

func (s *Service) released(partition int) {
	s.consumer.mu.Lock()
	defer s.consumer.mu.Unlock()
	delete(s.consumer.next, partition)
	s.metrics.forget(partition)
}
