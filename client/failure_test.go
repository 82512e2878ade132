package client

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestProblemsBecomeErrors(t *testing.T) {
	positioned := &pipeline.Error{
		Op: "register model", Kind: pipeline.Conflict, Field: "name", Reason: "is taken", Hint: "choose another",
		At: &pipeline.Position{Line: 3, Column: 4, EndLine: 3, EndColumn: 9, Guess: true},
	}
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		want   *pipeline.Error
	}{
		{"a problem document", func(w http.ResponseWriter, _ *http.Request) { door.Problem(w, positioned) }, positioned},
		{"a proxy's page", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>\nbad gateway", http.StatusBadGateway)
		}, &pipeline.Error{Kind: pipeline.Unavailable, Reason: "GET URL answered 502 Bad Gateway: <html>"}},
		{
			"nothing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
			&pipeline.Error{Kind: pipeline.NotFound, Reason: "GET URL answered 404 Not Found: no reason given"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(tc.answer)
			defer server.Close()
			_, err := New(server.URL).Models().Get(t.Context(), 1)
			var got *pipeline.Error
			if !errors.As(err, &got) {
				t.Fatalf("%v is no pipeline.Error", err)
			}
			got.Reason = strings.Replace(got.Reason, server.URL+"/model-register/models/1", "URL", 1)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Discover(t.Context(), "http://"+address, nil)
	var e *pipeline.Error
	if !errors.As(err, &e) || e.Kind != pipeline.Unavailable || e.Hint == "" {
		t.Errorf("got %v, want Unavailable with a hint", err)
	}
}

func TestCanceledIsNotUnreachable(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	defer server.Close()
	if _, err := New(server.URL).Models().Get(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// A command that meets "not now" and a broken connection is sent again under
// the same id, and its answer is that of the one effect.
func TestSendTriesAgainUnderTheSameID(t *testing.T) {
	var tries atomic.Int32
	ids := make(chan string, 8)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids <- r.Header.Get("Ce-Id")
		switch tries.Add(1) {
		case 1:
			door.Problem(w, &pipeline.Error{Kind: pipeline.Unavailable, Reason: "not now"})
		case 2:
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.Close() // what a crash looks like from outside
		default:
			answer := eventing.New(eventing.ModelDeleted, "/kafkaml/model-register", "7", map[string]int64{"id": 7})
			eventing.WriteHeader(w.Header(), answer)
			_, _ = w.Write(answer.Data())
		}
	}))
	defer server.Close()
	c := New(server.URL)
	got, err := Do[map[string]int64](t.Context(), c, c.Models().Delete(7))
	if err != nil {
		t.Fatal(err)
	}
	first, second, third := <-ids, <-ids, <-ids
	if got["id"] != 7 || first == "" || first != second || second != third {
		t.Errorf("answer %v, ids %q %q %q", got, first, second, third)
	}
}

// host:port alone is the address that people try first.
func TestDiscoverWithoutScheme(t *testing.T) {
	for base, hint := range map[string]string{
		"127.0.0.1:8080":       "write it as http://127.0.0.1:8080",
		"localhost:8080":       "write it as http://localhost:8080",
		"ftp://localhost:8080": "write it as " + DefaultBase,
		"http://":              "",
	} {
		_, err := Discover(t.Context(), base, nil)
		var refusal *pipeline.Error
		if !errors.As(err, &refusal) || refusal.Kind != pipeline.Invalid || refusal.Field != "server" || !strings.Contains(refusal.Hint, hint) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

// A server that speaks the other of HTTP and HTTPS, or whose certificate nobody
// knows, runs: starting one is no way out.
func TestDiscoverByTheWrongScheme(t *testing.T) {
	answer := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	plain, secure := httptest.NewServer(answer), httptest.NewTLSServer(answer)
	defer plain.Close()
	defer secure.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	for base, hint := range map[string]string{
		strings.Replace(plain.URL, "http:", "https:", 1):  "write " + plain.URL,
		strings.Replace(secure.URL, "https:", "http:", 1): "write " + secure.URL,
		secure.URL: "--ca or KAFKAML_CA",
	} {
		_, err := Discover(t.Context(), base, nil)
		var refusal *pipeline.Error
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Hint, hint) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func TestDiscover(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"relative", `{"functions":{"model-register":"/models-here"},"brokers":["k:9092"]}`, 200, "BASE/models-here"},
		{"absolute", `{"functions":{"model-register":"https://m.example/"}}`, 200, "https://m.example"},
		{"absent", "", 404, "BASE/model-register"},
		{"a page instead", "<html>", 200, "BASE/model-register"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			defer server.Close()
			c, err := Discover(t.Context(), server.URL+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Replace(c.FunctionURL(pipeline.StepModelRegister), server.URL, "BASE", 1); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
