package bounds

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// begin sends the head of a POST of so many bytes, and some of them.
func begin(t *testing.T, address string, length, some int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", length, strings.Repeat("x", some)); err != nil {
		t.Fatal(err)
	}
	return c
}

// answered is the status of what comes on a connection.
func answered(t *testing.T, c net.Conn) int {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// reads answers with how the reading of a body went.
func reads(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(io.Discard, r.Body)
	switch {
	case Slow(err):
		w.WriteHeader(http.StatusRequestTimeout)
	case pipeline.KindOf(err) == pipeline.Unavailable:
		w.WriteHeader(http.StatusServiceUnavailable)
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	}
}

// Bodies that stop coming are ended, those that come byte by byte too; whoever
// keeps the pace is served, though the handler takes longer than a stall.
func TestAttackSlowBodies(t *testing.T) {
	pace := Pace{Step: 1 << 10, Stall: 300 * time.Millisecond}
	server := httptest.NewServer(pace.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads(w, r)
		if r.ContentLength == 2 {
			select { // a deadline that is left would end it
			case <-r.Context().Done():
				w.WriteHeader(http.StatusTeapot)
			case <-time.After(2 * pace.Stall):
			}
		}
	})))
	defer server.Close()
	address := server.Listener.Addr().String()
	var all sync.WaitGroup
	for range 50 {
		c := begin(t, address, 1<<20, 1)
		all.Go(func() {
			if got := answered(t, c); got != http.StatusRequestTimeout {
				t.Errorf("a body that stopped: %d", got)
			}
		})
	}
	trickle := begin(t, address, 1<<20, 1)
	all.Go(func() {
		for { // until the server ends it
			if _, err := trickle.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	all.Go(func() {
		if got := answered(t, trickle); got != http.StatusRequestTimeout {
			t.Errorf("a body that trickles: %d", got)
		}
		_ = trickle.Close()
	})
	all.Go(func() {
		if got := answered(t, begin(t, address, 2, 2)); got != http.StatusOK {
			t.Errorf("a body that came: %d", got)
		}
	})
	all.Wait()
}

// A client that does not read its answer does not keep the handler.
func TestAttackAClientThatDoesNotRead(t *testing.T) {
	ended := make(chan error, 1)
	server := httptest.NewServer(Pace{Step: 64 << 10, Stall: 200 * time.Millisecond}.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				ended <- err
				return
			}
		}
	})))
	defer server.Close()
	begin(t, server.Listener.Addr().String(), 0, 0)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the handler still writes")
	}
}

// Bodies that were announced, or that stopped when almost all of them had come, do
// not stand in the way of one that comes; what stands in its way is put out.
func TestAttackSlowBodiesDoNotHoldTheMemory(t *testing.T) {
	const most = 1 << 20
	memory := NewMemory(2 * most)
	server := httptest.NewServer(Walking.Wrap(memory.Wrap(http.HandlerFunc(reads))))
	defer server.Close()
	address := server.Listener.Addr().String()
	var slow []net.Conn
	for range 4 {
		slow = append(slow, begin(t, address, most, most-1))
	}
	for _, c := range []int{most, most, most} {
		resp, err := http.Post(server.URL, "text/plain", strings.NewReader(strings.Repeat("x", c)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("an honest body: %d", resp.StatusCode)
		}
	}
	for _, c := range slow { // whoever was not put out may still end
		if _, err := c.Write([]byte("x")); err == nil {
			if got := answered(t, c); got != http.StatusOK && got != http.StatusServiceUnavailable {
				t.Errorf("a slow one: %d", got)
			}
		}
	}
}

// Many large bodies at once wait for each other, and all of them are served.
func TestLargeBodiesTakeTurns(t *testing.T) {
	memory := NewMemory(1 << 20)
	server := httptest.NewServer(Walking.Wrap(memory.Wrap(http.HandlerFunc(reads))))
	defer server.Close()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			resp, err := http.Post(server.URL, "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	all.Wait()
	memory.mu.Lock()
	defer memory.mu.Unlock()
	if memory.taken != 0 || len(memory.bodies) != 0 || memory.beyond != nil {
		t.Errorf("%d bytes of %d bodies are left", memory.taken, len(memory.bodies))
	}
}

// Connections are bounded for all and for each address, until they are closed.
func TestAttackManyConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := listen(inner, 3, 2)
	server := &http.Server{Handler: http.HandlerFunc(reads)}
	defer server.Close()
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	address := inner.Addr().String()
	first, second := begin(t, address, 0, 0), begin(t, address, 0, 0)
	if a, b := answered(t, first), answered(t, second); a != http.StatusOK || b != http.StatusOK {
		t.Errorf("two: %d %d", a, b)
	}
	third, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if n, err := third.Read(make([]byte, 1)); err == nil {
		t.Errorf("a third connection of an address gives %d bytes", n)
	}
	_ = first.Close()
	for { // until the server has seen it
		c := begin(t, address, 0, 0)
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
			resp.Body.Close()
			break
		}
	}
}

// TestAnswersOfAConnectionHaveDeadlinesOfTheirOwn holds that an answer without a
// body is not late by the deadline of the one before on its connection.
func TestAnswersOfAConnectionHaveDeadlinesOfTheirOwn(t *testing.T) {
	pace := Pace{Step: 1 << 10, Stall: time.Second}
	server := httptest.NewServer(pace.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/later" {
			<-time.After(2 * pace.Stall) // past the first answer's deadline
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = w.Write([]byte("first"))
	})))
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	for _, path := range []string{"/first", "/later"} {
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Fatal(err)
		}
	}
}

// A proxy may read a body on when its handler has returned, as of a client that has
// hung up: that is an error, takes no memory, and ends nothing else.
func TestAttackHangUpInTheMiddleOfABody(t *testing.T) {
	memory := NewMemory(1 << 20)
	read := make(chan error)
	server := httptest.NewUnstartedServer(Walking.Wrap(memory.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun := make(chan struct{})
		go func() {
			_, err := io.ReadFull(r.Body, make([]byte, 1))
			close(begun)
			if err == nil {
				_, err = io.Copy(io.Discard, r.Body)
			}
			read <- err
		}()
		<-begun
	}))))
	server.Config.Protocols = &http.Protocols{}
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	for range 20 {
		body, more := io.Pipe()
		go more.Write([]byte("x")) //nolint:errcheck // the body is closed below
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if err := <-read; err == nil {
			t.Error("a body whose handler has returned was read to its end")
		}
		more.Close()
	}
	late := &heldBody{ReadCloser: io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<18))), memory: memory}
	if n, err := io.Copy(io.Discard, late); n > 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("%d bytes of a body that is over, %v", n, err)
	}
	if memory.taken != 0 || len(memory.bodies) > 0 {
		t.Errorf("%d bytes of %d bodies are held", memory.taken, len(memory.bodies))
	}
}
