package tracing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel/trace"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/tracing/tracingtest"
)

const (
	id     = "0af7651916cd43dd8448eb211c80319c"
	parent = "00-" + id + "-b7ad6b7169203331-01"
)

func TestContext(t *testing.T) {
	cases := map[string]struct{ parent, state, wantParent, wantState string }{
		"both":                      {parent, "a=1,b=2", parent, "a=1,b=2"},
		"no state":                  {parent, "", parent, ""},
		"a state that is none":      {parent, "=;", parent, ""},
		"a state that is too long":  {parent, "a=" + strings.Repeat("x", mostState), parent, ""},
		"none":                      {"", "a=1", "", ""},
		"zeros":                     {"00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01", "", "", ""},
		"not hexadecimal":           {"00-" + strings.Repeat("g", 32) + "-b7ad6b7169203331-01", "", "", ""},
		"more than version 0 holds": {parent + "-x", "", "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ctx := With(t.Context(), c.parent, c.state)
			if p, s := Of(ctx); p != c.wantParent || s != c.wantState {
				t.Errorf("%q, %q", p, s)
			}
		})
	}
}

// An event's own trace comes before that of the header of its record, which comes
// before that of the request.
func TestReceived(t *testing.T) {
	other := strings.Replace(parent, "b7", "c8", 1)
	third := strings.Replace(parent, "b7", "d9", 1)
	ctx := With(t.Context(), third, "")
	e := event.New()
	for _, want := range []string{third, other, parent} {
		switch want {
		case other:
			e.SetExtension("kafkaheadertraceparent", other)
		case parent:
			e.SetExtension("traceparent", parent)
		}
		if got, _ := Of(Received(ctx, e)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	Mark(ctx, &e)
	if e.Extensions()["traceparent"] != parent {
		t.Error("what an event tells was written over")
	}
}

// What nobody sent a trace with gets one; what came with one keeps it. Neither is
// exported without an endpoint.
func TestBeginWithoutExport(t *testing.T) {
	flush, err := Open(t.Context(), "test", slog.New(slog.DiscardHandler))
	if err != nil || On() {
		t.Fatal(err, On())
	}
	defer flush()
	ctx, span := Begin(t.Context(), "x", trace.SpanKindServer)
	first, _ := Of(ctx)
	End(span, errors.New("x"))
	ctx, _ = Begin(t.Context(), "x", trace.SpanKindServer)
	if second, _ := Of(ctx); first == "" || first == second || !strings.HasSuffix(first, "-00") {
		t.Errorf("%q, then %q", first, second)
	}
	ctx, _ = Begin(With(t.Context(), parent, ""), "x", trace.SpanKindServer)
	if got, _ := Of(ctx); got != parent {
		t.Error(got)
	}
}

func TestLog(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(Log(slog.NewJSONHandler(&b, nil))).With("a", 1)
	log.InfoContext(With(t.Context(), parent, ""), "with")
	log.Info("without")
	var with, without map[string]any
	d := json.NewDecoder(&b)
	if err := errors.Join(d.Decode(&with), d.Decode(&without)); err != nil {
		t.Fatal(err)
	}
	if with["trace_id"] != id || with["span_id"] != "b7ad6b7169203331" || without["trace_id"] != nil {
		t.Errorf("%v, %v", with, without)
	}
}

func TestSettings(t *testing.T) {
	cases := map[string]struct {
		env   map[string]string
		on    bool
		field string
	}{
		"nothing":           {nil, false, ""},
		"common":            {map[string]string{endpointVariable: "http://c:4318"}, true, ""},
		"of traces":         {map[string]string{tracesVariable: "https://c/v1/traces"}, true, ""},
		"not by this":       {map[string]string{endpointVariable: "http://c", "OTEL_TRACES_EXPORTER": "none"}, false, ""},
		"disabled":          {map[string]string{endpointVariable: "http://c", "OTEL_SDK_DISABLED": "TRUE"}, false, ""},
		"no URL":            {map[string]string{endpointVariable: "c:4318"}, false, endpointVariable},
		"gRPC":              {map[string]string{endpointVariable: "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, "OTEL_EXPORTER_OTLP_PROTOCOL"},
		"gRPC, but traces ": {map[string]string{endpointVariable: "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, true, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			on, err := asked(func(name string) string { return c.env[name] })
			var known *pipeline.Error
			errors.As(err, &known)
			if on != c.on || (err == nil) != (c.field == "") || known != nil && (known.Field != c.field || known.Hint == "") {
				t.Errorf("%v, %v", on, err)
			}
		})
	}
}

func TestExport(t *testing.T) {
	c := tracingtest.New(t)
	t.Setenv(endpointVariable, c.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=x")
	flush, err := Open(t.Context(), "kafkaml-test", slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil || !On() {
		t.Fatal(err, On())
	}
	ctx, outer := Begin(With(t.Context(), parent, "a=1"), "outer", trace.SpanKindServer)
	_, inner := Start(ctx, "inner", trace.SpanKindInternal, AboutAttempt(3, 1)...)
	End(inner, &pipeline.Error{Kind: pipeline.Invalid, Reason: "a record holds secret"})
	End(outer, nil)
	_, silent := Begin(With(t.Context(), parent[:len(parent)-1]+"0", ""), "unsampled", trace.SpanKindServer)
	End(silent, nil)
	flush()
	spans := c.Spans()
	if len(spans) != 2 || On() {
		t.Fatalf("%+v", spans)
	}
	in, out := spans[0], spans[1]
	if out.Trace != id || out.Parent != "b7ad6b7169203331" || out.Error || in.Parent != out.ID || !in.Error || in.Service != "kafkaml-test" || in.Attributes["error.type"] != "invalid" {
		t.Errorf("%+v", spans)
	}
}

// An endpoint that is away, or does not answer, costs one line and no time.
func TestEndpointIsAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv(endpointVariable, "http://"+l.Addr().String()) // takes connections and does not answer
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "50")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "50")
	var b bytes.Buffer
	flush, err := Open(t.Context(), "test", slog.New(slog.NewTextHandler(&b, nil)))
	if err != nil {
		t.Fatal(err)
	}
	const spans = 20_000 // many times the queue
	began := time.Now()
	for range spans {
		_, span := Begin(context.Background(), "x", trace.SpanKindServer)
		End(span, nil)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d spans held the work up for %v", spans, took)
	}
	time.Sleep(300 * time.Millisecond) // several tries
	ending := time.Now()
	flush()
	if took := time.Since(ending); took > flushTime+500*time.Millisecond {
		t.Errorf("the end took %v", took)
	}
	if n := strings.Count(b.String(), "\n"); n != 1 || !strings.Contains(b.String(), "does not take them") {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
}
