package local

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kafkaml/kafkaml/shared/platform"
)

const (
	checkStarting = 25 * time.Millisecond  // between readiness checks until a replica is ready
	checkReady    = time.Second            // and after
	startTime     = 2 * time.Minute        // for a replica to become ready
	restartFirst  = 200 * time.Millisecond // pause before a dead replica restarts; it doubles
	restartLast   = 30 * time.Second       // up to this
	steady        = 30 * time.Second       // a replica that lived longer begins with restartFirst again
	failuresShown = 3                      // failures in a row before Status reports why
)

// replica keeps one predict process running.
type replica struct {
	s      *service
	spec   platform.Service
	number int
	cancel context.CancelFunc
	ready  chan struct{} // closed when it is ready for the first time
	done   chan struct{} // closed when it has ended for good

	mu       sync.Mutex
	url      string
	up       bool
	was      bool // ready before
	leaving  bool
	held     int // requests that it is to answer
	failures int
	reason   string
	waits    string // why it is not ready, though it was: what it said first
}

// leave sends the replica no more requests, lets it drain and ends it. Those that
// were sent to it already are answered first, if that takes no longer than the
// grace: one that has been sent need not have arrived.
func (r *replica) leave() {
	r.mu.Lock()
	r.leaving, r.up = true, false
	held := r.held
	r.mu.Unlock()
	if held == 0 {
		r.cancel()
		return
	}
	time.AfterFunc(r.s.l.c.Grace, r.cancel)
}

// hold gives the URL of a replica that is ready, which then does not end before
// release.
func (r *replica) hold() (url string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.up {
		return "", false
	}
	r.held++
	return r.url, true
}

// release ends a hold.
func (r *replica) release() {
	r.mu.Lock()
	r.held--
	last := r.leaving && r.held == 0
	r.mu.Unlock()
	if last {
		r.cancel()
	}
}

// state returns where the replica serves, whether it is ready, and why it keeps
// failing.
func (r *replica) state() (url string, ready bool, failed string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures >= failuresShown {
		failed = r.reason
	}
	return r.url, r.up, failed
}

// waitsFor is why the replica is not ready any more; empty where it is, or never was.
func (r *replica) waitsFor() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waits
}

// supervise restarts the process whenever it ends, until ctx ends.
func (r *replica) supervise(ctx context.Context) {
	wait := restartFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := r.runOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > steady {
			wait = restartFirst
			r.failed(nil)
		}
		r.failed(err)
		r.s.l.c.Log.Warn("a replica ended and will be restarted", "service", r.spec.Name, "replica", r.number, "error", err, "after", wait)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
		wait = min(2*wait, restartLast)
	}
}

// failed counts one more failure in a row; nil resets the count.
func (r *replica) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up = false
	if err == nil {
		r.failures = 0
		return
	}
	r.failures++
	r.reason = err.Error()
}

// runOnce starts the process, and returns when and why it has ended.
func (r *replica) runOnce(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	path := filepath.Join(r.s.l.c.Dir, serviceLogs, fmt.Sprintf("%s-%d.log", r.spec.Name, r.number))
	marker := filepath.Join(r.s.l.suspects(r.spec.Name), strconv.Itoa(r.number))
	if err := os.MkdirAll(filepath.Dir(marker), 0o750); err != nil {
		return err
	}
	env := append(slices.Clip(r.spec.Env), "PORT="+strconv.Itoa(port), "LISTEN_ADDRESS="+address, platform.SuspectsVariable+"="+marker)
	p, err := r.s.l.startProcess(work{framework: r.spec.Spec.Framework, verb: "predict", variable: platform.PredictVariable, spec: r.spec.Spec, env: env}, path)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.url = "http://" + address
	r.mu.Unlock()
	watch, stop := context.WithCancel(ctx)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		r.watch(watch, p)
	}()
	select {
	case <-p.done:
	case <-ctx.Done():
		r.down()
		p.end(context.Background(), r.s.l.c.Grace)
	}
	stop()
	<-watching
	r.down()
	if ctx.Err() != nil || p.killed() { // not by what it predicted
		_ = os.Remove(marker) // where it is missing, nothing was predicted
	}
	if ok, reason, _ := p.verdict(); !ok {
		if said, _ := p.said(); said.Hint != "" {
			reason += " (" + said.Hint + ")"
		}
		return fmt.Errorf("%s", reason)
	}
	return fmt.Errorf("the process ended")
}

func (r *replica) down() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up = false
}

// watch checks the readiness of the process and kills it if it is not ready for
// startTime.
func (r *replica) watch(ctx context.Context, p *process) {
	deadline := time.Now().Add(startTime)
	every := checkStarting
	t := time.NewTimer(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.done:
			return
		case <-t.C:
		}
		if r.check(ctx) {
			every = checkReady
			deadline = time.Now().Add(startTime)
		} else if time.Now().After(deadline) {
			p.signal(syscall.SIGKILL)
			return
		}
		t.Reset(every)
	}
}

// check asks the process once whether it is ready.
func (r *replica) check(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/health/readiness", nil)
	if err != nil {
		return false
	}
	res, err := r.s.l.http.Do(req)
	ready, why := err == nil && res.StatusCode/100 == 2, "its replica does not answer"
	if err == nil {
		if !ready {
			why = detailOf(res.Body)
		}
		_ = res.Body.Close()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up = ready && !r.leaving
	if !r.up && r.was && r.waits == "" {
		r.waits = why
	}
	if r.up {
		r.failures, r.waits = 0, ""
		if !r.was {
			r.was = true
			close(r.ready)
		}
	}
	return ready
}

// detailOf is what problem details say, up to 300 bytes.
func detailOf(body io.Reader) string {
	var problem struct {
		Detail string `json:"detail"`
	}
	_ = json.NewDecoder(io.LimitReader(body, 4<<10)).Decode(&problem) // of a process that is not believed
	return strings.ToValidUTF8(problem.Detail[:min(len(problem.Detail), 300)], "")
}

// freePort returns a port that is free now. If another process takes it before the
// child does, the child ends and is restarted on another.
func freePort() (int, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0") // it does not wait
	if err != nil {
		return 0, fmt.Errorf("find a port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
