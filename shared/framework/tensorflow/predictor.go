package tensorflow

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	defaultMaxBatch = 2048
	// firstLimit is where Limit starts: a batch that no model makes slow or
	// large.
	firstLimit = 64
	// growBelow is how long a full batch may take for Limit to double: below
	// it a larger batch still saves more by the record than it adds latency.
	growBelow = time.Millisecond
	// collectAfter is how many bytes of tensors the library may hold for Go's
	// garbage before it is collected: Go does not see their size.
	collectAfter = 32 << 20
	// batchBytes bounds the input tensors of one batch, and so what a Limit of
	// large records is.
	batchBytes = 32 << 20
)

// Predictor runs the signature serving_default of a trained SavedModel. It may
// be used by any number of goroutines, each with a Batch of its own.
type Predictor struct {
	model   *tf.SavedModel
	inputs  []feed
	outputs []pipeline.Tensor
	types   []codec.DType // of outputs
	fetches []tf.Output
	stored  []codec.Tensor
	slots   chan struct{} // a token for each call under way: no more than there are processors
	max     int
	limit   atomic.Int64
	garbage atomic.Int64
}

// feed is one input of the signature.
type feed struct {
	name  string
	at    tf.Output
	dtype codec.DType
	shape []int // of one record, -1 where the model leaves it open
}

// openPredictor loads the SavedModel in dir. A call takes at most 2,048 records
// unless o says another number. One thread works on an operation unless o says
// more: calls run side by side, each on its caller's thread, which beat the
// library's thread pools in latency (23 us against 68 us for one record of a
// small net) and in throughput.
//
// The model is run once on zeros, so that the first record does not pay for
// the optimisation of the graph.
func openPredictor(dir string, o framework.PredictorOptions) (*Predictor, error) {
	p := &Predictor{outputs: o.Export.Outputs, max: o.MaxBatch, stored: o.Stored, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	if p.max <= 0 {
		p.max = defaultMaxBatch
	}
	if err := p.load(dir, o.Threads); err != nil {
		return nil, err
	}
	if err := p.bind(o.Export); err != nil {
		_ = p.Close()
		return nil, err
	}
	if err := p.warm(); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// Close frees the session. No call may be under way.
func (p *Predictor) Close() error { return p.model.Session.Close() }

// Inputs are the signature's inputs, in order: name, type and the shape of one
// record.
func (p *Predictor) Inputs() []pipeline.Tensor {
	all := make([]pipeline.Tensor, len(p.inputs))
	for i, in := range p.inputs {
		all[i] = pipeline.Tensor{Name: in.name, DType: in.dtype.String(), Shape: in.shape}
	}
	return all
}

// Outputs are the signature's outputs, in order.
func (p *Predictor) Outputs() []pipeline.Tensor { return p.outputs }

// Limit is how many records a batch should hold at most: it starts low and
// doubles while a full batch is quick, so that a large model neither holds up
// a record behind a long batch nor fills the memory with activations.
func (p *Predictor) Limit() int { return int(p.limit.Load()) }

// Predict runs the model on the records [from, to), at least one, whose outputs
// then are the rows [0, to-from) of Outputs. It waits while as many calls as
// there are processors are under way; the library cannot be interrupted, so ctx
// ends only that wait.
func (b *Batch) Predict(ctx context.Context, from, to int) error {
	p := b.p
	if from < 0 || from >= to || to > b.n {
		return fmt.Errorf("predict records [%d, %d) of %d", from, to, b.n)
	}
	feeds, err := b.feed(from, to)
	if err != nil {
		return err
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	began := time.Now()
	results, err := p.model.Session.Run(feeds, p.fetches, nil)
	runtime.KeepAlive(b)
	if err != nil {
		return fmt.Errorf("predict %d records: %w", to-from, err)
	}
	p.learn(to-from, time.Since(began))
	return b.take(results, to-from)
}

// learn raises the limit where a full batch was quick.
func (p *Predictor) learn(n int, took time.Duration) {
	limit := p.limit.Load()
	if int64(n) >= limit && took < growBelow && limit < int64(p.max) {
		p.limit.CompareAndSwap(limit, min(2*limit, int64(p.max)))
	}
}

// spent counts bytes of the library's tensors that wait for Go's collector.
func (p *Predictor) spent(bytes int) {
	if p.garbage.Add(int64(bytes)) > collectAfter {
		p.garbage.Store(0)
		runtime.GC()
	}
}

// warm runs one record of zeros, where a size that the model leaves open is 1,
// and settles how large a batch may get.
func (p *Predictor) warm() error {
	zeros := make([]codec.Tensor, len(p.inputs))
	for i, in := range p.inputs {
		zeros[i] = codec.Tensor{Name: in.name, DType: in.dtype, Shape: closed(in.shape)}
	}
	if p.stored != nil {
		zeros = p.stored
	}
	b, err := p.newBatch(zeros)
	if err != nil {
		return err
	}
	for i, row := range b.Next() {
		if zeros[i].DType == codec.String {
			for range zeros[i].Elements() {
				row = codec.AppendText(row, "")
			}
			b.rows[i] = row
		}
	}
	if err := b.Predict(context.Background(), 0, 1); err != nil {
		return &pipeline.Error{Op: "open model", Kind: pipeline.Internal, Reason: "the model fails on zeros: " + err.Error(), Err: err}
	}
	p.max = max(1, min(p.max, batchBytes/max(1, b.held)))
	p.limit.Store(int64(min(firstLimit, p.max)))
	return nil
}

func closed(shape []int) []int {
	s := make([]int, len(shape))
	for i, d := range shape {
		s[i] = max(d, 1)
	}
	return s
}
