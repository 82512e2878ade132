package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines is a recorder that takes deadlines, as a connection does.
type deadlines struct {
	*httptest.ResponseRecorder
	failed error // of the next write
}

func (d *deadlines) SetWriteDeadline(time.Time) error { return nil }

func (d *deadlines) Write(b []byte) (int, error) {
	if d.failed != nil {
		return 0, d.failed
	}
	return d.ResponseRecorder.Write(b)
}

func TestAQuietStreamIsKeptAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		begun := time.Now()
		err := NewStreams(1).Serve(w, httptest.NewRequest(http.MethodGet, "/", nil), "7", func(ctx context.Context, to *EventStream) error {
			time.Sleep(2*heartbeat + time.Second)
			if err := to.Send("8", "made", []byte("{}")); err != nil {
				t.Error(err)
			}
			to.mu.Lock() // as each write
			w.failed = errors.New("the client is gone")
			to.mu.Unlock()
			<-ctx.Done() // the next heartbeat finds out
			return ctx.Err()
		})
		if err != nil || time.Since(begun) != 3*heartbeat {
			t.Errorf("ended with %v after %v", err, time.Since(begun))
		}
		want := "id: 7\n\n" + strings.Repeat(": still here\n\n", 2) + "id: 8\nevent: made\ndata: {}\n\n"
		if got := w.Body.String(); got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	s, clients := NewStreams(1), 0
	serve := func(follow func(context.Context, *EventStream) error) (*deadlines, error) {
		w, r := &deadlines{ResponseRecorder: httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", nil)
		clients++
		r.RemoteAddr = fmt.Sprintf("192.0.2.%d:80", clients)
		return w, s.Serve(w, r, "0", follow)
	}
	for range 2 { // the first gives its place back
		failure := errors.New("ended by itself")
		_, err := serve(func(context.Context, *EventStream) error {
			w, err := serve(func(context.Context, *EventStream) error { return errors.New("a second stream is open") })
			if err != nil || w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "1 streams are open") {
				t.Errorf("%v, %d %s", err, w.Code, w.Body)
			}
			return failure
		})
		if !errors.Is(err, failure) {
			t.Errorf("ended with %v", err)
		}
	}
}

// However many streams a client opens, others get theirs, and a client its newest.
func TestAttackStreamsOfOneClient(t *testing.T) {
	s := NewStreams(8)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = r.Header.Get("From") + ":80"
		_ = s.Serve(w, r, "0", func(ctx context.Context, _ *EventStream) error {
			<-ctx.Done()
			return nil
		})
	}))
	t.Cleanup(server.Close) // after the streams
	open := func(from string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("From", from)
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	var greedy []*http.Response
	for range 20 {
		one := open("192.0.2.1")
		if one.StatusCode != http.StatusOK {
			t.Fatalf("status %d", one.StatusCode)
		}
		greedy = append(greedy, one)
	}
	for _, old := range greedy[:18] { // they end
		if _, err := io.ReadAll(old.Body); err != nil {
			t.Error(err)
		}
	}
	for i := range 6 {
		if got := open(fmt.Sprintf("192.0.2.%d", 2+i)); got.StatusCode != http.StatusOK {
			t.Errorf("another client: status %d", got.StatusCode)
		}
	}
	if got := open("192.0.2.99"); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("beyond all: status %d", got.StatusCode)
	}
}
