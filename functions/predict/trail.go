package predict

import (
	"context"
	"iter"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// mostFollowed bounds the records of one batch that are followed: their traces are
// linked to the span of the batch, and each gets a span for its prediction.
const mostFollowed = 16

// trail is what is traced of one batch; a nil one is of a batch that is not.
type trail struct {
	batch  trace.Span
	to     string                             // the output topic
	traces map[*stream.Record]context.Context // of the records that are followed
	sends  []trace.Span                       // of their predictions
}

// follow begins the trail of a batch of n records. Where their traces are known
// and none is sampled there is no trail; where none is known, the sampler of this
// process decides. It costs nothing but a look while traces are not exported.
func follow(ctx context.Context, job *pipeline.PredictJob, n int, records iter.Seq[*stream.Record]) *trail {
	if !tracing.On() {
		return nil
	}
	t := &trail{to: job.OutputTopic, traces: map[*stream.Record]context.Context{}}
	var links []trace.Link
	var first *stream.Record
	within := ctx // so that what was decided of the first one that is sampled holds for the batch
	known := false
	for in := range records {
		if first == nil {
			first = in
		}
		of := stream.InTrace(ctx, in.Headers)
		at := trace.SpanContextFromContext(of)
		known = known || at.IsValid()
		if !at.IsSampled() {
			continue
		}
		t.traces[in] = of
		links = append(links, trace.Link{SpanContext: at})
		if len(links) == 1 {
			within = of
		}
		if len(links) == mostFollowed {
			break
		}
	}
	if first == nil || known && links == nil {
		return nil
	}
	about := append(tracing.AboutPlace(job.InputTopic, first.Partition),
		semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess, semconv.MessagingBatchMessageCount(n))
	t.batch = tracing.StartLinked(within, "process "+job.InputTopic, trace.SpanKindConsumer, links, about...)
	return t
}

// sending begins the span of a prediction, and lets its header tell of it.
func (t *trail) sending(in, out *stream.Record) {
	if t != nil { // nothing else is done for records that are not traced, so that it is inlined
		t.send(in, out)
	}
}

func (t *trail) send(in, out *stream.Record) {
	ctx, ok := t.traces[in]
	if !ok {
		return
	}
	links := []trace.Link{{SpanContext: t.batch.SpanContext()}}
	span := tracing.StartLinked(ctx, "send "+t.to, trace.SpanKindProducer, links,
		semconv.MessagingSystemKafka, semconv.MessagingDestinationName(t.to), semconv.MessagingOperationName("send"), semconv.MessagingOperationTypeSend)
	t.sends = append(t.sends, span)
	parent, _ := tracing.Of(trace.ContextWithSpan(ctx, span))
	for i := range out.Headers {
		if stream.IsTrace(out.Headers[i].Key, tracing.Parent) {
			out.Headers[i].Value = []byte(parent)
		}
	}
}

// end ends the spans, once what was made is acknowledged or is known not to be.
func (t *trail) end(err error) {
	if t == nil {
		return
	}
	for _, span := range t.sends {
		tracing.End(span, err)
	}
	tracing.End(t.batch, err)
}

// trailKey is that of a batch's trail in its context.
type trailKey struct{}

// trailOf is the trail of a batch of the batcher.
func trailOf(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

// followItems begins the trail of a batch of the batcher.
func (w *writer) followItems(ctx context.Context, items []*batching.Item) context.Context {
	t := follow(ctx, w.job, len(items), func(yield func(*stream.Record) bool) {
		for _, it := range items {
			if it.Record != nil && !yield(it.Record) {
				return
			}
		}
	})
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, trailKey{}, t)
}
