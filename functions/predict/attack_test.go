package predict

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/bounds"
)

// Requests that are announced as large, or stop when almost all of them has come,
// take no share from those that are whole.
func TestAttackSlowRequestsStopNoInference(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.Config = newServer(boundBodies(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(statusOf(err, http.StatusBadRequest))
			return
		}
		fmt.Fprint(w, len(body))
	})))
	server.Start()
	defer server.Close()
	for _, some := range []int{1, 1, 1, 1, maxBody - 1, maxBody - 1, maxBody - 1, maxBody - 1} {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", maxBody, strings.Repeat("x", some)); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for _, n := range []int{1, 1 << 10, maxBody, maxBody} {
		all.Go(func() {
			resp, err := http.Post(server.URL, "text/plain", strings.NewReader(strings.Repeat("x", n)))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != fmt.Sprint(n) {
				t.Errorf("%d bytes: status %d, %q, %v", n, resp.StatusCode, body, err)
			}
		})
	}
	all.Wait()
}

// A body that stops coming is told so before anything is done with it.
func TestAttackARequestThatStops(t *testing.T) {
	server := httptest.NewServer(boundBodies(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		api.WriteProblem(w, statusOf(err, http.StatusBadRequest), err)
	})))
	server.Config.Handler = stalling(server.Config.Handler)
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(body), "too slowly") {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
}

// stalling asks for a pace that a test can wait for.
func stalling(next http.Handler) http.Handler {
	return bounds.Pace{Step: 1, Stall: 50 * time.Millisecond}.Wrap(next)
}
