package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/uuid"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Command asks one function for one effect. Its ID is the idempotency key: the
// same ID from the same source twice is one effect and the same answer, so a
// Command whose answer was lost may be sent again as it is.
type Command struct {
	Function string // whose door it is posted to
	Thing    string // "model"
	Verb     string // "register"
	Subject  int64  // id of the thing, 0 where there is none yet
	Data     any    // the form, as JSON
	ID       string // a new UUID unless given
}

// Type is the event type, as in io.kafkaml.model.register.v1.
func (m Command) Type() string { return Type(m.Thing, m.Verb) }

// Type names the event of one verb of one thing.
func Type(thing, verb string) string { return "io.kafkaml." + thing + "." + verb + ".v1" }

// Event is the CloudEvent that carries m.
func (c *Client) Event(m Command) (event.Event, error) {
	e := event.New()
	e.SetType(m.Type())
	e.SetSource(c.Source)
	e.SetID(m.ID)
	if m.ID == "" {
		e.SetID(uuid.NewString())
	}
	if m.Subject != 0 {
		e.SetSubject(strconv.FormatInt(m.Subject, 10))
	}
	data := m.Data
	if data == nil {
		data = struct{}{}
	}
	if err := e.SetData(event.ApplicationJSON, data); err != nil {
		return e, &pipeline.Error{Op: m.Thing + " " + m.Verb, Kind: pipeline.Invalid, Err: err}
	}
	return e, e.Validate()
}

// Request is the HTTP request, in CloudEvents' binary mode, that carries m.
func (c *Client) Request(ctx context.Context, m Command) (*http.Request, error) {
	e, err := c.Event(m)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", m.Thing, m.Verb, err)
	}
	req, err := eventing.NewRequest(ctx, c.FunctionURL(m.Function)+"/", e)
	if err != nil {
		return nil, &pipeline.Error{Op: m.Thing + " " + m.Verb, Kind: pipeline.Invalid, Field: "server", Err: err}
	}
	return req, nil
}

// retries are the waits before a command is sent again to a function that said
// "not now" or broke off the connection.
var retries = []time.Duration{200 * time.Millisecond, 600 * time.Millisecond, 2 * time.Second}

// Send posts m and returns the event that answers it. A refusal is a
// *pipeline.Error. Where the function is not ready or the connection breaks, m
// is sent again with the same id.
func (c *Client) Send(ctx context.Context, m Command) (event.Event, error) {
	if m.ID == "" {
		m.ID = uuid.NewString()
	}
	for _, wait := range retries {
		answer, err := c.post(ctx, m)
		if pipeline.KindOf(err) != pipeline.Unavailable || errors.Is(err, syscall.ECONNREFUSED) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(wait):
		}
	}
	return c.post(ctx, m)
}

func (c *Client) post(ctx context.Context, m Command) (event.Event, error) {
	req, err := c.Request(ctx, m)
	if err != nil {
		return event.Event{}, err
	}
	resp, err := c.send(req)
	if err != nil {
		return event.Event{}, unreachable(req, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return event.Event{}, withOp(problem(resp), m)
	}
	answer, err := eventing.Read(ctx, resp.Header, io.NopCloser(io.LimitReader(resp.Body, maxAnswer)))
	if err != nil {
		return event.Event{}, &pipeline.Error{
			Op: m.Thing + " " + m.Verb, Err: fmt.Errorf("the answer is no CloudEvent: %w", err),
			Hint: "is " + req.URL.String() + " the address of kafkaml's " + m.Function + "?",
		}
	}
	if refused(answer.Type()) {
		return answer, withOp(rejection(answer), m)
	}
	return answer, nil
}

// refused reports whether an event type is that of a refusal: "<command's type>.rejected", or
// "rejected" in the verb's place.
func refused(eventType string) bool {
	return strings.HasSuffix(eventType, ".rejected") || strings.Contains(eventType, ".rejected.v")
}

func rejection(e event.Event) error {
	var r refusal
	if err := json.Unmarshal(e.Data(), &r); err != nil {
		r.Reason = "refused, and the reason cannot be read: " + err.Error()
	}
	return r.error(pipeline.Invalid)
}

func withOp(err error, m Command) error {
	var e *pipeline.Error
	if errors.As(err, &e) && e.Op == "" {
		e.Op = m.Verb + " " + m.Thing
	}
	return err
}

// Do sends m and reads the answer's data into a T.
func Do[T any](ctx context.Context, c *Client, m Command) (T, error) {
	var v T
	answer, err := c.Send(ctx, m)
	if err != nil {
		return v, err
	}
	if err := answer.DataAs(&v); err != nil {
		return v, &pipeline.Error{Op: "read the answer to " + m.Thing + " " + m.Verb, Err: err}
	}
	return v, nil
}
