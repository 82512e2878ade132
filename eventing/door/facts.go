package door

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

const (
	maxStreams  = 256              // open GET /events of one function
	streamBatch = 256              // events read at a time
	heartbeat   = 15 * time.Second // between comments on a quiet stream
	slowClient  = 10 * time.Second // a client that does not read for so long is dropped
)

// streamEvents serves the facts about the function's resources as Server-Sent
// Events: id is the sequence, event the type, data the CloudEvent in
// structured JSON. It resumes after the header Last-Event-ID or ?after=;
// without either it begins with what comes next. An event "missed" says that
// the log no longer holds all that followed: read the lists again.
// With ?facts=all come those of every function of the registry: a browser opens
// six connections to an origin, of which a page would need one a function.
func (d *door) streamEvents(w http.ResponseWriter, r *http.Request) {
	select {
	case d.streams <- struct{}{}:
		defer func() { <-d.streams }()
	default:
		Problem(w, &pipeline.Error{Kind: pipeline.Unavailable, Reason: fmt.Sprintf("%d streams are open", maxStreams), Hint: "close one"})
		return
	}
	d.endWithServer(r)
	after, err := d.resumeAfter(r)
	if err != nil {
		Problem(w, err)
		return
	}
	facts := d.f.Facts
	if r.URL.Query().Get("facts") == "all" {
		facts = []string{""}
	}
	s := &stream{w: w, c: http.NewResponseController(w), d: d, facts: facts}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Accel-Buffering", "no")
	// The position first, so that a client that is cut off at once resumes here.
	if err := s.write("id: %d\n\n", after); err != nil {
		return
	}
	d.metrics.streams.Inc()
	defer d.metrics.streams.Dec()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	stop := context.AfterFunc(d.ending, func() { cancel(http.ErrServerClosed) })
	defer stop()
	if err := s.follow(ctx, after); ctx.Err() == nil {
		d.Log.Info("stream of events ended", "error", err)
	}
}

// endWithServer lets the open streams end when their server shuts down, which
// would otherwise wait for them.
func (d *door) endWithServer(r *http.Request) {
	if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
		d.endOnce.Do(func() { s.RegisterOnShutdown(d.end) })
	}
}

// resumeAfter is the sequence number after which a stream begins.
func (d *door) resumeAfter(r *http.Request) (int64, error) {
	for _, from := range []struct{ field, value string }{
		{"Last-Event-ID", r.Header.Get("Last-Event-ID")}, {"after", r.URL.Query().Get("after")},
	} {
		if from.value == "" {
			continue
		}
		n, err := strconv.ParseInt(from.value, 10, 64)
		if err != nil || n < 0 {
			return 0, pipeline.Invalidf(from.field, "%q is not a sequence number", from.value)
		}
		return n, nil
	}
	return d.Store.LastEvent(r.Context())
}

// stream is one open GET /events.
type stream struct {
	w     http.ResponseWriter
	c     *http.ResponseController
	d     *door
	facts []string // prefixes of the types that are shown
}

// follow writes events until the context ends or the client does not read.
func (s *stream) follow(ctx context.Context, after int64) error {
	for {
		events, err := s.d.Store.Events(ctx, after, streamBatch)
		if err != nil {
			return err
		}
		if len(events) > 0 && events[0].Seq > after+1 {
			if err := s.write("event: missed\ndata: {\"after\": %d, \"first\": %d}\n\n", after, events[0].Seq); err != nil {
				return err
			}
		}
		for _, e := range events {
			after = e.Seq
			if err := s.show(e); err != nil {
				return err
			}
		}
		if len(events) == streamBatch {
			continue
		}
		if err := s.wait(ctx, after); err != nil {
			return err
		}
	}
}

// wait returns when there may be more events, and keeps the stream alive.
func (s *stream) wait(ctx context.Context, after int64) error {
	short, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	err := s.d.Store.Wait(short, after)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case short.Err() != nil:
		return s.write(": still here\n\n")
	}
	return err
}

// show writes one event if it is among those asked for.
func (s *stream) show(e registry.Stored) error {
	ours := false
	for _, p := range s.facts {
		ours = ours || strings.HasPrefix(e.Event.Type(), p)
	}
	if !ours {
		return nil
	}
	body, err := eventing.Structured(e.Event)
	if err != nil {
		return fmt.Errorf("write event %d: %w", e.Seq, err)
	}
	return s.write("id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Event.Type(), body)
}

func (s *stream) write(format string, args ...any) error {
	_ = s.c.SetWriteDeadline(time.Now().Add(slowClient)) // a recorder in a test has none
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	if err := s.c.Flush(); err != nil {
		return err
	}
	return s.c.SetWriteDeadline(time.Now().Add(2 * heartbeat))
}
