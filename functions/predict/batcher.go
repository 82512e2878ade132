package predict

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	// longestWait is the most that a record waits for others to share its
	// batch.
	longestWait = 2 * time.Millisecond
	// quietBatches is how many batches may be under way for the next one to
	// start at once. More only start when full or after longestWait: the time
	// that batches under way take is when the next one fills.
	quietBatches = 2
	// mostBatches bounds those under way, where the broker is slow.
	mostBatches = 16
	// queueLength bounds the items that wait; more are turned away.
	queueLength = 1024
)

// item is some rows to predict together, and what became of them. The caller
// owns it again once done is closed.
type item struct {
	rows  int
	data  [][]byte                                          // of each input: the rows' bytes, one after the other
	take  func(outputs []tensorflow.Output, from, into int) // gets the result row from of the item's row into; nil for a record
	in    *stream.Record                                    // a record, whose prediction is also written; nil to only predict
	value []byte                                            // of a record or where take is nil: the prediction
	err   error                                             // Invalid: the rows are at fault; Unavailable: not now
	done  chan struct{}
}

// batcher gathers items that come at about the same time into batches. With
// little traffic it waits for nothing: an item is a batch. With much, items
// gather while earlier batches are predicted and acknowledged.
type batcher struct {
	s      *Service
	layout []codec.Tensor
	size   []int // bytes of one row, by input
	queue  chan *item
	ended  chan struct{} // a batch has ended
	closed chan struct{}
	free   chan *tensorflow.Batch
	active atomic.Int64
	lanes  sync.WaitGroup
}

func newBatcher(s *Service, layout []codec.Tensor) (*batcher, error) {
	b := &batcher{
		s: s, layout: layout, queue: make(chan *item, queueLength), ended: make(chan struct{}, 1),
		closed: make(chan struct{}), free: make(chan *tensorflow.Batch, mostBatches),
	}
	for _, t := range layout {
		b.size = append(b.size, t.Bytes())
	}
	for range mostBatches { // cheap: they take memory when filled
		batch, err := s.predictor.NewBatchOf(layout)
		if err != nil {
			return nil, err
		}
		b.free <- batch
	}
	return b, nil
}

// rows is room for one row of each input.
func (b *batcher) rows() [][]byte {
	total := 0
	for _, n := range b.size {
		total += n
	}
	memory, rows := make([]byte, total), make([][]byte, len(b.size))
	for i, n := range b.size {
		rows[i], memory = memory[:n:n], memory[n:]
	}
	return rows
}

// do predicts it and waits for the end. The error is it.err, or tells that the
// item was not taken.
func (b *batcher) do(ctx context.Context, it *item) error {
	it.done = make(chan struct{})
	select {
	case b.queue <- it:
	case <-b.closed:
		return busy("the service is stopping")
	default:
		return busy("too many records wait")
	}
	select {
	case <-it.done:
		return it.err
	case <-b.closed:
		return busy("the service is stopping")
	case <-ctx.Done():
		return &pipeline.Error{Op: "predict", Kind: pipeline.Unavailable, Err: ctx.Err()}
	}
}

func busy(reason string) error {
	return &pipeline.Error{Op: "predict", Kind: pipeline.Unavailable, Reason: reason, Hint: "send it again in a moment"}
}

// run makes batches until ctx ends, then waits for those under way.
func (b *batcher) run(ctx context.Context) {
	defer close(b.closed)
	defer b.lanes.Wait()
	timer := time.NewTimer(longestWait)
	defer timer.Stop()
	var next *item // did not fit into the last batch
	for {
		if next == nil {
			select {
			case <-ctx.Done():
				return
			case next = <-b.queue:
			}
		}
		timer.Reset(longestWait)
		var items []*item
		items, next = b.collect(next, timer.C)
		b.start(ctx, items)
	}
}

// collect gathers a batch that begins with first, and gives the item that did
// not fit.
func (b *batcher) collect(first *item, late <-chan time.Time) (items []*item, left *item) {
	items, rows, limit := []*item{first}, first.rows, b.s.predictor.Limit()
	for rows < limit {
		var it *item
		select {
		case it = <-b.queue:
		default:
			if b.active.Load() < quietBatches {
				return items, nil
			}
			select {
			case it = <-b.queue:
			case <-b.ended:
				continue
			case <-late:
				return items, nil
			}
		}
		if rows+it.rows > limit {
			return items, it
		}
		items, rows = append(items, it), rows+it.rows
	}
	return items, nil
}

// start runs a batch in a lane of its own, once one is free.
func (b *batcher) start(ctx context.Context, items []*item) {
	batch := <-b.free // mostBatches bounds the wait to the write of one
	b.active.Add(1)
	b.lanes.Go(func() {
		b.s.carryOut(context.WithoutCancel(ctx), batch, items, b.size)
		b.free <- batch
		b.active.Add(-1)
		select {
		case b.ended <- struct{}{}:
		default:
		}
	})
}

// carryOut predicts the items, writes the predictions of records, and tells
// each item that it is done.
func (s *Service) carryOut(ctx context.Context, batch *tensorflow.Batch, items []*item, size []int) {
	batch.Reset()
	owner, first := make([]*item, 0, len(items)), make([]int, 0, len(items)) // of each row: its item, and the item's first row
	for _, it := range items {
		from := len(owner)
		for r := range it.rows {
			for k, dst := range batch.Next() {
				copy(dst, it.data[k][r*size[k]:(r+1)*size[k]])
			}
			owner, first = append(owner, it), append(first, from)
		}
	}
	s.metrics.batch(batch.Len())
	s.predict(ctx, batch, func(outputs []tensorflow.Output, result, row int) {
		if it := owner[row]; it.take != nil {
			it.take(outputs, result, row-first[row])
		} else {
			it.value = s.form.append(it.value[:0], outputs, result)
		}
	}, func(row int, err error) { owner[row].err = err })
	s.deliver(ctx, items)
	for _, it := range items {
		close(it.done)
	}
}

// deliver writes the predictions of those items that are records, those of
// each input partition at the same time.
func (s *Service) deliver(ctx context.Context, items []*item) {
	var a arena
	byPartition := map[int][]*item{}
	for _, it := range items {
		if it.in != nil && it.err == nil {
			byPartition[it.in.Partition] = append(byPartition[it.in.Partition], it)
		}
	}
	var writes sync.WaitGroup
	for partition, group := range byPartition {
		records := make([]stream.Record, len(group))
		for i, it := range group {
			records[i] = s.envelope.wrap(&a, it.in, it.value)
		}
		write := func() {
			err := s.output.write(ctx, partition, records, func(i int, err error) { group[i].err = unfit(err) })
			for _, it := range group {
				if err != nil && it.err == nil {
					it.err = unreachable(s.output.name, err)
				}
			}
		}
		if len(byPartition) == 1 {
			write()
			return
		}
		writes.Go(write)
	}
	writes.Wait()
}
