package predict

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
	"github.com/kafkaml/kafkaml/shared/tracing"
	"github.com/kafkaml/kafkaml/shared/tracing/tracingtest"
)

// traced is a record whose trace ends with n, sampled by flags 01.
func traced(value []byte, header string, n int, flags string) stream.Record {
	parent := fmt.Sprintf("00-%032x-b7ad6b7169203331-%s", n, flags)
	return stream.Record{Key: fmt.Append(nil, n), Value: value, Headers: []stream.Header{{Key: header, Value: []byte(parent)}, {Key: "tracestate", Value: []byte("a=1")}}}
}

// The trace of a record goes on in its prediction and its dead letter, by both
// deliveries. Where it is sampled and spans are exported, the prediction's parent
// is a span that is linked with that of the batch; else it is the record's own.
func TestTracesGoOn(t *testing.T) {
	for _, export := range []bool{false, true} {
		for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
			t.Run(fmt.Sprintf("%s, exported %v", delivery, export), func(t *testing.T) {
				c := streamtest.Cluster(t)
				job := newJob(t, c, "small", 1)
				job.Delivery = delivery
				collected := tracingtest.New(t)
				flush := func() {}
				if export {
					t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.URL)
					var err error
					if flush, err = tracing.Open(t.Context(), "test", slog.New(slog.DiscardHandler)); err != nil {
						t.Fatal(err)
					}
				}
				defer func() { flush() }()
				good := value(t, "small", codec.Float32, 2)
				sent := []stream.Record{
					traced(good, "traceparent", 1, "01"), traced(good, "ce_traceparent", 2, "01"), traced(good, "traceparent", 3, "00"),
					{Key: []byte("4"), Value: good},
					traced([]byte("bad"), "traceparent", 5, "01"),
				}
				if _, err := c.Produce(t.Context(), job.InputTopic, 0, sent); err != nil {
					t.Fatal(err)
				}
				s := start(t, c, "small", job)
				if delivery == pipeline.Direct {
					consumeUntilEnd(t, s)
				} else {
					defer dispatch(t, c, job.InputTopic, serveHTTP(t, s).URL)()
				}
				made := map[string]stream.Record{}
				for _, r := range append(await(t, c, job.OutputTopic, 4), await(t, c, job.DeadLetter, 1)...) {
					made[string(r.Key)] = r
				}
				flush()
				flush = func() {}
				for i, in := range sent {
					followed := export && i < 2
					came := headersOf(made[fmt.Sprint(i+1)])
					if len(in.Headers) == 0 {
						if came["traceparent"] != "" {
							t.Errorf("record %d got a trace: %q", i+1, came)
						}
						continue
					}
					was, is := string(in.Headers[0].Value), came[in.Headers[0].Key]
					if (is != was) != followed || len(is) != len(was) || is[:35] != was[:35] || came["tracestate"] != "a=1" {
						t.Errorf("record %d: %s became %s, %q", i+1, was, is, came)
					}
					if followed {
						spans := collected.Await(t, was[3:35], "send "+job.OutputTopic)
						if !slices.ContainsFunc(spans, func(s tracingtest.Span) bool {
							return s.Name == "send "+job.OutputTopic && is[36:52] == s.ID && s.Parent == "b7ad6b7169203331" && len(s.Links) == 1
						}) {
							t.Errorf("record %d: %s, spans %+v", i+1, is, spans)
						}
					}
				}
				for _, s := range collected.Spans() {
					if strings.HasSuffix(s.Trace, "3") && strings.Count(s.Trace, "0") == 31 || !export {
						t.Errorf("a span of what is not sampled: %+v", s)
					}
				}
			})
		}
	}
}

// BenchmarkFollow is what a batch of 64 records, with and without a trace, costs
// where spans are not exported.
func BenchmarkFollow(b *testing.B) {
	for name, r := range map[string]stream.Record{"none": {}, "traced": traced(nil, "traceparent", 1, "01")} {
		b.Run(name, func(b *testing.B) {
			records := make([]stream.Record, 64)
			for i := range records {
				records[i] = r
			}
			job := pipeline.PredictJob{}
			b.ReportAllocs()
			for b.Loop() {
				t := follow(b.Context(), &job, len(records), each(records))
				for i := range records {
					t.sending(&records[i], &records[i])
				}
				t.end(nil)
			}
		})
	}
}
