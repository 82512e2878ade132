// Package keras turns pasted Keras source into a SavedModel that can be
// trained and has been checked.
//
// The source runs in a process of its own: a warm Python zygote with TensorFlow
// and Keras imported forks one child a request, the child gives up files,
// network and processes (rlimits, Landlock, a seccomp allow list), builds the
// model, exports it into a scratch folder and ends. From the first line of the
// source on, neither what the child says nor what it leaves is believed: the
// expected files are copied after its death and the copy is verified against
// an allow list of graph operations.
package keras

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
	"golang.org/x/sync/semaphore"
)

// Bounds of one request.
const (
	maxSource = 1 << 20         // bytes of imports and source together
	maxOutput = 64 << 10        // bytes kept of what the source prints
	maxResult = 1 << 20         // bytes of the child's report
	wall      = 3 * time.Minute // of the 60 s of a processor that limits allows, on a machine that is busy
)

// Options say how a Worker runs.
type Options struct {
	Python        string        // the interpreter, 3.11 or later
	SitePackages  string        // the folder that holds tensorflow and keras
	ONNXPackages  string        // the folder that holds onnx and tf2onnx; without it no model gets an ONNX form
	StudyPackages string        // the folder that holds optuna; without it no study can be made
	Scratch       string        // where requests get their folders; a temporary folder when empty or when the worker cannot reach it
	Concurrency   int           // requests served at once, 2 when 0; together they may use a third of the memory
	Spare         int           // requests beside these, each with as much memory; all wait where there is not as much
	Memory        int64         // bytes that there are, what this process may use when 0
	Rest          time.Duration // that a source may compute nothing; restTime when 0
	Log           *slog.Logger  // slog.Default when nil
}

// Worker exports Keras models. Its methods can be called at once from many
// goroutines.
type Worker struct {
	options Options
	place   *place
	slots   chan struct{}
	limits  limits              // of a child
	memory  *semaphore.Weighted // bytes for all children
	ids     atomic.Int64
	stop    context.CancelFunc
	ended   chan struct{} // closed when the supervisor has ended

	mu      sync.Mutex
	zygote  *zygote       // nil while none is ready
	changed chan struct{} // closed and replaced when zygote or failed changes
	failed  error         // why the last zygote could not be started
}

// Start starts the warm zygote and returns when it is ready, a few seconds
// later; ctx bounds only the start. A zygote that dies is replaced until Close.
// A machine that lacks a fence is no error here: Health and Export say so.
func Start(ctx context.Context, o Options) (*Worker, error) {
	if o.Concurrency <= 0 {
		o.Concurrency = 2
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Rest == 0 {
		o.Rest = restTime
	}
	if o.Memory == 0 {
		o.Memory = memory()
	}
	place, err := newPlace(o)
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	running, stop := context.WithCancel(context.Background())
	limits := limitsFor(o.Memory, o.Concurrency)
	w := &Worker{
		options: o, place: place, slots: make(chan struct{}, o.Concurrency+o.Spare), limits: limits,
		memory: semaphore.NewWeighted(together(o.Memory, limits.Data)),
		stop:   stop, ended: make(chan struct{}), changed: make(chan struct{}),
	}
	go w.supervise(running)
	if err := w.firstReady(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("keras: start the worker: %w", err), w.Close())
	}
	return w, nil
}

// Build starts a Worker with the toolchain's Python.
func Build(ctx context.Context, log *slog.Logger) (framework.Builder, error) {
	python, packages, err := toolchain.Python()
	if err != nil {
		return nil, err
	}
	onnx, err := toolchain.ONNXPackages()
	if err != nil {
		log.Warn("models get no ONNX form, TensorFlow will serve them", "error", err)
	}
	optuna, err := toolchain.OptunaPackages()
	if err != nil {
		log.Warn("no study can be made", "error", err)
	}
	w, err := Start(ctx, Options{Spare: 1, Python: python, SitePackages: packages, ONNXPackages: onnx, StudyPackages: optuna, Log: log})
	if err != nil { // a nil *Worker would be no nil Builder
		return nil, err
	}
	return w, nil
}

// Export runs imports and then the text of s in a fenced child, verifies what it
// exports and leaves that in dir, which must be absent or empty: model/ (the
// SavedModel), keras/ (the template of a .keras file) and open.onnx, or why the
// model has no ONNX form in NoONNX of the export. What is wrong with
// the person's texts is an Invalid *pipeline.Error with field and position; a
// worker that cannot run them now is an Unavailable one. A model that was imported is
// read in place of texts.
func (w *Worker) Export(ctx context.Context, s framework.Source, dir string) (export pipeline.Export, err error) {
	if s.Saved != "" {
		return w.reopen(ctx, s, dir)
	}
	err = w.child(ctx, s, nil, func(c *done) error {
		var places *places
		if export, places, err = c.export(); err != nil {
			return err
		}
		export.Libraries = c.zygote.hello.Libraries // not the child's word
		if err := collect(c.scratch, dir, &export); err != nil {
			export = pipeline.Export{}
			return places.locate(err, c.texts)
		}
		return nil
	})
	return export, err
}

// done is a child that has ended.
type done struct {
	*job
	zygote  *zygote
	scratch string
	texts   lines
	report  report
}

// child has a child do what s and b ask for, and judge look at what it leaves
// while that is there.
func (w *Worker) child(ctx context.Context, s framework.Source, b *batch, judge func(*done) error) error {
	if err := checkTexts(s.Imports, s.Text); err != nil {
		return err
	}
	texts := lines{s.Imports, s.Text}
	asked := map[string]any{
		"imports": s.Imports, "source": s.Text, "label": map[string]any{"dtype": s.Label.DType, "shape": s.Label.Shape}, "batch": b,
		"hp": s.Values, "freeze": s.Freeze,
	}
	return w.fork(ctx, func(string) (any, error) { return asked, nil }, func(c *done, code int, err error) error {
		c.texts = texts
		if c.report, err = c.judge(ctx, code, err, texts); err != nil {
			return err
		}
		return judge(c)
	})
}

// fork has a child do what lay asks for, which may put files for it into its
// scratch folder, and judge look at how it ended and at what it leaves while
// that is there.
func (w *Worker) fork(ctx context.Context, lay func(scratch string) (any, error), judge func(c *done, code int, err error) error) error {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := w.memory.Acquire(ctx, w.limits.Data); err != nil {
		return err
	}
	defer w.memory.Release(w.limits.Data)
	z, err := w.ready(ctx)
	if err != nil {
		return unavailable(err)
	}
	if err := z.fenced(); err != nil {
		return err
	}
	scratch, err := w.place.scratch()
	if err != nil {
		return unavailable(err)
	}
	defer w.removeScratch(scratch)
	asked, err := lay(scratch)
	if err != nil {
		return err
	}
	j := &job{id: w.ids.Add(1), limits: w.limits, rest: w.options.Rest, started: make(chan int, 1), exited: make(chan int, 1)}
	code, err := j.run(ctx, z, asked, scratch)
	return judge(&done{job: j, zygote: z, scratch: scratch}, code, err)
}

func (w *Worker) removeScratch(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		w.options.Log.Warn("a scratch folder could not be removed", "error", err)
	}
}

// Close ends the zygote and what it runs, and removes the scratch folder.
func (w *Worker) Close() error {
	w.stop()
	<-w.ended
	return w.place.remove()
}

// Health is nil when source can be run now, else an Unavailable error that
// says what is missing.
func (w *Worker) Health() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.zygote == nil && w.failed != nil:
		return &pipeline.Error{Op: "check the model worker", Kind: pipeline.Unavailable, Err: w.failed}
	case w.zygote == nil:
		return &pipeline.Error{Op: "check the model worker", Kind: pipeline.Unavailable, Reason: "the worker is starting"}
	}
	return w.zygote.fenced()
}

// supervise keeps one zygote running until ctx ends.
func (w *Worker) supervise(ctx context.Context) {
	defer close(w.ended)
	delay := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
		begun := time.Now()
		z, err := startZygote(ctx, w.options, w.place)
		w.set(z, err)
		if err == nil {
			select {
			case <-z.dead:
				w.options.Log.Warn("the model worker ended and is started again", "cause", z.cause())
			case <-ctx.Done():
			}
			w.set(nil, nil)
			z.close()
		} else if ctx.Err() == nil {
			w.options.Log.Error("the model worker could not be started", "error", err)
		}
		delay = min(max(2*delay, time.Second/4), 30*time.Second)
		if time.Since(begun) > time.Minute {
			delay = 0
		}
	}
}

func (w *Worker) set(z *zygote, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.zygote, w.failed = z, err
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *Worker) state() (*zygote, <-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.zygote, w.changed, w.failed
}

// firstReady waits for the first zygote; its failure is final.
func (w *Worker) firstReady(ctx context.Context) error {
	for {
		z, changed, failed := w.state()
		if z != nil || failed != nil {
			return failed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ready waits for a zygote, through respawns.
func (w *Worker) ready(ctx context.Context) (*zygote, error) {
	for {
		z, changed, _ := w.state()
		if z != nil && !z.ended() { // else the supervisor is about to replace it
			return z, nil
		}
		select {
		case <-changed:
		case <-w.ended:
			return nil, io.ErrClosedPipe
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
