// Package batching predicts rows together: the rows of a batch, and in batches
// the rows that come at about the same time.
package batching

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/functions/predict/suspects"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
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
	// MostBatches bounds those under way, where the broker is slow.
	MostBatches = 16
	// queueLength bounds the items that wait; more are turned away.
	queueLength = 1024
)

// Item is some rows to predict together, and what became of them. The caller
// owns it again once Do has returned.
type Item struct {
	Rows    int
	Data    [][]byte                                          // of each input: the rows' bytes, one after the other
	Receive func(outputs []framework.Output, result, row int) // gets each predicted row: its place in the outputs and in the item
	Record  *stream.Record                                    // whose prediction Finish writes; nil to only predict
	Alone   bool                                              // to predict it without any other, though it is a Record
	Value   []byte                                            // of a Record: what Receive made of it
	Err     error                                             // Invalid: the rows are at fault; Unavailable: not now
	done    chan struct{}
}

// Config says what a Batcher predicts.
type Config struct {
	Predictor framework.Predictor
	Layout    []codec.Tensor                                           // of one row
	Observe   func(rows int)                                           // called with the size of each batch
	Suspects  *suspects.Watch                                          // of the records; may be nil
	Begin     func(ctx context.Context, items []*Item) context.Context // before a batch is predicted: what predicts and Finish get; may be nil
	Finish    func(ctx context.Context, items []*Item)                 // does what is left once a batch is predicted, before the callers go on; may be nil
}

// Batcher gathers items that come at about the same time into batches. With
// little traffic it waits for nothing: an item is a batch. With much, items
// gather while earlier batches are predicted and finished.
type Batcher struct {
	Config
	size   []int // bytes of one row, by input; 0 for text
	text   bool  // an input is text
	queue  chan *Item
	ended  chan struct{} // a batch has ended
	closed chan struct{}
	free   chan framework.Batch
	active atomic.Int64
	lanes  sync.WaitGroup
}

// New is a Batcher that predicts once Run is called.
func New(c Config) (*Batcher, error) {
	b := &Batcher{
		Config: c, queue: make(chan *Item, queueLength), ended: make(chan struct{}, 1),
		closed: make(chan struct{}), free: make(chan framework.Batch, MostBatches),
	}
	for _, t := range c.Layout {
		b.size, b.text = append(b.size, t.Bytes()), b.text || t.DType == codec.String
	}
	for range MostBatches { // cheap: they take memory when filled
		batch, err := c.Predictor.NewBatch(c.Layout)
		if err != nil {
			return nil, err
		}
		b.free <- batch
	}
	return b, nil
}

// RowBytes is how much room Row makes.
func (b *Batcher) RowBytes() (total int) {
	for _, n := range b.size {
		total += n
	}
	return total
}

// Row is room for one row of each input; for text, what grows when it is filled.
func (b *Batcher) Row() [][]byte {
	memory, row := make([]byte, b.RowBytes()), make([][]byte, len(b.size))
	for i, n := range b.size {
		row[i], memory = memory[:n:n], memory[n:]
	}
	return row
}

// Do predicts it and waits for the end. The error is it.Err, or an Unavailable
// one where the item was not handled.
func (b *Batcher) Do(ctx context.Context, it *Item) error {
	if err := b.Submit(it); err != nil {
		return err
	}
	return b.Await(ctx, it)
}

// Submit lets it wait to be predicted; Await gives what becomes of it.
func (b *Batcher) Submit(it *Item) error {
	it.done = make(chan struct{})
	select {
	case b.queue <- it:
		return nil
	case <-b.closed:
		return Busy("the service is stopping")
	default:
		return Busy("too many records wait")
	}
}

// Await waits for the end of an item that was submitted, as Do does.
func (b *Batcher) Await(ctx context.Context, it *Item) error {
	select {
	case <-it.done:
		return it.Err
	case <-b.closed:
		return Busy("the service is stopping")
	case <-ctx.Done():
		return &pipeline.Error{Op: "predict", Kind: pipeline.Unavailable, Err: ctx.Err()}
	}
}

// Busy is an Unavailable error for a reason that passes soon.
func Busy(reason string) error {
	return &pipeline.Error{Op: "predict", Kind: pipeline.Unavailable, Reason: reason, Hint: "send it again in a moment"}
}

// Run makes batches until ctx ends, then waits for those under way.
func (b *Batcher) Run(ctx context.Context) {
	defer close(b.closed)
	defer b.lanes.Wait()
	timer := time.NewTimer(longestWait)
	defer timer.Stop()
	var next *Item // did not fit into the last batch
	for {
		if next == nil {
			select {
			case <-ctx.Done():
				return
			case next = <-b.queue:
			}
		}
		timer.Reset(longestWait)
		var items []*Item
		items, next = b.collect(next, timer.C)
		b.start(ctx, items)
	}
}

// collect gathers a batch that begins with first, and gives the item that did
// not fit.
func (b *Batcher) collect(first *Item, late <-chan time.Time) (items []*Item, left *Item) {
	items, rows, limit := []*Item{first}, first.Rows, b.Predictor.Limit()
	if first.Alone {
		return items, nil
	}
	for rows < limit {
		var it *Item
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
		if it.Alone || rows+it.Rows > limit {
			return items, it
		}
		items, rows = append(items, it), rows+it.Rows
	}
	return items, nil
}

// start runs a batch in a lane of its own, once one is free.
func (b *Batcher) start(ctx context.Context, items []*Item) {
	batch := <-b.free // MostBatches bounds the wait to the write of one
	b.active.Add(1)
	b.lanes.Go(func() {
		b.runBatch(context.WithoutCancel(ctx), batch, items)
		b.free <- batch
		b.active.Add(-1)
		select {
		case b.ended <- struct{}{}:
		default:
		}
	})
}

// cutText takes a row off the text of an item and adds it to dst.
func cutText(dst []byte, t codec.Tensor, stored []byte) (row, rest []byte) {
	first, rest, err := codec.Cut(t, stored, 1)
	if err != nil { // cannot be: what fills an item gives all of its rows
		return dst, nil
	}
	return append(dst, first...), rest
}

// runBatch predicts the items, finishes them and lets their callers go on.
func (b *Batcher) runBatch(ctx context.Context, batch framework.Batch, items []*Item) {
	batch.Reset()
	owner, first := make([]*Item, 0, len(items)), make([]int, 0, len(items)) // of each row: its item, and the item's first row
	for _, it := range items {
		from := len(owner)
		rest := it.Data
		if b.text {
			rest = slices.Clone(it.Data)
		}
		for r := range it.Rows {
			row := batch.Next()
			for k, dst := range row {
				if b.Layout[k].DType == codec.String {
					row[k], rest[k] = cutText(dst, b.Layout[k], rest[k])
					continue
				}
				copy(dst, it.Data[k][r*b.size[k]:(r+1)*b.size[k]])
			}
			owner, first = append(owner, it), append(first, from)
		}
	}
	b.Observe(batch.Len())
	if b.Begin != nil {
		ctx = b.Begin(ctx, items)
	}
	mark := b.mark(items)
	Predict(ctx, batch, 0, batch.Len(), func(outputs []framework.Output, result, row int) {
		owner[row].Receive(outputs, result, row-first[row])
	}, func(row int, err error) { owner[row].Err = err })
	mark.End()
	if b.Finish != nil {
		b.Finish(ctx, items)
	}
	for _, it := range items {
		close(it.done)
	}
}

// mark notes which records are predicted, should that end the process.
func (b *Batcher) mark(items []*Item) suspects.Mark {
	if items[0].Alone {
		return b.Suspects.Alone(items[0].Record)
	}
	m := b.Suspects.Begin()
	for _, it := range items {
		if it.Record != nil {
			m.Add(it.Record)
		}
	}
	return m
}
