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
	"github.com/kafkaml/kafkaml/shared/framework/rows"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// collectAfter is how many bytes of tensors the library may hold for Go's
// garbage before it is collected: Go does not see their size.
const collectAfter = 32 << 20

// Predictor runs the signature serving_default of a trained SavedModel. It may
// be used by any number of goroutines, each with a Batch of its own.
type Predictor struct {
	model   *tf.SavedModel
	export  pipeline.Export
	inputs  []rows.Input
	feeds   []tf.Output   // of inputs
	types   []codec.DType // of outputs
	fetches []tf.Output
	stored  []codec.Tensor
	pace    *rows.Pace
	garbage atomic.Int64
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
	p := &Predictor{export: o.Export, stored: o.Stored, pace: rows.NewPace(o.MaxBatch)}
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
func (p *Predictor) Inputs() []pipeline.Tensor { return rows.Tensors(p.inputs) }

// Outputs are the signature's outputs, in order.
func (p *Predictor) Outputs() []pipeline.Tensor { return p.export.Outputs }

// Limit is how many records a batch should hold at most; see rows.Pace.
func (p *Predictor) Limit() int { return p.pace.Limit() }

// Predict runs the model on the records [from, to), at least one, whose outputs
// then are the rows [0, to-from) of Outputs. It waits while as many calls as
// there are processors are under way; the library cannot be interrupted, so ctx
// ends only that wait.
func (b *Batch) Predict(ctx context.Context, from, to int) error {
	p := b.p
	if err := b.Within(from, to); err != nil {
		return err
	}
	feeds, err := b.feed(from, to)
	if err != nil {
		return err
	}
	call, err := p.pace.Enter(ctx)
	if err != nil {
		return err
	}
	defer p.pace.Leave(call)
	began := time.Now()
	results, err := p.model.Session.Run(feeds, p.fetches, nil)
	runtime.KeepAlive(b)
	if err != nil {
		return fmt.Errorf("predict %d records: %w", to-from, readable(err, p.export))
	}
	p.pace.Learn(to-from, time.Since(began))
	return b.take(results, to-from)
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
	b, err := p.newBatch(rows.FirstLayout(p.inputs, p.stored))
	if err != nil {
		return err
	}
	if err := rows.Warm(b); err != nil {
		return err
	}
	p.pace.Start(b.held)
	return nil
}
