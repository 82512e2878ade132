package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/shared/tracing"
)

// Stored is an event of the outbox. Seq begins with 1 and is without gaps but
// for the oldest events, which are dropped: a reader that asks for what
// follows n and gets a first Seq above n+1 was away for too long.
type Stored struct {
	Seq   int64       `json:"seq"`
	Event event.Event `json:"event"`
}

// keptEvents is how many events are kept at least, unless they are large, dropEvery
// how many come between two drops of older ones.
const (
	keptEvents = 100_000
	dropEvery  = 1_000
)

// Emit stores an event with the changes of the transaction: both or neither.
// It gets its sequence number at the commit. An event that lacks what a
// CloudEvent must have is an error.
func (tx *Tx) Emit(e event.Event) error {
	tracing.Mark(tx.ctx, &e)
	if err := e.Validate(); err != nil {
		return fmt.Errorf("emit event: %w", err)
	}
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	tx.events = append(tx.events, string(b))
	return nil
}

// storeEvents gives the events of the transaction their numbers, and returns
// the last of them, 0 where there are no events. The
// transaction is the only writer from its begin to its commit, so the numbers
// are in the order of the commits.
func (tx *Tx) storeEvents() (last int64, err error) {
	if len(tx.events) == 0 {
		return 0, nil
	}
	last, err = tx.next("event", len(tx.events))
	if err != nil {
		return 0, err
	}
	first := last - int64(len(tx.events)) + 1
	bytes := 0
	for i, body := range tx.events {
		bytes += len(body)
		if err := tx.exec("INSERT INTO events (seq, body) VALUES (?, ?)", first+int64(i), body); err != nil {
			return 0, fmt.Errorf("store event: %w", err)
		}
	}
	if tx.pruning.events(bytes) || last/dropEvery != (first-1)/dropEvery {
		if err := tx.dropEvents(last); err != nil {
			return 0, err
		}
	}
	return last, nil
}

// Events gives the events that follow number after, in the order of their
// commits, at most limit of them (0 or less: all).
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]Stored, error) {
	found, err := Read(ctx, s, func(tx *Tx) ([]Stored, error) {
		found := []Stored{}
		statement := "SELECT seq, body FROM events WHERE seq > ? ORDER BY seq"
		if limit > 0 {
			statement += fmt.Sprintf(" LIMIT %d", limit)
		}
		err := tx.each(func(read func(...any) error) error {
			var one Stored
			var body string
			if err := read(&one.Seq, &body); err != nil {
				return err
			}
			if err := json.NewDecoder(strings.NewReader(body)).Decode(&one.Event); err != nil {
				return fmt.Errorf("decode event %d: %w", one.Seq, err)
			}
			found = append(found, one)
			return nil
		}, statement, after)
		return found, err
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return found, nil
}

// LastEvent is the number of the newest event, 0 before the first.
func (s *Store) LastEvent(ctx context.Context) (int64, error) {
	return Read(ctx, s, func(tx *Tx) (last int64, err error) {
		return last, tx.row("SELECT last FROM counters WHERE name = 'event'").Scan(&last)
	})
}

// poll is how soon an event that another process committed is seen.
const poll = 300 * time.Millisecond

// Wait returns when an event with a number above after is there, or when ctx
// ends, with its error. Events of this process wake it at once, those of
// others soon after.
func (s *Store) Wait(ctx context.Context, after int64) error {
	for {
		changed := s.Changed() // before the look, so that no commit falls between
		last, err := s.LastEvent(ctx)
		if err != nil || last > after {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Changed gives a channel that is closed when events were committed, by this
// process or another, since it was taken; now and then it is closed without.
// Take it before looking for events.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited = true
	return s.changed
}

// wake closes the channel that Changed gave. last is the number of the newest
// event known of.
func (s *Store) wake(last int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = max(s.known, last)
	s.awaited = false
	close(s.changed)
	s.changed = make(chan struct{})
}

// watch looks for the events of other processes, while somebody waits for
// them, until ctx ends. A look that fails is repeated: who waits has a context,
// and who then reads gets the error.
func (s *Store) watch(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		awaited, known := s.awaited, s.known
		s.mu.Unlock()
		if !awaited {
			continue
		}
		if last, err := s.LastEvent(ctx); err == nil && last > known {
			s.wake(last)
		}
	}
}
