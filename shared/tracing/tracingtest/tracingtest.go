// Package tracingtest is a collector that takes spans by OTLP over HTTP, as any
// collector of OpenTelemetry does, and keeps them.
package tracingtest

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is one span, its ids in hexadecimal.
type Span struct {
	Service, Name     string
	Trace, ID, Parent string
	Links             []string // traces that it is linked to
	Attributes        map[string]string
	Error             bool
}

// Collector keeps what it is sent.
type Collector struct {
	URL   string
	mu    sync.Mutex
	spans []Span
}

// New starts a collector that ends with the test.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &sent)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
			http.Error(w, "not spans", http.StatusBadRequest)
			return
		}
		c.keep(&sent)
		w.Header().Set("Content-Type", "application/x-protobuf") // of an empty answer
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *Collector) keep(sent *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range sent.GetResourceSpans() {
		service := ""
		for _, a := range from.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range from.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, spanOf(service, s))
			}
		}
	}
}

func spanOf(service string, s *spans.Span) Span {
	is := Span{
		Service: service, Name: s.GetName(), Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
		Attributes: map[string]string{}, Error: s.GetStatus().GetCode() == spans.Status_STATUS_CODE_ERROR,
	}
	for _, l := range s.GetLinks() {
		is.Links = append(is.Links, hex.EncodeToString(l.GetTraceId()))
	}
	for _, a := range s.GetAttributes() {
		is.Attributes[a.GetKey()] = a.GetValue().GetStringValue()
		if n, ok := a.GetValue().GetValue().(*common.AnyValue_IntValue); ok {
			is.Attributes[a.GetKey()] = strconv.FormatInt(n.IntValue, 10)
		}
	}
	return is
}

// Spans are those that came so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// Await waits until a trace has spans of all names, and gives its spans.
func (c *Collector) Await(t testing.TB, trace string, names ...string) (of []Span) {
	t.Helper()
	missing := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		of = nil
		have := map[string]bool{}
		for _, s := range c.Spans() {
			if s.Trace == trace {
				of, have[s.Name] = append(of, s), true
			}
		}
		missing = ""
		for _, name := range names {
			if !have[name] {
				missing = name
			}
		}
		if missing == "" {
			return of
		}
	}
	t.Fatalf("trace %s has no span %q: %+v", trace, missing, c.Spans())
	return nil
}
