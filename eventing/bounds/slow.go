package bounds

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Pace is the least at which a client sends its body and reads the answer: Step
// bytes, or what is left, in each Stall.
type Pace struct {
	Step  int
	Stall time.Duration
}

// Walking is the pace that every server of ours asks for: 64 KiB in 20 seconds,
// which any modem does.
var Walking = Pace{Step: 64 << 10, Stall: 20 * time.Second}

// Wrap serves requests to next, whose clients have to keep the pace: reading a body
// that comes slower gives an error that Slow tells, and a client that does not read
// its answer is cut off. Handlers may take their time between reads and writes.
func (p Pace) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			body := &pacedBody{ReadCloser: r.Body, pace: p, control: control}
			defer body.leave()
			r.Body = body
		}
		next.ServeHTTP(&pacedWriter{ResponseWriter: w, pace: p, control: control}, r)
	})
}

// errSlow is the cause of the error of a body that comes too slowly.
var errSlow = errors.New("the body comes too slowly")

// Slow reports whether err is that a body came too slowly, which answers 408.
func Slow(err error) bool { return errors.Is(err, errSlow) }

// pacedBody is a body that has to come at a pace.
type pacedBody struct {
	io.ReadCloser
	pace    Pace
	control *http.ResponseController
	step    int // bytes since the deadline was set; 0 before the first
	begun   bool
	ended   bool

	mu   sync.Mutex
	over bool // its handler has returned
}

// leave has the control left alone: after its handler there is none, and of HTTP/2
// asking it for a deadline is a panic. A proxy may still read then, of a client that
// hangs up in the middle of its body.
func (b *pacedBody) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

func (b *pacedBody) until(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		_ = b.control.SetReadDeadline(t) // a recorder in a test has none
	}
}

// Read implements io.Reader. The deadline is set anew once a step has come, so
// that single bytes do not put it off.
func (b *pacedBody) Read(p []byte) (int, error) {
	if !b.begun || b.step >= b.pace.Step {
		b.begun, b.step = true, 0
		b.until(time.Now().Add(b.pace.Stall))
	}
	n, err := b.ReadCloser.Read(p)
	b.step += n
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, b.slow(err)
	case !b.ended: // what follows on the connection has deadlines of its own
		b.ended = true
		b.until(time.Time{})
	}
	return n, err
}

func (b *pacedBody) slow(err error) error {
	return &pipeline.Error{
		Op: "read the request", Kind: pipeline.Invalid, Field: "body",
		Reason: fmt.Sprintf("comes too slowly: %d bytes within %v are the least", b.pace.Step, b.pace.Stall),
		Hint:   "send it over a better connection, or in smaller parts", Err: errors.Join(errSlow, err),
	}
}

// pacedWriter is an answer that has to be read at a pace.
type pacedWriter struct {
	http.ResponseWriter
	pace    Pace
	control *http.ResponseController
}

// Unwrap is for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *pacedWriter) Flush() { _ = w.control.Flush() } // the next write tells that the client is gone

// WriteHeader implements http.ResponseWriter: an answer without a body has its
// deadline, too, and not what is left of the one before on its connection.
func (w *pacedWriter) WriteHeader(status int) {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.pace.Stall)) // a recorder in a test has none
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *pacedWriter) Write(p []byte) (n int, err error) {
	for first := true; first || len(p) > 0; first = false {
		part := p[:min(len(p), w.pace.Step)]
		_ = w.control.SetWriteDeadline(time.Now().Add(w.pace.Stall)) // a recorder in a test has none
		m, err := w.ResponseWriter.Write(part)
		if n += m; err != nil {
			return n, err
		}
		p = p[len(part):]
	}
	return n, nil
}
