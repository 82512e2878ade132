package stream

import (
	"context"
	"strings"

	"github.com/kafkaml/kafkaml/shared/tracing"
)

// InTrace is tracing.With of what the headers of a record say.
func InTrace(ctx context.Context, headers []Header) context.Context {
	var parent, state string
	for i := range headers {
		switch h := &headers[i]; {
		case IsTrace(h.Key, tracing.Parent):
			parent = string(h.Value)
		case IsTrace(h.Key, tracing.State):
			state = string(h.Value)
		}
	}
	return tracing.With(ctx, parent, state)
}

// IsTrace reports whether a record's header is tracing.Parent or tracing.State,
// which name says, also as an attribute of a CloudEvent.
func IsTrace(header, name string) bool {
	const attribute = "ce_"
	switch len(header) - len(name) {
	case 0:
		return strings.EqualFold(header, name)
	case len(attribute):
		return strings.EqualFold(header[:len(attribute)], attribute) && strings.EqualFold(header[len(attribute):], name)
	}
	return false
}

// TraceHeaders tell a record's readers of the trace of ctx; none where it has none.
func TraceHeaders(ctx context.Context) (headers []Header) {
	parent, state := tracing.Of(ctx)
	if parent != "" {
		headers = append(headers, Header{Key: tracing.Parent, Value: []byte(parent)})
	}
	if state != "" {
		headers = append(headers, Header{Key: tracing.State, Value: []byte(state)})
	}
	return headers
}
