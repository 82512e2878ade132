package onnx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxgraph"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/framework/rows"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	// defaultDeadline ends a call: no model that keeps up with a stream takes so
	// long for a batch.
	defaultDeadline = 10 * time.Second
	// leastPatience is how long a batch of several records may take at least.
	leastPatience = time.Second
	// patientFor is how many times longer than the last one a batch may take.
	patientFor = 20
)

// Predictor runs an ONNX graph. It may be used by any number of goroutines, each
// with a Batch of its own.
type Predictor struct {
	session  *ort.DynamicAdvancedSession
	inputs   []rows.Input
	outputs  []output
	export   []pipeline.Tensor // outputs as the export has them
	stored   []codec.Tensor
	pace     *rows.Pace
	deadline time.Duration
	usual    atomic.Int64 // nanoseconds a record that the last run took
	calls    []*call      // by the number that pace gives
}

// output is one output of the graph.
type output struct {
	name  string
	dtype codec.DType
	shape []int // of one record
	size  int   // bytes of one record, -1 where the graph leaves its shape open
}

// openPredictor verifies and loads the graph in o.Dir. A call takes at most 2,048
// records unless o says another number. One thread works on a call, its
// caller's, unless o says more.
//
// The model is run once on zeros, so that the first record does not pay for what
// the library does at the first run.
func openPredictor(o framework.PredictorOptions) (*Predictor, error) {
	p, err := loadPredictor(o)
	if err != nil {
		return nil, err
	}
	if err := p.warm(); err != nil {
		_ = p.Close()
		return nil, err
	}
	giveBack()
	return p, nil
}

// loadPredictor is openPredictor but for the first run.
func loadPredictor(o framework.PredictorOptions) (*Predictor, error) {
	p := &Predictor{export: o.Export.Outputs, stored: o.Stored, pace: rows.NewPace(o.MaxBatch), deadline: o.Deadline}
	if p.deadline <= 0 {
		p.deadline = defaultDeadline
	}
	if err := p.describe(o.Export); err != nil {
		return nil, err
	}
	if err := p.load(filepath.Join(o.Dir, onnxmodel.Model.Path), o); err != nil {
		return nil, err
	}
	return p, nil
}

// describe takes the inputs and outputs of an export.
func (p *Predictor) describe(e pipeline.Export) error {
	for _, t := range e.Inputs {
		d, err := typeOf("input", t)
		if err != nil {
			return err
		}
		p.inputs = append(p.inputs, rows.Input{Name: t.Name, DType: d, Shape: t.Shape})
	}
	for _, t := range e.Outputs {
		d, err := typeOf("output", t)
		if err != nil {
			return err
		}
		out := output{name: t.Name, dtype: d, shape: t.Shape, size: -1}
		if n := t.Elements(); n >= 0 {
			out.size = n * d.Size()
		} else if d == codec.Float16 || d == codec.BFloat16 {
			return unservable("the output %q is %s of a size that is not known", t.Name, d)
		}
		if out.size == 0 {
			return unservable("the output %q has no element", t.Name)
		}
		p.outputs = append(p.outputs, out)
	}
	return nil
}

func unservable(format string, args ...any) error {
	return &pipeline.Error{
		Op: "open model", Kind: pipeline.Invalid, Reason: "the model cannot be served as ONNX: " + fmt.Sprintf(format, args...),
		Hint: "serve it by TensorFlow",
	}
}

// typeOf is the type of a tensor that a graph can take or give.
func typeOf(what string, t pipeline.Tensor) (codec.DType, error) {
	d, err := codec.ParseDType(t.DType)
	if err == nil && d == codec.String {
		err = errors.New("text has no place in a graph of numbers")
	}
	if err != nil {
		return 0, unservable("%s %q: %v", what, t.Name, err)
	}
	return d, nil
}

// load opens the session.
func (p *Predictor) load(file string, o framework.PredictorOptions) error {
	want, err := onnxgraph.WantOf(o.Export)
	if err != nil {
		return err
	}
	model, err := os.ReadFile(file) // #nosec G304 -- below a folder of ours
	if err != nil {
		return &pipeline.Error{Op: "open model", Kind: pipeline.Internal, Reason: "the model cannot be read: " + err.Error(), Err: err}
	}
	if err := onnxgraph.Verify(model, want); err != nil {
		return err
	}
	if err := start(); err != nil {
		return err
	}
	p.session, err = open(model, want, o.Threads)
	if err != nil {
		return &pipeline.Error{Op: "open model", Kind: pipeline.Internal, Reason: "ONNX Runtime cannot load the model: " + plain(err), Hint: checkWhole, Err: err}
	}
	for range p.pace.Calls() {
		c, err := newCall(len(p.inputs))
		if err != nil {
			return errors.Join(err, p.Close())
		}
		p.calls = append(p.calls, c)
	}
	return nil
}

// open loads a graph whose calls run on their caller's thread, an operation on
// threads threads where that is above 1.
func open(model []byte, want onnxgraph.Want, threads int) (*ort.DynamicAdvancedSession, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Destroy() }()
	err = errors.Join(
		o.SetIntraOpNumThreads(max(threads, 1)),
		o.SetInterOpNumThreads(1),
		o.SetExecutionMode(ort.ExecutionModeSequential),
		o.SetLogSeverityLevel(ort.LoggingLevelFatal),                    // what goes wrong comes back as an error
		o.SetMemPattern(false),                                          // it plans for one number of records
		o.AddSessionConfigEntry("session.use_env_allocators", "1"),      // the bounded one
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"), // threads that wait take no processor
	)
	if err != nil {
		return nil, err
	}
	var inputs, outputs []string
	for _, t := range want.Inputs {
		inputs = append(inputs, t.Name)
	}
	for _, t := range want.Outputs {
		outputs = append(outputs, t.Name)
	}
	return ort.NewDynamicAdvancedSessionWithONNXData(model, inputs, outputs, o)
}

// Close frees the session. No call may be under way.
func (p *Predictor) Close() error {
	for _, c := range p.calls {
		c.free()
	}
	p.calls = nil
	return p.session.Destroy()
}

// Inputs are the graph's inputs, in order: name, type and the shape of one
// record.
func (p *Predictor) Inputs() []pipeline.Tensor { return rows.Tensors(p.inputs) }

// Outputs are the graph's outputs, in order.
func (p *Predictor) Outputs() []pipeline.Tensor { return p.export }

// Limit is how many records a batch should hold at most; see rows.Pace.
func (p *Predictor) Limit() int { return p.pace.Limit() }

// Predict runs the graph on the records [from, to), at least one, whose outputs
// then are the rows [0, to-from) of Outputs. It waits while as many calls as
// there are processors are under way: ctx ends that wait. A run that is longer
// than the deadline is ended, and the error says so.
func (b *Batch) Predict(ctx context.Context, from, to int) error {
	p := b.p
	if err := b.Within(from, to); err != nil {
		return err
	}
	number, err := p.pace.Enter(ctx)
	if err != nil {
		return err
	}
	defer p.pace.Leave(number)
	c, n := p.calls[number], to-from
	patience := p.patience(n)
	c.watch.begin(patience)
	began := time.Now()
	outputs, err := b.run(c, from, to)
	took, late := time.Since(began), c.watch.end()
	runtime.KeepAlive(b) // it owns the tensors' memory
	if err != nil {
		return p.fault(err, n, late, patience)
	}
	p.learn(n, took)
	return b.take(outputs, n)
}

// patience is how long a run of n records may take. Several are stopped soon
// after they are much slower than the last ones: each is tried again in a smaller
// batch, at last alone with the whole of the deadline, and the others of the
// batch should not wait a deadline for each time that it is halved.
func (p *Predictor) patience(n int) time.Duration {
	if n == 1 {
		return p.deadline
	}
	usual := time.Duration(p.usual.Load() * int64(n))
	return min(p.deadline, max(leastPatience, patientFor*usual))
}

// learn notes how long a run of n records took.
func (p *Predictor) learn(n int, took time.Duration) {
	p.pace.Learn(n, took)
	p.usual.Store(took.Nanoseconds() / int64(n))
}

// fault is the error of a run of n records.
func (p *Predictor) fault(err error, n int, late bool, patience time.Duration) error {
	var reason, hint string
	switch text := err.Error(); {
	case late:
		reason = fmt.Sprintf("the model was stopped after %v: it had not come to an end", patience)
		hint = "let its loops end after a number of steps that is known"
	case strings.Contains(text, "Available memory of"), strings.Contains(text, "bad_alloc"), strings.Contains(text, "llocate memory"):
		reason = fmt.Sprintf("the model asks for more memory than %d MiB", mostMemory>>20)
		hint = "make the tensors within it smaller"
	default:
		return fmt.Errorf("predict %d records: %s", n, refusal(plain(err)))
	}
	p.pace.Lower(n)
	return &pipeline.Error{Op: fmt.Sprintf("predict %d records", n), Kind: pipeline.Invalid, Reason: reason, Hint: hint, Err: err}
}

// checkWhole is what to do about a graph that is allowed, but not right.
const checkWhole = "export it again, once onnx.checker.check_model(path, full_check=True) has nothing to say against it"

// plain is the text of the library's error without where in its source it was
// made.
func plain(err error) string {
	text := strings.ToValidUTF8(strings.Join(strings.Fields(err.Error()), " "), "\uFFFD")
	if at := strings.LastIndex(text, "/onnxruntime_src/"); at >= 0 {
		if _, says, ok := strings.Cut(text[at:], ") "); ok && says != "" {
			text = says
		}
	}
	return text
}

var (
	outside = regexp.MustCompile(`indices element out of data bounds, idx=(-?\d+) must be within the inclusive range \[-\d+,(\d+)\]`)
	invalid = regexp.MustCompile(`invalid ind(?:ex|ice) found, ind(?:ex|ice) = (-?\d+)`)
)

// refusals are the indices by which a graph that a model of Keras became refuses a
// record, the largest ones of 32 bits; see onnx_ops.py of the package keras.
var refusals = map[string]string{
	fmt.Sprint(math.MaxInt32):     "an index is below 0",
	fmt.Sprint(math.MaxInt32 - 1): "an index or a range is outside of what it is taken from",
	fmt.Sprint(math.MaxInt32 - 2): "NaN is among numbers that are put into an order",
}

// refusal is what the library says of a record, in words where it is of an index.
func refusal(text string) string {
	if m := outside.FindStringSubmatch(text); m != nil {
		if said := refusals[m[1]]; said != "" {
			return said
		}
		return fmt.Sprintf("an index of %s; there are 0 to %s", m[1], m[2])
	}
	if m := invalid.FindStringSubmatch(text); m != nil {
		if said := refusals[m[1]]; said != "" {
			return said
		}
		return "an index of " + m[1] + " is out of bounds"
	}
	return text
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
	record := 0
	for i, in := range p.inputs {
		record += b.Elements(i) * in.DType.Size()
	}
	p.pace.Start(record)
	return nil
}
