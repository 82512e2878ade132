package tracing

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"
)

// ofRecord is what KafkaSource puts before the name of a record's header.
const ofRecord = "kafkaheader"

// Received gives a context whose work belongs to the trace of e: of its extension
// (CloudEvents' distributed tracing), or of the header of the record that it
// carries. Where it tells of none, the trace of ctx stays.
func Received(ctx context.Context, e event.Event) context.Context {
	x := e.Extensions()
	for _, before := range []string{"", ofRecord} {
		parent, _ := x[before+Parent].(string)
		state, _ := x[before+State].(string)
		if known := With(context.Background(), parent, state); Known(known) {
			return With(ctx, parent, state)
		}
	}
	return ctx
}

// Mark writes the trace of ctx into e, unless e tells of one.
func Mark(ctx context.Context, e *event.Event) {
	parent, state := Of(ctx)
	if parent == "" || e.Extensions()[Parent] != nil {
		return
	}
	e.SetExtension(Parent, parent)
	if state != "" {
		e.SetExtension(State, state)
	}
}
