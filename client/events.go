package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Fact is one event of a function's stream. Seq grows with each and resumes
// the stream.
type Fact struct {
	Seq   int64
	Event event.Event
}

// errStop ends Follow from within.
var errStop = errors.New("stop following")

// Stop is what the callback of Follow returns to end it without an error.
func Stop() error { return errStop }

// Follow calls fn for each fact of a function that comes after the sequence
// number given (-1: only those from now on), until fn returns an error or ctx
// ends. A first connection that fails is an error; one that breaks later is opened again and resumed after the last
// fact; the waits between tries grow to 5 s. opened, unless nil, is called at
// each opening, when what was read before may be old.
func (c *Client) Follow(ctx context.Context, function string, after int64, opened func() error, fn func(Fact) error) error {
	const least, most = 250 * time.Millisecond, 5 * time.Second
	wait, reached := least, false
	for {
		last, err := c.follow(ctx, function, after, func() error {
			reached = true
			return call(opened)
		}, fn)
		if last > after {
			after, wait = last, least
		}
		switch {
		case errors.Is(err, errStop):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && (!reached || !broken(err)):
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait = min(2*wait, most)
		}
	}
}

// silence is how long a stream may say nothing before it is taken for dead; a
// function says that it is there every 15 seconds.
const silence = 45 * time.Second

// awake puts off the end of a stream at each sign of life.
type awake struct {
	io.Reader
	idle *time.Timer
}

// Read implements io.Reader.
func (a awake) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	a.idle.Reset(silence)
	return n, err
}

func call(fn func() error) error {
	if fn == nil {
		return nil
	}
	return fn()
}

// broken reports whether an error is of the connection, not of the callback.
func broken(err error) bool {
	return pipeline.KindOf(err) == pipeline.Unavailable || errors.Is(err, io.ErrUnexpectedEOF)
}

func (c *Client) follow(ctx context.Context, function string, after int64, opened func() error, fn func(Fact) error) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.FunctionURL(function)+"/events", nil)
	if err != nil {
		return after, &pipeline.Error{Op: "follow " + function, Kind: pipeline.Invalid, Field: "server", Err: err}
	}
	req.Header.Set("Accept", "text/event-stream")
	if after >= 0 {
		req.Header.Set("Last-Event-ID", strconv.FormatInt(after, 10))
	}
	resp, err := c.send(req)
	if err != nil {
		return after, unreachable(req, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return after, problem(resp)
	}
	if err := opened(); err != nil {
		return after, err
	}
	idle := time.AfterFunc(silence, cancel)
	defer idle.Stop()
	return readFacts(awake{resp.Body, idle}, after, fn)
}
