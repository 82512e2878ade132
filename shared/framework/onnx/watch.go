package onnx

import (
	"sync"
	"time"

	ort "github.com/yalue/onnxruntime_go"
)

// watch ends a run that takes too long: a loop in a graph can run for ever.
type watch struct {
	options *ort.RunOptions // of the run
	timer   *time.Timer
	mu      sync.Mutex
	due     time.Time // zero while there is no run
	ended   bool
}

func newWatch() (*watch, error) {
	o, err := ort.NewRunOptions()
	if err != nil {
		return nil, err
	}
	w := &watch{options: o}
	w.timer = time.AfterFunc(time.Hour, w.expire)
	w.timer.Stop()
	return w, nil
}

// begin watches over a run.
func (w *watch) begin(deadline time.Duration) {
	w.mu.Lock()
	w.due, w.ended = time.Now().Add(deadline), false
	w.mu.Unlock()
	w.timer.Reset(deadline)
}

// end reports whether the run was too long and has been ended.
func (w *watch) end() bool {
	w.timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
	if w.ended {
		_ = w.options.UnsetTerminate() // it fails for options that are gone only
	}
	return w.ended
}

// expire ends the run. A timer that could not be stopped in time comes to the
// next run, which is not due.
func (w *watch) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.due.IsZero() && !time.Now().Before(w.due) {
		w.ended = true
		_ = w.options.Terminate() // see end
	}
}

func (w *watch) free() {
	w.timer.Stop()
	_ = w.options.Destroy() // see end
}
