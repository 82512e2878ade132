package tensorflow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Trainer trains one exported model. It is not safe for concurrent use.
type Trainer struct {
	dir     string // of the SavedModel
	options framework.TrainerOptions
	columns []column
	values  []*tf.Tensor // of the variables; nil while they may have changed

	learners []*openLayer // layers that are adapted, in the order of the export
	settings []setting    // what they have learned
	adapted  bool

	inherited []*tf.Tensor // what all variables began with; nil: with the values of the export
	fitted    bool         // Fit was called
	stepping  *stepping    // nil before the first Step
	*session
}

// session is the model with variables and threads of its own.
type session struct {
	model   *SavedModel
	threads Threads

	// halves is train with convolutions on halves of a batch, nil where there is no use for it.
	train, halves, xla, loop, weighted, evaluate, reset, weights, assign, serve, finalize *Function

	used bool // the metrics are of what has run
}

// trainHalves is the signature of steps whose convolutions run on halves of a batch,
// which models have that it makes quicker. They take two records and more.
const trainHalves = "train_halves"

// fresh is what the signature that sets the metrics back gives where they are so in
// the exported model, which earlier versions did not see to.
const fresh = "fresh"

// openTrainer loads the exported SavedModel with its initial variables.
func openTrainer(o framework.TrainerOptions) (*Trainer, error) {
	cols, err := columns(o.Export, o.Inputs, o.Labels)
	if err != nil {
		return nil, err
	}
	t := &Trainer{dir: filepath.Join(o.Dir, kerasmodel.Exported), options: o, columns: cols}
	if o.Trained {
		t.dir = filepath.Join(o.Dir, kerasmodel.Trained)
	}
	if t.session, err = t.open(ThreadsFor(o.Export, o.Batch)); err != nil {
		return nil, err
	}
	return t, nil
}

// open loads the model into a session.
func (t *Trainer) open(threads Threads) (*session, error) {
	halved := false
	folder, err := pruned(t.dir, true, func(signature string) bool {
		uses := t.uses(signature)
		halved = halved || uses && signature == trainHalves
		return uses
	})
	if err != nil {
		return nil, fmt.Errorf("load SavedModel: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if halved {
		threads = threads.apart()
	}
	if err := load(); err != nil { // not before: the graph is pruned meanwhile
		return nil, err
	}
	m, err := Load(folder, threads, t.options.GPU)
	if err != nil {
		return nil, err
	}
	s := &session{model: m, threads: threads}
	for name, f := range map[string]**Function{
		"train": &s.train, trainHalves: &s.halves, "train_xla": &s.xla, "train_steps": &s.loop, "train_weighted": &s.weighted, "evaluate": &s.evaluate,
		"reset": &s.reset, "weights": &s.weights, "assign": &s.assign, "serving_default": &s.serve, "finalize": &s.finalize,
	} {
		got, ok, err := m.Function(name)
		if err == nil && !ok && !optional(name) {
			err = fmt.Errorf("the SavedModel has no signature %q", name)
		}
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		*f = got
	}
	s.used = t.options.Trained || !slices.Contains(s.reset.Outputs, fresh)
	return s, nil
}

// uses reports whether the training has a use for a signature. The loops that it
// has none for are most of a graph, all of which TensorFlow copies and optimizes
// at each signature's first run.
func (t *Trainer) uses(signature string) bool {
	p := t.options.Plan
	if p == nil {
		return signature != trainHalves
	}
	compiled := !p.Stepped && (p.Engine == kerasmodel.XLA || p.Engine != kerasmodel.Graph && stepsOf(*p, t.options.Records) >= worthCompiling)
	switch signature {
	case "train_weighted":
		return len(p.ClassWeight) > 0
	case trainHalves:
		return !p.Stepped && len(p.ClassWeight) == 0 && p.Engine != kerasmodel.XLA && !t.options.GPU && ThreadsFor(t.options.Export, t.options.Batch).IntraOp > 1
	case "assign":
		return p.Stepped || steered(*p) || compiled && p.Engine != kerasmodel.XLA
	case "train_steps":
		return p.Stepped && !p.Singly && p.Engine != kerasmodel.Graph && len(p.ClassWeight) == 0 && !t.holdsText()
	case "train_xla":
		return compiled
	}
	return true
}

// optional reports whether a model may lack a signature: those of halves, of class
// weights, of optimizers that average, of XLA, that of evaluation, which a
// model with a train_step of its own may have none of, and those of callbacks
// and of many steps, which earlier versions did not export.
func optional(signature string) bool {
	return slices.Contains([]string{trainHalves, "train_weighted", "finalize", "train_xla", "train_steps", "evaluate", "assign"}, signature)
}

// Close frees the model.
func (t *Trainer) Close() error { return t.model.Close() }

// Columns are what a Split must give: inputs, then labels, in the types and
// shapes that training feeds.
func (t *Trainer) Columns() []codec.Tensor {
	out := make([]codec.Tensor, len(t.columns))
	for i, c := range t.columns {
		out[i] = c.tensor()
	}
	return out
}

// run calls a signature on a filled buffer and returns its metrics.
func (t *Trainer) run(f *Function, b *buffer) (pipeline.Metrics, error) {
	all, err := t.runs(f, b, 1)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// runs calls a signature on a filled buffer and returns the metrics of its first n
// batches.
func (t *Trainer) runs(f *Function, b *buffer, n int) ([]pipeline.Metrics, error) {
	t.used = true
	got, err := f.Call(f.feeds(b))
	runtime.KeepAlive(b) // it owns the tensors' text
	if err != nil {
		return nil, err
	}
	all := make([]pipeline.Metrics, n)
	for k := range all {
		all[k] = make(pipeline.Metrics, len(got))
	}
	for i, name := range f.Outputs {
		raw := Bytes(got[i])
		if got[i].DataType() != tf.Float || len(raw) < 4*n {
			return nil, fmt.Errorf("metric %s is not %d float32", name, n)
		}
		for k, m := range all {
			m[name] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:])))
		}
	}
	return all, nil
}

// holdsText reports whether an input or an output is text, which XLA does not
// compile.
func (t *Trainer) holdsText() bool {
	return slices.ContainsFunc(t.columns, func(c column) bool { return c.dtype == codec.String }) ||
		slices.ContainsFunc(t.options.Export.Outputs, func(o pipeline.Tensor) bool { return o.DType == codec.String.String() })
}

// clear sets the metrics back, where they are of anything.
func (t *Trainer) clear() error {
	if !t.used {
		return nil
	}
	_, err := t.reset.Call(nil)
	t.used = err != nil
	return err
}

// Evaluate runs Keras' evaluate over the split, steps batches of it or all
// when steps is 0.
func (t *Trainer) Evaluate(ctx context.Context, s framework.Split, batch, steps int) (pipeline.Metrics, error) {
	return t.newEvaluation(s, batch, steps).run(ctx, t)
}

// evaluation evaluates one split, perhaps many times: a split of one call
// stays loaded.
type evaluation struct {
	calls []call
	feed  *feeder
	held  map[int]*buffer // by index of calls
}

func (t *Trainer) newEvaluation(s framework.Split, batch, steps int) *evaluation {
	all := batches(s.Len(), batch)
	if steps <= 0 || steps > all {
		steps = all
	}
	f := newFeeder(s, t.columns, batch, steps, chunkBytes, nil)
	e := &evaluation{calls: cut(s.Len(), batch, f.most, 0, steps), feed: f}
	for i := range e.calls {
		e.calls[i].pass = framework.Stored
	}
	return e
}

// resident reports whether the split fits the buffers that there are.
func (e *evaluation) resident() bool {
	return len(e.calls) == 1 || len(e.calls) == 2 && e.calls[0].rows != e.calls[1].rows
}

func (e *evaluation) run(ctx context.Context, t *Trainer) (m pipeline.Metrics, err error) {
	if t.evaluate == nil {
		return nil, pipeline.Invalidf("source", "the model has its own train_step and no test_step, so it cannot be evaluated").
			WithHint("send the stream with a validation_rate and a test_rate of 0, or give the model a test_step")
	}
	if err := t.clear(); err != nil {
		return nil, err
	}
	use := func(c call, b *buffer) (err error) {
		if m, err = t.run(t.evaluate, b); err != nil {
			return t.blame(ctx, t.evaluate, b, c, err)
		}
		return nil
	}
	if !e.resident() {
		return m, walk(ctx, e.feed, slices.Values(e.calls), use)
	}
	for i, c := range e.calls {
		if e.held == nil || e.held[i] == nil {
			if err := e.load(ctx, i); err != nil {
				return nil, err
			}
		}
		if err := use(c, e.held[i]); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (e *evaluation) load(ctx context.Context, i int) error {
	b, err := e.feed.take(ctx, e.calls[i].rows)
	if err != nil {
		return err
	}
	if err := b.fill(ctx, e.feed.cols, e.feed.split, e.calls[i], nil); err != nil {
		return err
	}
	if e.held == nil {
		e.held = map[int]*buffer{}
	}
	e.held[i] = b
	return nil
}

func putInt32(b []byte, v int) { binary.LittleEndian.PutUint32(b, uint32(int32(v))) }
