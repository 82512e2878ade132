package tracing

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	endpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesVariable   = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)

// flushTime bounds how long the end of a process waits for its last spans.
const flushTime = time.Second

// retryTime is how long an endpoint that has no time is asked again to take the same
// spans, while others queue.
const retryTime = 10 * time.Second

// mostValue bounds the values of attributes, in characters, where
// OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT does not.
const mostValue = 1 << 10

var exporting atomic.Bool

// On reports whether this process exports spans.
func On() bool { return exporting.Load() }

// Open exports this process's spans as the standard OTEL_ variables of the
// environment say, under the name service unless OTEL_SERVICE_NAME gives another.
// Without an endpoint it does nothing. flush ends it. The error, which is Invalid,
// names the variable at fault.
//
// Work never waits for the endpoint: spans lie in a queue of OTEL_BSP_MAX_QUEUE_SIZE
// and are dropped where it is full.
func Open(ctx context.Context, service string, log *slog.Logger) (flush func(), err error) {
	if ok, err := asked(os.Getenv); err != nil || !ok {
		return func() {}, err
	}
	about, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName(service)), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return func() {}, &pipeline.Error{Op: "export traces", Kind: pipeline.Invalid, Field: "OTEL_RESOURCE_ATTRIBUTES", Err: err, Hint: "write name=value,name=value"}
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: retryTime, MaxElapsedTime: retryTime}))
	if err != nil {
		return func() {}, &pipeline.Error{Op: "export traces", Kind: pipeline.Invalid, Field: endpointVariable, Err: err}
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Debug("traces", "error", err) }))
	limits := sdk.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 { // unlimited, which strangers' ids need not be
		limits.AttributeValueLengthLimit = mostValue
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(&patient{SpanExporter: exporter, log: log}), sdk.WithResource(about), sdk.WithRawSpanLimits(limits))
	otel.SetTracerProvider(provider)
	exporting.Store(true)
	return func() {
		exporting.Store(false)
		otel.SetTracerProvider(noop.NewTracerProvider())
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		_ = provider.Shutdown(ctx) // an endpoint that is away has been told of
	}, nil
}

// asked reports whether the environment asks for spans by OTLP over HTTP.
func asked(getenv func(string) string) (bool, error) {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	field, at := tracesVariable, getenv(tracesVariable)
	if at == "" {
		field, at = endpointVariable, getenv(endpointVariable)
	}
	if by := getenv("OTEL_TRACES_EXPORTER"); at == "" || by != "" && by != "otlp" {
		return false, nil
	}
	if u, err := url.Parse(at); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false, pipeline.Invalidf(field, "is not the URL of a server").WithHint("write it as http://collector:4318")
	}
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if p := getenv(variable); p != "" && p != "http/protobuf" {
			return false, pipeline.Invalidf(variable, "%q is not spoken here", p).WithHint("use http/protobuf, which collectors take at port 4318")
		} else if p != "" {
			break // that of traces comes before the common one
		}
	}
	return true, nil
}

// patient is an exporter that says once that its endpoint takes no spans, and
// once that it does so again. Its calls come one after the other.
type patient struct {
	sdk.SpanExporter
	log  *slog.Logger
	lost int // spans since it was told
}

// ExportSpans implements sdk.SpanExporter.
func (p *patient) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := p.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil:
		if p.lost == 0 {
			p.log.Warn("the endpoint of traces does not take them; work goes on without", "error", err)
		}
		p.lost += len(spans)
	case p.lost > 0:
		p.log.Info("the endpoint of traces takes them again", "lost", p.lost)
		p.lost = 0
	}
	return nil
}
