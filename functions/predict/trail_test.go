package predict

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/functions/predict/openinference"
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
				var stop func()
				if delivery == pipeline.Direct {
					stop = consumeUntilEnd(t, s)
				} else {
					stop = dispatch(t, c, job.InputTopic, serveHTTP(t, s).URL)
				}
				defer stop()
				made := map[string]stream.Record{}
				for _, r := range append(await(t, c, job.OutputTopic, 4), await(t, c, job.DeadLetter, 1)...) {
					made[string(r.Key)] = r
				}
				stop() // the last spans end after what they are about is in the log
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

// What is asked for by REST, gRPC and events has a span in the asker's trace, which
// says how it was answered; a refusal is no failure of the server.
func TestTracesOfRequests(t *testing.T) {
	const parent = "00-%032x-b7ad6b7169203331-01"
	collected := tracingtest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.URL)
	flush, err := tracing.Open(t.Context(), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	job := newJob(t, nil, "small", 0)
	server := serveHTTP(t, start(t, nil, "small", job))
	post := func(n int, path, media, body string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header = http.Header{"Content-Type": {media}, "Traceparent": {fmt.Sprintf(parent, n)}}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
	}
	path := "/v2/models/" + job.Name + "/infer"
	post(1, path, "application/json", fmt.Sprintf(`{"inputs": [{"name": %q, "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]}`, job.Export.Inputs[0].Name))
	post(2, path, "application/json", `{"inputs": []}`)
	post(3, "/", "application/cloudevents+json", `{"specversion": "1.0", "type": "`+eventing.PredictionMake+`", "source": "/test", "id": "1", "datacontenttype": "application/json", "data": {"values": [1, 2, 3]}}`)
	client := connect.NewClient[openinference.ModelInferRequest, openinference.ModelInferResponse](overHTTP2(t), server.URL+grpcService+"ModelInfer", connect.WithGRPC())
	q := connect.NewRequest(&openinference.ModelInferRequest{ModelName: job.Name})
	q.Header().Set("traceparent", fmt.Sprintf(parent, 4))
	if _, err := client.CallUnary(t.Context(), q); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a call without tensors: %v", err)
	}
	flush()
	for n, want := range map[int]tracingtest.Span{
		1: {Name: "POST /v2/models/{name}/infer", Attributes: map[string]string{"http.route": "/v2/models/{name}/infer", "http.response.status_code": "200"}},
		2: {Name: "POST /v2/models/{name}/infer", Attributes: map[string]string{"http.response.status_code": "400", "error.type": "invalid"}},
		3: {Name: "process " + eventing.PredictionMake},
		4: {Name: "inference.GRPCInferenceService/ModelInfer", Attributes: map[string]string{"rpc.system.name": "grpc", "rpc.response.status_code": "INVALID_ARGUMENT"}},
	} {
		s := collected.Await(t, fmt.Sprintf("%032x", n), want.Name)[0]
		if s.Parent != "b7ad6b7169203331" || s.Error {
			t.Errorf("%d: %+v", n, s)
		}
		for name, value := range want.Attributes {
			if s.Attributes[name] != value {
				t.Errorf("%d: %s is %q, want %q", n, name, s.Attributes[name], value)
			}
		}
	}
}
