package eventing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel/trace"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// maxReply bounds the reply that an emitter reads, in bytes.
const maxReply = 1 << 20

// emitRetries is how often an emitter tries again: with emitBackoff doubling
// up to maxBackoff, about 25 seconds in all.
const (
	emitRetries = 8
	emitBackoff = 100 * time.Millisecond
	maxBackoff  = 10 * time.Second
)

// Overrides are the extensions that a SinkBinding adds to each event, from
// K_CE_OVERRIDES.
type Overrides struct {
	Extensions map[string]string `json:"extensions,omitempty"`
}

// Emitter delivers events to one sink by HTTP in binary mode. It is safe for
// use by several goroutines.
type Emitter struct {
	sink      string
	client    *http.Client
	overrides Overrides
	token     func() string // nil: none
}

// ParseOverrides reads K_CE_OVERRIDES; empty, there are none.
func ParseOverrides(text string) (o Overrides, err error) {
	if text == "" {
		return o, nil
	}
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return o, &pipeline.Error{
			Op: "read K_CE_OVERRIDES", Kind: pipeline.Invalid, Field: "K_CE_OVERRIDES", Err: err,
			Hint: `write {"extensions": {"name": "value"}}`,
		}
	}
	return o, nil
}

// NewEmitter makes an emitter to sinkURL. A nil client is one with a timeout
// of 60 seconds a try. An empty sinkURL makes an emitter that drops events.
func NewEmitter(sinkURL string, overrides Overrides, client *http.Client) *Emitter {
	if client == nil {
		client = &http.Client{Timeout: time.Minute}
	}
	return &Emitter{sink: sinkURL, client: client, overrides: overrides}
}

// EmitterFromEnv makes an emitter to K_SINK that honours K_CE_OVERRIDES.
func EmitterFromEnv(getenv func(string) string, client *http.Client) (*Emitter, error) {
	overrides, err := ParseOverrides(getenv("K_CE_OVERRIDES"))
	if err != nil {
		return nil, err
	}
	return NewEmitter(getenv("K_SINK"), overrides, client), nil
}

// TokenExtension carries a sender's token through a Broker, which passes on no
// header that is not the event's.
const TokenExtension = "kafkamltoken" // #nosec G101 -- the name of it

// As makes an emitter that shows a bearer token, which it asks for before each
// event.
func (em *Emitter) As(token func() string) *Emitter {
	as := *em
	as.token = token
	return &as
}

// Emit delivers e: nil once the sink answered 2xx. Statuses 404, 408, 409,
// 429 and 5xx and failed connections are tried again with exponential backoff;
// the error is then of kind Unavailable. Any other status is a refusal, of kind
// Invalid.
func (em *Emitter) Emit(ctx context.Context, e event.Event) error {
	_, err := em.Send(ctx, e)
	return err
}

// Send is Emit that gives the sink's reply event, nil where it sent none.
func (em *Emitter) Send(ctx context.Context, e event.Event) (*event.Event, error) {
	if em.sink == "" {
		return nil, nil
	}
	e = e.Clone() // events share their context
	ctx, span := sending(ctx, e)
	em.complete(ctx, &e)
	reply, err := em.send(ctx, e)
	tracing.End(span, err)
	return reply, err
}

func (em *Emitter) send(ctx context.Context, e event.Event) (*event.Event, error) {
	wait := emitBackoff
	for try := 0; ; try++ {
		reply, after, err := em.try(ctx, e)
		if err == nil || pipeline.KindOf(err) != pipeline.Unavailable || try == emitRetries || ctx.Err() != nil {
			return reply, err
		}
		if werr := pause(ctx, max(wait, after)); werr != nil {
			return nil, fmt.Errorf("%w (given up: %w)", err, werr)
		}
		wait = min(2*wait, maxBackoff)
	}
}

// sending begins the span of an event that is sent, but for what a training tells
// four times a second.
func sending(ctx context.Context, e event.Event) (context.Context, trace.Span) {
	if e.Type() == TrainingProgressed {
		return ctx, tracing.None
	}
	return tracing.Start(ctx, "send "+e.Type(), trace.SpanKindProducer, About(e)...)
}

// complete adds the overrides, the token and the trace.
func (em *Emitter) complete(ctx context.Context, e *event.Event) {
	for name, v := range em.overrides.Extensions {
		e.SetExtension(name, v)
	}
	if em.token != nil {
		e.SetExtension(TokenExtension, em.token())
	}
	tracing.Mark(ctx, e)
}

// try posts once. after is what the sink asked to wait before another try.
func (em *Emitter) try(ctx context.Context, e event.Event) (reply *event.Event, after time.Duration, err error) {
	req, err := NewRequest(ctx, em.sink, e)
	if err != nil {
		return nil, 0, err
	}
	if token, ok := e.Extensions()[TokenExtension].(string); ok {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	tracing.Inject(ctx, req.Header)
	res, err := em.client.Do(req)
	if err != nil {
		return nil, 0, &pipeline.Error{
			Op: "emit " + e.Type(), Kind: pipeline.Unavailable, Reason: "the sink does not answer", Err: err,
		}
	}
	defer res.Body.Close()
	body := http.MaxBytesReader(nil, res.Body, maxReply)
	if res.StatusCode/100 != 2 {
		return nil, retryAfter(res), refusal(e.Type(), res.StatusCode, body)
	}
	if res.Header.Get("Ce-Specversion") == "" && res.Header.Get("Content-Type") != event.ApplicationCloudEventsJSON {
		_, _ = io.Copy(io.Discard, body) // so that the connection is used again
		return nil, 0, nil
	}
	got, err := Read(ctx, res.Header, body)
	if err != nil {
		return nil, 0, fmt.Errorf("reply to %s: %w", e.Type(), err)
	}
	return &got, 0, nil
}

// refusal turns a status that is not 2xx into an error, with the words of the
// problem details where the sink sent some.
func refusal(typ string, status int, body io.Reader) error {
	var p struct{ Detail, Field, Hint string }
	reason := fmt.Sprintf("the sink answered %d %s", status, http.StatusText(status))
	if err := json.NewDecoder(body).Decode(&p); err == nil && p.Detail != "" {
		reason += ": " + p.Detail
	}
	kind := pipeline.Invalid
	if Retryable(status) {
		kind = pipeline.Unavailable
	}
	return &pipeline.Error{Op: "emit " + typ, Kind: kind, Field: p.Field, Reason: reason, Hint: p.Hint}
}

// Retryable reports whether a delivery that was answered with status is tried
// again, as Knative's data plane does.
func Retryable(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// retryAfter reads the header Retry-After in seconds, capped at maxBackoff.
func retryAfter(res *http.Response) time.Duration {
	s, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil || s < 0 {
		return 0
	}
	return min(time.Duration(s)*time.Second, maxBackoff)
}

// errStopped says that a wait was cut off by its context.
var errStopped = errors.New("stopped while waiting to try again")

// pause waits d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errStopped, context.Cause(ctx))
	}
}
