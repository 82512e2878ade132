package door

import (
	"context"
	"net/http"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel/trace"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// inTrace gives a request's context the trace that its headers tell of.
func inTrace(r *http.Request) *http.Request {
	return r.WithContext(tracing.FromHeader(r.Context(), r.Header))
}

// processing begins the span of an event, in the event's trace before that of the
// request which brought it. Progress has none: a training tells of it four times a
// second for as long as it takes.
func (d *door) processing(ctx context.Context, e event.Event) (context.Context, trace.Span) {
	ctx = tracing.Received(ctx, e)
	if e.Type() == eventing.TrainingProgressed {
		return ctx, tracing.None
	}
	what := "event" // of a type that is not handled
	if eventing.IsRecord(e) {
		what = eventing.KafkaRecord
	} else if known := d.label(e.Type()); known != "" {
		what = known
	}
	return tracing.Begin(ctx, "process "+what, trace.SpanKindConsumer, eventing.About(e)...)
}

// commanded begins the span of a command that is a REST request.
func commanded(r *http.Request, e event.Event) (context.Context, trace.Span) {
	return tracing.Begin(r.Context(), r.Pattern, trace.SpanKindServer, append(eventing.About(e), tracing.AboutRequest(r)...)...)
}
