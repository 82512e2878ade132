package predict

import (
	"context"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// The spans of predictions that somebody asks for: by the Open Inference Protocol
// and by prediction.make. Those of records have a trail. While traces are not
// exported they cost nothing but a look.

// asked begins the span of a request over REST.
func asked(r *http.Request) (context.Context, trace.Span) {
	if !tracing.On() {
		return r.Context(), tracing.None
	}
	return tracing.Start(tracing.FromHeader(r.Context(), r.Header), r.Pattern, trace.SpanKindServer, tracing.AboutRequest(r)...)
}

// called begins the span of a call of gRPC.
func called(ctx context.Context, method string) (context.Context, trace.Span) {
	if !tracing.On() {
		return ctx, tracing.None
	}
	if info, ok := connect.CallInfoForHandlerContext(ctx); ok {
		ctx = tracing.FromHeader(ctx, info.RequestHeader())
	}
	name := strings.TrimPrefix(grpcService, "/") + method
	return tracing.Start(ctx, name, trace.SpanKindServer, semconv.RPCSystemNameGRPC, semconv.RPCMethod(name))
}

// hungUp ends the span of a call. It has failed where that is the fault of the
// server.
func hungUp(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		code := codeOf(err)
		span.SetAttributes(semconv.RPCResponseStatusCode(strings.ToUpper(code.String())))
		if code == connect.CodeInternal || code == connect.CodeUnavailable || code == connect.CodeDeadlineExceeded {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}

// sent begins the span of a prediction.make, in the event's trace before that of the
// request which brought it.
func sent(ctx context.Context, h http.Header, e event.Event) (context.Context, trace.Span) {
	if !tracing.On() {
		return ctx, tracing.None
	}
	ctx = tracing.Received(tracing.FromHeader(ctx, h), e)
	return tracing.Start(ctx, "process "+eventing.PredictionMake, trace.SpanKindConsumer, eventing.About(e)...)
}
