package door

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	heartbeat  = 15 * time.Second // between comments on a quiet stream
	slowClient = 10 * time.Second // a client that does not read for so long is dropped
)

// Streams serves Server-Sent Events: no more than a number of streams at once, and
// of one client a quarter of it. Each ends when its server shuts down, which would
// otherwise wait for it.
type Streams struct {
	most    int
	mu      sync.Mutex
	open    int
	of      map[string][]*openStream // open ones, by client, the oldest first
	ending  context.Context
	end     context.CancelFunc
	endOnce sync.Once
}

// NewStreams allows so many streams at once.
func NewStreams(most int) *Streams {
	s := &Streams{most: most, of: map[string][]*openStream{}}
	s.ending, s.end = context.WithCancel(context.Background())
	return s
}

// Serve answers r with the events that follow sends, until follow returns; its
// context ends when the client goes, stops reading or the server shuts down.
// The position is sent first, so that a client that is cut off at once resumes
// there. The error is the one that follow gave before its context ended.
func (s *Streams) Serve(w http.ResponseWriter, r *http.Request, position string, follow func(ctx context.Context, to *EventStream) error) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	leave, ok := s.enter(bounds.Client(r), cancel)
	if !ok {
		Problem(w, &pipeline.Error{Kind: pipeline.Unavailable, Reason: fmt.Sprintf("%d streams are open", s.most), Hint: "close one"})
		return nil
	}
	defer leave()
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
		s.endOnce.Do(func() { server.RegisterOnShutdown(s.end) })
	}
	defer context.AfterFunc(s.ending, cancel)()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Accel-Buffering", "no")
	to := &EventStream{w: w, c: http.NewResponseController(w)}
	if to.write("id: %s\n\n", position) != nil {
		return nil // the client is gone
	}
	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	beating.Go(func() {
		defer cancel()
		to.beat(ctx)
	})
	if err := follow(ctx, to); ctx.Err() == nil {
		return err
	}
	return nil
}

// enter counts a stream of a client, which end ends, until leave is called. Of more
// than each client may have, its oldest makes room: a page that is opened anew
// comes in, whatever else its address has left open. It reports whether there is room.
func (s *Streams) enter(client string, end context.CancelFunc) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.of[client]
	if len(own) > 0 && len(own) >= max(1, s.most/4) {
		s.remove(client, own[0])
		own[0].end()
	}
	if s.open >= s.most {
		return nil, false
	}
	one := &openStream{end}
	s.open++
	s.of[client] = append(s.of[client], one)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.remove(client, one)
	}, true
}

// remove forgets a stream, unless that was done. The caller holds the lock.
func (s *Streams) remove(client string, one *openStream) {
	own := s.of[client]
	at := slices.Index(own, one)
	if at < 0 {
		return
	}
	s.open--
	if s.of[client] = slices.Delete(slices.Clone(own), at, at+1); len(own) == 1 {
		delete(s.of, client)
	}
}

// openStream is a stream by how it is ended.
type openStream struct{ end context.CancelFunc }

// EventStream is one open stream of Server-Sent Events. Its methods may be
// called by several goroutines at once.
type EventStream struct {
	mu sync.Mutex
	w  http.ResponseWriter
	c  *http.ResponseController
}

// Send sends one event: the position to resume after, none where it is empty,
// the event's name and its data, which must be one line. An error means that
// the client is gone.
func (e *EventStream) Send(position, event string, data []byte) error {
	if position != "" {
		position = "id: " + position + "\n"
	}
	return e.write("%sevent: %s\ndata: %s\n\n", position, event, data)
}

// beat keeps the connection alive until ctx ends or the client is gone.
func (e *EventStream) beat(ctx context.Context) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if e.write(": still here\n\n") != nil {
				return
			}
		}
	}
}

func (e *EventStream) write(format string, args ...any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.c.SetWriteDeadline(time.Now().Add(slowClient)) // a recorder in a test has none
	if _, err := fmt.Fprintf(e.w, format, args...); err != nil {
		return err
	}
	if err := e.c.Flush(); err != nil {
		return err
	}
	return e.c.SetWriteDeadline(time.Now().Add(2 * heartbeat))
}
