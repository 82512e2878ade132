package door

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

const (
	maxStreams  = 256 // open GET /events of one function
	streamBatch = 256 // events read at a time
)

// streamEvents serves the facts about the function's resources as Server-Sent
// Events: id is the sequence, event the type, data the CloudEvent in
// structured JSON. It resumes after the header Last-Event-ID or ?after=;
// without either it begins with what comes next. An event "missed" says that
// the log no longer holds all that followed: read the lists again.
// With ?facts=all come those of every function of the registry: a browser opens
// six connections to an origin, of which a page would need one a function.
func (d *door) streamEvents(w http.ResponseWriter, r *http.Request) {
	after, err := d.resumeAfter(r)
	if err != nil {
		Problem(w, err)
		return
	}
	facts := d.f.Facts
	if r.URL.Query().Get("facts") == "all" {
		facts = []string{""}
	}
	err = d.streams.Serve(w, r, strconv.FormatInt(after, 10), func(ctx context.Context, to *EventStream) error {
		d.metrics.streams.Inc()
		defer d.metrics.streams.Dec()
		return d.follow(ctx, to, facts, after)
	})
	if err != nil {
		d.Log.Info("stream of events ended", "error", err)
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

// follow sends the events of types with one of the prefixes in facts until the
// context ends or the client does not read. A position that the log has not come to
// is from before a backup was restored.
func (d *door) follow(ctx context.Context, to *EventStream, facts []string, after int64) error {
	last, err := d.Store.LastEvent(ctx)
	if err != nil {
		return err
	}
	if after > last {
		if err := missed(to, after, last+1); err != nil {
			return err
		}
		after = last
	}
	for {
		events, err := d.Store.Events(ctx, after, streamBatch)
		if err != nil {
			return err
		}
		if len(events) > 0 && events[0].Seq > after+1 {
			if err := missed(to, after, events[0].Seq); err != nil {
				return err
			}
		}
		for _, e := range events {
			after = e.Seq
			if err := sendFact(to, facts, e); err != nil {
				return err
			}
		}
		if len(events) == streamBatch {
			continue
		}
		if err := d.Store.Wait(ctx, after); err != nil {
			return err
		}
	}
}

func missed(to *EventStream, after, first int64) error {
	return to.Send("", "missed", fmt.Appendf(nil, `{"after": %d, "first": %d}`, after, first))
}

// sendFact sends one event if it is among those asked for.
func sendFact(to *EventStream, facts []string, e registry.Stored) error {
	ours := func(prefix string) bool { return strings.HasPrefix(e.Event.Type(), prefix) }
	if !slices.ContainsFunc(facts, ours) {
		return nil
	}
	body, err := eventing.Structured(e.Event)
	if err != nil {
		return fmt.Errorf("write event %d: %w", e.Seq, err)
	}
	return to.Send(strconv.FormatInt(e.Seq, 10), e.Event.Type(), body)
}
