package eventing

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// counted serves HTTP and counts the connections that it gets.
func counted(t *testing.T, answer http.HandlerFunc) (s *httptest.Server, made *atomic.Int64) {
	t.Helper()
	made = new(atomic.Int64)
	s = httptest.NewUnstartedServer(answer)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, made
}

// sent posts a body over l.
func sent(ctx context.Context, t *testing.T, l *links, url, body string) (status int, text string, err error) {
	t.Helper()
	to, err := l.endpoint(url)
	if err != nil {
		t.Fatal(err)
	}
	e := New("t", "/s", "", nil)
	e.DataEncoded = []byte(body)
	head, err := appendRequest(nil, to, "ns", "", parcel{Event: e})
	if err != nil {
		t.Fatal(err)
	}
	status, answer, err := l.post(ctx, to, head, e.Data(), 10*time.Second)
	return status, string(answer), err
}

// One connection carries requests one after the other, whatever they are answered,
// and is replaced where the sink closes it.
func TestLinksAreKept(t *testing.T) {
	s, made := counted(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch string(body) {
		case "refused":
			http.Error(w, strings.Repeat("x", 5000), http.StatusTeapot)
		case "chunked":
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = w.Write(bytes.Repeat([]byte("y"), 100_000))
		}
	})
	l := newLinks()
	defer l.close()
	for _, c := range []struct {
		body   string
		status int
		text   string
	}{{"", 200, ""}, {"refused", 418, strings.Repeat("x", 1024)}, {"chunked", 200, ""}, {strings.Repeat("z", 1<<20), 200, ""}} {
		if status, text, err := sent(t.Context(), t, l, s.URL, c.body); status != c.status || text != c.text || err != nil {
			t.Errorf("%.10q: %d %q, %v", c.body, status, text, err)
		}
	}
	if n := made.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	s.CloseClientConnections()
	if status, _, err := sent(t.Context(), t, l, s.URL, "again"); status != http.StatusOK || err != nil || made.Load() != 2 {
		t.Errorf("%d, %v by connection %d", status, err, made.Load())
	}
}

// A sink whose certificate nobody vouches for gets nothing.
func TestAttackSinksOfNoAuthority(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it is sent") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer s.Close()
	var unknown *tls.CertificateVerificationError
	if _, _, err := sent(t.Context(), t, newLinks(), s.URL, "x"); !errors.As(err, &unknown) {
		t.Errorf("%v", err)
	}
}

// A delivery ends with its context, and a sink that is gone is an error.
func TestLinksEnd(t *testing.T) {
	l := newLinks()
	defer l.close()
	s, _ := counted(t, func(_ http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) == "wait" {
			<-r.Context().Done()
		}
	})
	for _, within := range []time.Duration{50 * time.Millisecond, 0, 0, 0, 0, 0} {
		if status, _, err := sent(t.Context(), t, l, s.URL, "x"); status != http.StatusOK || err != nil { // so that there is a link
			t.Fatal(status, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), within)
		began := time.Now()
		if _, _, err := sent(ctx, t, l, s.URL, "wait"); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 5*time.Second {
			t.Errorf("it ends by %v after %v", err, time.Since(began))
		}
		cancel()
	}
	s.Close()
	if _, _, err := sent(t.Context(), t, l, s.URL, "x"); err == nil {
		t.Error("nobody listens, and it was sent")
	}
	if to, _ := l.endpoint(s.URL); len(to.idle) != 0 {
		t.Errorf("kept: %v", to.idle)
	}
}

// raw answers the first request on a connection with the same bytes so many times.
// They go out together: what came later would be no more than an idle link's end.
func raw(t *testing.T, answer string, most int) string {
	t.Helper()
	n, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	go func() {
		for {
			c, err := n.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 64<<10)
				if _, err := c.Read(b); err == nil {
					if _, err := io.WriteString(c, strings.Repeat(answer, most)); err != nil {
						return
					}
				}
				_, _ = c.Read(b)
			}()
		}
	}()
	return "http://" + n.Addr().String()
}

// What a sink sends beyond its answer is not taken for the answer to the next
// record, and what has no end is not read to it.
func TestAttackAnswersOfASink(t *testing.T) {
	l := newLinks()
	defer l.close()
	for name, c := range map[string]struct {
		answer string
		times  int
		status int
	}{
		"two answers":       {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1, 200},
		"two lengths":       {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 0\r\n\r\n", 2, 0},
		"a signed length":   {"HTTP/1.1 200 OK\r\nContent-Length: +0\r\n\r\n", 2, 0},
		"it is closed":      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 1, 200},
		"both lengths":      {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 2, 200},
		"a long body":       {"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + strings.Repeat("x", 1<<20), 3, 200},
		"no end of headers": {"X: " + strings.Repeat("x", 1<<20) + "\r\n", 4, 0},
		"only 1xx":          {"HTTP/1.1 103 Early Hints\r\n\r\n", 200_000, 0},
		"no HTTP":           {"SSH-2.0-x\r\n", 1, 0},
	} {
		url := raw(t, c.answer, c.times)
		status, _, err := sent(t.Context(), t, l, url, "x")
		if status != c.status || (err == nil) != (c.status != 0) {
			t.Errorf("%s: %d, %v", name, status, err)
		}
		if to, _ := l.endpoint(url); len(to.idle) != 0 {
			t.Errorf("%s: the connection is used again", name)
		}
	}
}
