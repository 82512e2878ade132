package bounds

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Memory bounds what the bodies of requests under way take together, by the bytes
// that have come, not by those that are announced. Where it is short, the body that
// comes slowest makes room; the first that waits may go on all the same, so that
// bodies that wait for each other come to an end.
type Memory struct {
	all int64

	mu      sync.Mutex
	taken   int64
	bodies  map[*heldBody]bool
	beyond  *heldBody     // the one that goes on although there is no room
	changed chan struct{} // closed and replaced when memory is given back
}

const (
	// freeBytes of each body are not counted: small requests never wait.
	freeBytes = 64 << 10
	// youngest is how old a body is before it makes room for others.
	youngest = 2 * time.Second
	// patience bounds the wait for memory.
	patience = 20 * time.Second
)

// NewMemory is so many bytes for all bodies.
func NewMemory(all int64) *Memory {
	return &Memory{all: all, bodies: map[*heldBody]bool{}, changed: make(chan struct{})}
}

// Wrap serves requests to next, whose bodies count until it returns.
func (m *Memory) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		b := &heldBody{ReadCloser: r.Body, memory: m, request: r, control: http.NewResponseController(w), began: time.Now()}
		m.enter(b)
		defer m.release(b)
		r.Body = b
		next.ServeHTTP(w, r)
	})
}

// heldBody is a body whose bytes count.
type heldBody struct {
	io.ReadCloser
	memory  *Memory
	request *http.Request
	control *http.ResponseController
	began   time.Time

	// Of memory, whose lock guards them.
	come    int64         // bytes
	held    int64         // of them, counted
	waited  time.Duration // for memory, which is not the client's fault
	reading bool          // it waits for its client
	put     bool          // out: to make room
}

// Read implements io.Reader.
func (b *heldBody) Read(p []byte) (int, error) {
	if err := b.memory.read(b, true); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	if out := b.memory.read(b, false); out != nil {
		return n, out
	}
	if n > 0 {
		if short := b.memory.take(b, int64(n)); short != nil {
			return n, short
		}
	}
	return n, err
}

func (m *Memory) enter(b *heldBody) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bodies[b] = true
}

// release gives back what a body took.
func (m *Memory) release(b *heldBody) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.bodies, b)
	if b.held == 0 && m.beyond != b { // nobody waits for that
		return
	}
	m.taken -= b.held
	if m.beyond == b {
		m.beyond = nil
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

// read notes that a body waits for its client, or does no longer, and is an error
// where it was put out.
func (m *Memory) read(b *heldBody, begins bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.reading = begins
	switch {
	case !m.bodies[b]: // its handler has returned
		return http.ErrBodyReadAfterClose
	case !b.put:
		return nil
	}
	return &pipeline.Error{
		Op: "read the request", Kind: pipeline.Unavailable, Field: "body",
		Reason: fmt.Sprintf("%d MiB of requests are under way, and this one came slowest: it made room for others", m.all>>20),
		Hint:   "send it again in a moment, or in smaller parts", Err: errMemory,
	}
}

// take counts n bytes more of a body, and waits until there is room for them.
func (m *Memory) take(b *heldBody, n int64) error {
	began := time.Now()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		m.mu.Lock()
		if !m.bodies[b] { // nothing would give back what it took
			m.mu.Unlock()
			return http.ErrBodyReadAfterClose
		}
		want := max(0, b.come+n-freeBytes) - b.held
		if want == 0 || m.taken+want <= m.all || m.beyond == nil || m.beyond == b {
			if want > 0 && m.taken+want > m.all {
				m.beyond = b
			}
			m.taken, b.held, b.come = m.taken+want, b.held+want, b.come+n
			b.waited += time.Since(began)
			m.mu.Unlock()
			return nil
		}
		m.makeRoom(b)
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-b.request.Context().Done():
			return b.request.Context().Err()
		case <-late.C:
			return &pipeline.Error{
				Op: "read the request", Kind: pipeline.Unavailable, Field: "body",
				Reason: fmt.Sprintf("%d MiB of other requests are under way", m.all>>20), Hint: "send it again in a moment", Err: errMemory,
			}
		case <-time.After(youngest): // somebody may have become old enough
		}
	}
}

// errMemory is the cause of the errors of bodies that there is no memory for.
var errMemory = errors.New("no memory for the body")

// Short reports whether err is that there was no memory for a body, which answers 503.
func Short(err error) bool { return errors.Is(err, errMemory) }

// makeRoom puts out the body that has come slowest of those that wait for their
// clients. The caller holds the lock.
func (m *Memory) makeRoom(of *heldBody) {
	var slowest *heldBody
	least := 0.0
	for b := range m.bodies {
		age := time.Since(b.began) - b.waited
		if b == of || b.put || !b.reading || b.held == 0 || age < youngest {
			continue
		}
		if rate := float64(b.come) / age.Seconds(); slowest == nil || rate < least {
			slowest, least = b, rate
		}
	}
	if slowest != nil {
		slowest.put = true
		_ = slowest.control.SetReadDeadline(time.Now()) // its Read ends now
	}
}
