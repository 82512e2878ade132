// Package tracing follows a piece of work from process to process: its W3C trace
// context goes along in headers, events, rows and environments, stands in the log,
// and is exported as spans by OTLP where an endpoint is set (Open).
//
// Without an endpoint no SDK is started and no span is made. The context that comes
// in is handed on as it is, so that the traces of others do not break here.
package tracing

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The names of a trace context: of headers, of extensions of events, and, in
// capitals, of a process's environment.
const (
	Parent         = "traceparent"
	State          = "tracestate"
	ParentVariable = "TRACEPARENT"
	StateVariable  = "TRACESTATE"
)

// mostState bounds a tracestate, in bytes: what W3C asks everybody to pass on. A
// longer one is left out.
const mostState = 512

var w3c propagation.TraceContext

// None is the span of work that has none.
var None trace.Span = noop.Span{}

// With gives a context whose work belongs to the trace that parent and state tell
// of. It is ctx itself where parent is not a traceparent.
func With(ctx context.Context, parent, state string) context.Context {
	if parent == "" {
		return ctx
	}
	if len(state) > mostState {
		state = ""
	}
	return w3c.Extract(ctx, propagation.MapCarrier{Parent: parent, State: state})
}

// Of gives what With takes, empty where ctx has no trace.
func Of(ctx context.Context) (parent, state string) {
	to := propagation.MapCarrier{}
	w3c.Inject(ctx, to)
	return to[Parent], to[State]
}

// FromHeader is With of what a request or an answer says.
func FromHeader(ctx context.Context, h http.Header) context.Context {
	return With(ctx, h.Get(Parent), strings.Join(h.Values(State), ","))
}

// Inject writes the trace of ctx into a request.
func Inject(ctx context.Context, h http.Header) { w3c.Inject(ctx, propagation.HeaderCarrier(h)) }

// Environment are the variables, NAME=value, by which a process gets to know the
// trace of ctx; none where it has none.
func Environment(ctx context.Context) (variables []string) {
	parent, state := Of(ctx)
	if parent != "" {
		variables = append(variables, ParentVariable+"="+parent)
	}
	if state != "" {
		variables = append(variables, StateVariable+"="+state)
	}
	return variables
}

// Known reports whether the work of ctx belongs to a trace.
func Known(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsValid() }

// Start begins a span. Where no spans are exported it is none, and the context
// that it gives has the trace of ctx.
func Start(ctx context.Context, name string, kind trace.SpanKind, about ...attribute.KeyValue) (context.Context, trace.Span) {
	return tracer().Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(about...))
}

// StartLinked is Start of a span that is linked to others.
func StartLinked(ctx context.Context, name string, kind trace.SpanKind, links []trace.Link, about ...attribute.KeyValue) trace.Span {
	_, span := tracer().Start(ctx, name, trace.WithSpanKind(kind), trace.WithLinks(links...), trace.WithAttributes(about...))
	return span
}

// Begin is Start of what came from outside: where nobody sent a trace, it has one
// of its own, so that what comes of it can be found in the log.
func Begin(ctx context.Context, name string, kind trace.SpanKind, about ...attribute.KeyValue) (context.Context, trace.Span) {
	ctx, span := Start(ctx, name, kind, about...)
	if Known(ctx) {
		return ctx, span
	}
	var c trace.SpanContextConfig // not sampled: nobody has recorded it
	_, _ = rand.Read(c.TraceID[:])
	_, _ = rand.Read(c.SpanID[:])
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(c)), span
}

// End ends a span. Of an error it keeps the kind: the text may hold what records
// do.
func End(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(string(pipeline.KindOf(err))))
	}
	span.End()
}

// Answered ends the span of a request that was answered with a status of HTTP. It
// has failed where that is the fault of the server.
func Answered(span trace.Span, status int, err error) {
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		if status >= http.StatusBadRequest {
			span.SetAttributes(semconv.ErrorTypeKey.String(string(pipeline.KindOf(err))))
		}
	}
	span.End()
}

// AboutRequest is what spans say of a request to a route.
func AboutRequest(r *http.Request) []attribute.KeyValue {
	_, route, _ := strings.Cut(r.Pattern, " ")
	return []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(r.Method), semconv.HTTPRoute(route)}
}

// AboutAttempt is what spans say of an attempt of a training.
func AboutAttempt(result int64, attempt int) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.Int64("kafkaml.result.id", result), attribute.Int("kafkaml.result.attempt", attempt)}
}

// AboutPlace is what spans say of a partition of a topic.
func AboutPlace(topic string, partition int) []attribute.KeyValue {
	return []attribute.KeyValue{semconv.MessagingSystemKafka, semconv.MessagingDestinationName(topic), semconv.MessagingDestinationPartitionID(strconv.Itoa(partition))}
}

func tracer() trace.Tracer { return otel.Tracer("github.com/kafkaml/kafkaml") }
