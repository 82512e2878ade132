package eventing

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	idleTime   = time.Minute      // of a link that is kept
	mostAnswer = 1<<20 + maxReply // bytes of an answer, its header included
)

// links are connections that requests go over one at a time, each written and its
// answer read by the goroutine that waits for it. net/http's client has two
// goroutines for each connection: handing a request to them and its answer back
// costs more than the rest of a small request.
type links struct {
	mu    sync.Mutex
	known map[string]*endpoint // by URL
	sweep *time.Timer          // closes links that nobody uses, while there are any
}

// link is one connection.
type link struct {
	net.Conn
	left  io.LimitedReader // what an answer may still hold
	r     *bufio.Reader
	since time.Time // idle
	used  bool      // an answer has come over it
	offer bool      // of batches, in the last answer
}

func newLinks() *links { return &links{known: map[string]*endpoint{}} }

// endpoint is where a URL points.
type endpoint struct {
	url     string
	secure  bool
	address string       // host and port, to dial
	host    string       // as in the header Host
	name    string       // of the server, which its certificate shows
	target  string       // of the request line
	batch   atomic.Int32 // how many records it is sent at once; 0 where it has not offered to take batches
	idle    []*link      // the one used last at the end; the lock of its links guards them
}

func parseEndpoint(raw string) (*endpoint, error) {
	u, err := url.Parse(raw)
	if err == nil && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		err = errors.New("it is not http:// or https:// and a host")
	}
	if err != nil {
		return nil, &pipeline.Error{Op: "send event", Kind: pipeline.Invalid, Field: "sink", Err: err}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return &endpoint{
		url: raw, secure: u.Scheme == "https", address: net.JoinHostPort(u.Hostname(), port), host: u.Host, name: u.Hostname(), target: u.RequestURI(),
	}, nil
}

// post sends a request, head with what of its body stands behind the header there, and
// gives the answer's status, and the first of its body where that is no success. The
// end of ctx ends it, as does timeout.
func (l *links) post(ctx context.Context, to *endpoint, head, body []byte, timeout time.Duration) (status int, text []byte, err error) {
	deadline := time.Now().Add(timeout)
	for {
		k := l.take(to)
		if k == nil {
			if k, err = dial(ctx, to, deadline); err != nil {
				return 0, nil, err
			}
		}
		_ = k.SetDeadline(deadline) // before the end of ctx may set another
		var keep bool
		stop := context.AfterFunc(ctx, func() { _ = k.SetDeadline(time.Unix(1, 0)) })
		status, text, keep, err = k.exchange(head, body)
		if k.offer {
			to.batch.CompareAndSwap(0, firstBatch)
		}
		if ended := !stop(); !ended && keep {
			l.keep(to, k)
			return status, text, nil
		}
		_ = k.Close() // the answer is there, or the error is known
		if err == nil || !k.stale() || ctx.Err() != nil || !time.Now().Before(deadline) {
			return status, text, err
		}
		l.drop(to) // they have been idle for as long
	}
}

// exchange sends a request and reads its answer. keep says that the link may be used
// again.
func (k *link) exchange(head, body []byte) (status int, text []byte, keep bool, err error) {
	k.left.N, k.offer = mostAnswer, false
	failed := k.send(head, body)
	if failed == nil && k.accepted() {
		k.used = true
		return http.StatusOK, nil, k.r.Buffered() == 0, nil
	}
	// Also where a body was not taken whole: the answer says why.
	res, err := k.answer() //nolint:bodyclose // to close it would read it to its end, however long it is
	if err != nil {
		return 0, nil, false, errors.Join(failed, err)
	}
	if res.StatusCode >= 300 {
		const shown = 1 << 10
		text, _ = io.ReadAll(io.LimitReader(res.Body, shown))
	}
	n, err := io.Copy(io.Discard, io.LimitReader(res.Body, maxReply))
	keep = err == nil && n < maxReply && failed == nil && !res.Close && k.r.Buffered() == 0
	k.used, k.offer = true, res.StatusCode < 300 && offersBatches(res.Header.Get("Accept-Post"))
	return res.StatusCode, text, keep, nil
}

func (k *link) send(head, body []byte) error {
	if len(body) == 0 {
		_, err := k.Write(head)
		return err
	}
	_, err := (&net.Buffers{head, body}).WriteTo(k.Conn)
	return err
}

// accepted takes the answer where it is 200, has come whole and is as plain as those of
// our replicas. Any other is left for answer.
func (k *link) accepted() bool {
	const ok, blank = "HTTP/1.1 200 OK\r\n", "\r\n\r\n"
	_, _ = k.r.Peek(1) // an error comes again
	come, _ := k.r.Peek(k.r.Buffered())
	head, rest, whole := bytes.Cut(come, []byte(blank))
	if !whole || !bytes.HasPrefix(head, []byte(ok)) {
		return false
	}
	length := uint64(math.MaxUint64)
	for line := range bytes.SplitSeq(head[len(ok):], []byte("\r\n")) {
		name, value, colon := bytes.Cut(line, []byte(": "))
		switch {
		case !colon, bytes.EqualFold(name, []byte("Transfer-Encoding")), bytes.EqualFold(name, []byte("Connection")):
			return false
		case bytes.EqualFold(name, []byte("Content-Length")):
			n, err := strconv.ParseUint(string(value), 10, 31)
			if err != nil || length != math.MaxUint64 {
				return false
			}
			length = n
		case bytes.EqualFold(name, []byte("Accept-Post")):
			k.offer = offersBatches(string(value))
		}
	}
	if length > uint64(len(rest)) {
		return false
	}
	_, _ = k.r.Discard(len(head) + len(blank) + int(length)) // #nosec G115 -- it has come
	return true
}

// answer reads the header of the answer, past those that only say that it will come.
func (k *link) answer() (*http.Response, error) {
	for { // mostAnswer ends it
		res, err := http.ReadResponse(k.r, posted)
		if err != nil || res.StatusCode >= 200 {
			return res, err
		}
	}
}

var posted = &http.Request{Method: http.MethodPost} // what answers are to

// stale reports whether the sink has closed a link that was idle: not a byte of an
// answer has come.
func (k *link) stale() bool { return k.used && k.left.N == mostAnswer }

func dial(ctx context.Context, to *endpoint, deadline time.Time) (*link, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", to.address)
	if err != nil {
		return nil, err
	}
	if to.secure {
		secured := tls.Client(c, &tls.Config{ServerName: to.name, MinVersion: tls.VersionTLS12})
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c = secured
	}
	k := &link{Conn: c}
	k.left.R = c
	k.r = bufio.NewReader(&k.left)
	return k, nil
}

// endpoint is where a URL points.
func (l *links) endpoint(url string) (*endpoint, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if to := l.known[url]; to != nil {
		return to, nil
	}
	to, err := parseEndpoint(url)
	if err == nil {
		l.known[url] = to
	}
	return to, err
}

// take gives an idle link to a sink, nil where there is none.
func (l *links) take(to *endpoint) *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(to.idle)
	if n == 0 {
		return nil
	}
	k := to.idle[n-1]
	to.idle = to.idle[:n-1]
	return k
}

// keep lets others use a link.
func (l *links) keep(to *endpoint, k *link) {
	k.since = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.known[to.url]; now != nil { // it may have been forgotten in the meantime
		to = now
	}
	l.known[to.url] = to
	to.idle = append(to.idle, k)
	if l.sweep == nil {
		l.sweep = time.AfterFunc(idleTime, l.clean)
	}
}

// drop closes the idle links to a sink.
func (l *links) drop(to *endpoint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to.shut(len(to.idle))
}

// clean closes links that were idle for idleTime, and forgets sinks without any.
func (l *links) clean() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep = nil
	for url, to := range l.known {
		n := 0
		for n < len(to.idle) && time.Since(to.idle[n].since) >= idleTime {
			n++
		}
		if to.shut(n); len(to.idle) == 0 {
			delete(l.known, url)
		}
	}
	if len(l.known) > 0 {
		l.sweep = time.AfterFunc(idleTime, l.clean)
	}
}

// close closes what is idle.
func (l *links) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, to := range l.known {
		to.shut(len(to.idle))
	}
	if l.sweep != nil {
		l.sweep.Stop()
		l.sweep = nil
	}
}

// shut closes the n links that were idle for the longest.
func (to *endpoint) shut(n int) {
	for _, k := range to.idle[:n] {
		_ = k.Close() // nothing is under way
	}
	to.idle = slices.Delete(to.idle, 0, n)
}
