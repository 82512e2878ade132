package control

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// SinkConfig says where a stream of training records goes and what its control
// message will say.
type SinkConfig struct {
	Topic          string // of the records, not the control topic; it must exist
	ControlTopic   string // Topic unless given; it must exist
	Deployment     int64
	Format         pipeline.Format
	Config         json.RawMessage // input_config
	ValidationRate float64
	TestRate       float64
	Description    string
	Shuffle        bool
	Seed           int64
	Order          pipeline.Order
	Split          pipeline.SplitBy
}

// Sink sends a training stream: records, and at the end one control message
// with the exact ranges that they got, whoever else writes to the topic. Each
// record is in the log once: a batch whose acknowledgement was lost is sent
// again under the number by which the broker knows it. Send may be called from
// one goroutine at a time.
type Sink struct {
	cluster  *stream.Cluster
	producer *stream.Producer
	config   SinkConfig
	began    time.Time

	ctx     context.Context
	cancel  context.CancelCauseFunc
	queue   chan *sinkBatch
	free    chan *sinkBatch
	filling *sinkBatch
	workers sync.WaitGroup
	pending sync.WaitGroup // batches that were handed to a worker

	mu      sync.Mutex
	acked   []pipeline.Range // merged, by partition
	records int64
	bytes   int64
}

// Summary is what a Sink has sent.
type Summary struct {
	Records int64            `json:"records"`
	Bytes   int64            `json:"bytes"` // keys and values
	Ranges  []pipeline.Range `json:"ranges"`
	Control pipeline.Origin  `json:"control"` // the control message
	Seconds float64          `json:"seconds"`
}

// A batch is sent when it holds sinkBytes of keys and values or sinkRecords;
// with what surrounds them it stays below the mebibyte that brokers take by
// default. A partition gets one batch at a time.
const (
	sinkBytes   = 640 << 10
	sinkRecords = 8 << 10
	sinkWorkers = 4 // partitions written to at once, which bounds memory
)

// NewSink prepares to send a stream to the partitions of a topic. It ends with
// ctx, or with Close or Abort, one of which must be called.
func NewSink(ctx context.Context, c *stream.Cluster, config SinkConfig) (*Sink, error) {
	if config.ControlTopic == "" {
		config.ControlTopic = Topic
	}
	partitions, err := c.Partitions(ctx, config.Topic)
	if err != nil {
		return nil, err
	}
	if _, err := c.Partitions(ctx, config.ControlTopic); err != nil {
		return nil, err
	}
	if _, _, err := config.message(nil).Encode(); err != nil {
		return nil, err
	}
	producer, err := c.NewProducer(ctx)
	if err != nil {
		return nil, err
	}
	n := min(partitions, sinkWorkers)
	s := &Sink{
		cluster: c, producer: producer, config: config, began: time.Now(),
		queue: make(chan *sinkBatch), free: make(chan *sinkBatch, n+1),
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	for range n + 1 {
		s.free <- new(sinkBatch)
	}
	for i := range n {
		s.workers.Go(func() { s.work(i, n, partitions) })
	}
	return s, nil
}

// sinkBatch collects copies of records, whose keys and values lie in arena.
type sinkBatch struct {
	records []stream.Record
	arena   []byte
	bytes   int // of keys and values
}

func (b *sinkBatch) full() bool { return b.bytes >= sinkBytes || len(b.records) >= sinkRecords }

func (b *sinkBatch) reset() { b.records, b.arena, b.bytes = b.records[:0], b.arena[:0], 0 }

func (b *sinkBatch) add(key, value []byte) {
	b.bytes += len(key) + len(value)
	b.records = append(b.records, stream.Record{Key: b.copy(key), Value: b.copy(value), Time: time.Now()})
}

// copy takes room in the arena. A full one is left to the records that point
// into it, and a new one begun.
func (b *sinkBatch) copy(from []byte) []byte {
	if from == nil {
		return nil
	}
	if cap(b.arena)-len(b.arena) < len(from) || b.arena == nil {
		b.arena = make([]byte, 0, max(len(from), 2*cap(b.arena), 64<<10))
	}
	begin := len(b.arena)
	b.arena = append(b.arena, from...)
	return b.arena[begin:len(b.arena):len(b.arena)]
}

// Send adds a record: label becomes its key, sample its value; nil is none.
// Both are copied. It waits while the broker is behind. An error is final: it
// says why sending has failed.
func (s *Sink) Send(ctx context.Context, label, sample []byte) error {
	if s.filling == nil {
		select {
		case s.filling = <-s.free:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
	s.filling.add(label, sample)
	if !s.filling.full() {
		return nil
	}
	return s.dispatch(ctx)
}

// dispatch hands the batch that is being filled to a worker.
func (s *Sink) dispatch(ctx context.Context) error {
	if s.filling == nil || len(s.filling.records) == 0 {
		return nil
	}
	s.pending.Add(1)
	select {
	case s.queue <- s.filling:
		s.filling = nil
		return nil
	case <-ctx.Done():
		s.pending.Done()
		return ctx.Err()
	case <-s.ctx.Done():
		s.pending.Done()
		return context.Cause(s.ctx)
	}
}

// Flush sends what was added and waits until the broker has it. Where ctx ends
// first the sink is broken: what became of the records is unknown.
func (s *Sink) Flush(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.cancel(ctx.Err()) })
	defer stop()
	if err := s.dispatch(ctx); err != nil {
		return err
	}
	s.pending.Wait()
	return context.Cause(s.ctx)
}

// Sent is how many records and bytes of keys and values are acknowledged.
func (s *Sink) Sent() (records, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records, s.bytes
}

// Close sends what is left and then the control message, which is what starts a
// training. Without a record there is no control message and an error.
func (s *Sink) Close(ctx context.Context) (Summary, error) {
	err := s.Flush(ctx)
	s.end()
	sum := Summary{Records: s.records, Bytes: s.bytes, Ranges: s.sorted(), Seconds: time.Since(s.began).Seconds()}
	if err != nil {
		return sum, err
	}
	if sum.Records == 0 {
		return sum, pipeline.Invalidf("records", "none was sent").WithHint("a stream needs at least one record")
	}
	sum.Control, err = Send(ctx, s.cluster, s.config.ControlTopic, s.config.message(sum.Ranges))
	sum.Seconds = time.Since(s.began).Seconds()
	return sum, err
}

// Abort gives up: records that were acknowledged stay in the log, but no
// control message names them. After Close it does nothing.
func (s *Sink) Abort() { s.end() }

var errSinkClosed = errors.New("the sink is closed")

func (s *Sink) end() {
	s.cancel(errSinkClosed)
	s.workers.Wait()
}

func (s *Sink) sorted() []pipeline.Range {
	s.mu.Lock()
	defer s.mu.Unlock()
	sorted := slices.Clone(s.acked)
	slices.SortFunc(sorted, func(a, b pipeline.Range) int {
		if a.Partition != b.Partition {
			return a.Partition - b.Partition
		}
		return int(min(max(a.Offset-b.Offset, -1), 1))
	})
	return sorted
}

func (c SinkConfig) message(ranges []pipeline.Range) Message {
	return Message{
		Deployment: c.Deployment, Ranges: ranges, InputFormat: c.Format, InputConfig: c.Config,
		ValidationRate: c.ValidationRate, TestRate: c.TestRate, Description: c.Description,
		Shuffle: c.Shuffle, Seed: c.Seed, Order: c.Order, Split: c.Split,
	}
}
