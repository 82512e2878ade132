package registry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

func TestEventsAreReadBack(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		want := fact("1")
		want.SetExtension("deploymentid", "7")
		if err := want.SetData(event.ApplicationJSON, map[string]any{"name": "mnist", "html": "<b>"}); err != nil {
			t.Fatal(err)
		}
		do(t, s, func(tx *registry.Tx) error { return errors.Join(tx.Emit(want), tx.Emit(fact("2"))) })
		got, err := s.Events(t.Context(), 0, 0)
		if err != nil || len(got) != 2 {
			t.Fatalf("got %v, %v", got, err)
		}
		if got[0].Seq != 1 || got[0].Event.String() != want.String() || got[1].Seq != 2 || got[1].Event.Subject() != "2" {
			t.Errorf("got %v, want %v", got, want)
		}
		if got, err := s.Events(t.Context(), 1, 1); err != nil || len(got) != 1 || got[0].Seq != 2 {
			t.Errorf("after 1: %v, %v", got, err)
		}
		if got, err := s.Events(t.Context(), 2, 0); err != nil || len(got) != 0 {
			t.Errorf("after the last: %v, %v", got, err)
		}
	})
}

func TestChangeAndEventAreBothOrNeither(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		for name, c := range map[string]struct {
			emit func(tx *registry.Tx) error
			want string
		}{
			"fn fails":            {func(tx *registry.Tx) error { return errors.Join(tx.Emit(fact("1")), errors.New("given up")) }, "given up"},
			"event is incomplete": {func(tx *registry.Tx) error { return tx.Emit(event.New()) }, "emit event: "},
		} {
			err := s.Do(t.Context(), func(tx *registry.Tx) error {
				if err := tx.CreateModel(&pipeline.Model{Name: name}); err != nil {
					return err
				}
				return c.emit(tx)
			})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
		if err := register(t.Context(), s, "kept"); err != nil {
			t.Fatal(err)
		}
		got, err := s.Events(t.Context(), 0, 0)
		if err != nil || len(got) != 1 || got[0].Seq != 1 || got[0].Event.Subject() != "kept" {
			t.Errorf("the outbox has %v, %v", got, err)
		}
		err = view(t, s, func(tx *registry.Tx) error {
			page, err := tx.Models(registry.Query{})
			if len(page.Items) != 1 || page.Items[0].ID != 1 {
				t.Errorf("models are %+v", page.Items)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestReadersMissNoEvent has several stores, as several processes have, commit
// at the same time, transactions long and short, some of them rolled back,
// while a reader resumes again and again after the last event it saw.
func TestReadersMissNoEvent(t *testing.T) {
	const stores, writersEach, each = 3, 3, 15
	contract(t, func(t *testing.T, url string) {
		reader := open(t, url)
		var writers sync.WaitGroup
		for range stores {
			s := open(t, url)
			for w := range writersEach {
				writers.Go(func() { emitMany(t, s, w, each) })
			}
		}
		const all = stores * writersEach * each * 3 / 2 // one and two events in turn
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		var last int64
		for last < all-stores*writersEach { // an odd number of turns ends with one event
			if err := reader.Wait(ctx, last); err != nil {
				t.Fatal(err)
			}
			got, err := reader.Events(ctx, last, 7)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got {
				if e.Seq != last+1 {
					t.Fatalf("event %d follows event %d", e.Seq, last)
				}
				last = e.Seq
			}
		}
		writers.Wait()
		if total, err := reader.LastEvent(ctx); err != nil || total < last {
			t.Errorf("%d events, %v", total, err)
		}
	})
}

func emitMany(t *testing.T, s *registry.Store, writer, times int) {
	for i := range times {
		err := s.Do(t.Context(), func(tx *registry.Tx) error {
			for n := range 1 + i%2 {
				if err := tx.Emit(fact(fmt.Sprint(writer, "/", i, "/", n))); err != nil {
					return err
				}
			}
			if _, err := tx.Models(registry.Query{}); i%3 == 0 { // longer
				return err
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if i%4 == 0 {
			_ = s.Do(t.Context(), func(tx *registry.Tx) error {
				return errors.Join(tx.Emit(fact("rolled back")), errors.New("roll back"))
			})
		}
	}
}

func TestWaitWakes(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		mine, other := open(t, url), open(t, url)
		for name, s := range map[string]*registry.Store{"this process": mine, "another process": other} {
			last, err := mine.LastEvent(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			woken := make(chan error, 1)
			go func() { woken <- mine.Wait(t.Context(), last) }()
			if err := register(t.Context(), s, name); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-woken:
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			case <-time.After(2 * time.Minute):
				t.Errorf("an event of %s did not wake", name)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := mine.Wait(ctx, 99); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for what does not come: %v", err)
		}
	})
}

func TestCommandsAreAnsweredOnce(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		run := func(who, source, id, answer string) (got string) {
			do(t, s, func(tx *registry.Tx) error {
				key := registry.CommandKey{Principal: who, Source: source, ID: id}
				first, seen, err := tx.Command(key)
				if err != nil {
					return err
				}
				if got = string(first.Answer); !seen {
					got = answer
					return tx.AnswerCommand(key, registry.Answered{Answer: []byte(answer)})
				}
				return nil
			})
			return got
		}
		for _, c := range []struct{ who, source, id, answer, want string }{
			{"alice", "cli", "1", "a", "a"},
			{"alice", "cli", "1", "b", "a"},
			{"alice", "ui", "1", "c", "c"},
			{"bob", "cli", "1", "e", "e"},
			{"alice", "cli", "2", "\x00\xff", "\x00\xff"},
			{"alice", "cli", "2", "", "\x00\xff"},
			{"alice", "cli", "3", "", ""},
			{"alice", "cli", "3", "d", ""},
		} {
			if got := run(c.who, c.source, c.id, c.answer); got != c.want {
				t.Errorf("command %s of %s is answered %q, want %q", c.id, c.source, got, c.want)
			}
		}
		do(t, s, func(tx *registry.Tx) error {
			return tx.AnswerCommand(registry.CommandKey{Principal: "alice", Source: "cli", ID: "1"}, registry.Answered{Answer: []byte("later")})
		})
		if got := run("alice", "cli", "1", ""); got != "a" {
			t.Errorf("the first answer was replaced by %q", got)
		}
	})
}

// cli is the key of a command that one principal sends from one source.
func cli(id string) registry.CommandKey {
	return registry.CommandKey{Principal: "anonymous", Source: "cli", ID: id}
}

func TestTheSameCommandAtTheSameTime(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		var effects sync.Map
		var senders sync.WaitGroup
		for i := range 6 {
			s := open(t, url)
			senders.Go(func() {
				err := s.Do(t.Context(), func(tx *registry.Tx) error {
					answer, seen, err := tx.Command(cli("same"))
					if err != nil || seen {
						effects.Store(string(answer.Answer), true)
						return err
					}
					m := pipeline.Model{Name: fmt.Sprint("model ", i)}
					if err := tx.CreateModel(&m); err != nil {
						return err
					}
					effects.Store(m.Name, true)
					return tx.AnswerCommand(cli("same"), registry.Answered{Answer: []byte(m.Name)})
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		senders.Wait()
		answers := 0
		effects.Range(func(any, any) bool { answers++; return true })
		if answers != 1 {
			t.Errorf("%d different answers to one command", answers)
		}
	})
}

func TestOldEventsAndAnswersAreDropped(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		for _, name := range []string{"1", "2"} {
			if err := register(t.Context(), s, name); err != nil {
				t.Fatal(err)
			}
		}
		do(t, s, func(tx *registry.Tx) error {
			return tx.AnswerCommand(cli("old"), registry.Answered{Answer: []byte("a")})
		})
		statement(t, url, "UPDATE commands SET created = created - 8 * 24 * 3600")
		statement(t, url, "UPDATE counters SET last = 100999 WHERE name = 'event'")
		statement(t, url, "UPDATE events SET seq = 1001 WHERE seq = 2")
		if err := register(t.Context(), s, "3"); err != nil {
			t.Fatal(err)
		}
		got, err := s.Events(t.Context(), 0, 0)
		if err != nil || len(got) != 2 || got[0].Seq != 1001 || got[1].Seq != 101_000 {
			t.Errorf("kept %v, %v", got, err)
		}
		do(t, s, func(tx *registry.Tx) error {
			if err := tx.AnswerCommand(cli("new"), registry.Answered{Answer: []byte("b")}); err != nil {
				return err
			}
			_, old, err := tx.Command(cli("old"))
			_, fresh, freshErr := tx.Command(cli("new"))
			if old || !fresh {
				t.Errorf("the old answer is kept: %v, the new one: %v", old, fresh)
			}
			return errors.Join(err, freshErr)
		})
	})
}

// However much is commanded, events and answers take no more than is kept of them;
// one who commands without an end loses own answers alone, and the newest of all stay.
func TestAttackEventsAndAnswersWithoutEnd(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		large := fact("1")
		if err := large.SetData(event.ApplicationJSON, strings.Repeat("x", 4<<20)); err != nil {
			t.Fatal(err)
		}
		for range 36 { // 144 MiB
			do(t, s, func(tx *registry.Tx) error { return tx.Emit(large) })
		}
		got, err := s.Events(t.Context(), 0, 0)
		if err != nil || len(got) < 28 || len(got) > 33 || got[len(got)-1].Seq != 36 {
			t.Errorf("%d events of 4 MiB are kept, %v", len(got), err)
		}
		statement(t, url, "UPDATE counters SET last = 1000000 WHERE name = 'event'")
		do(t, s, func(tx *registry.Tx) error {
			for range 1000 {
				if err := tx.Emit(fact("2")); err != nil {
					return err
				}
			}
			return nil
		})
		if got, err = s.Events(t.Context(), 0, 0); err != nil || len(got) != 1000 || got[0].Seq != 1_000_001 {
			t.Errorf("after a million events %d are kept, %v", len(got), err)
		}
		answer := func(principal, id string, bytes int) {
			do(t, s, func(tx *registry.Tx) error {
				return tx.AnswerCommand(registry.CommandKey{Principal: principal, Source: "/s", ID: id}, registry.Answered{Answer: make([]byte, bytes)})
			})
		}
		answer("honest", "1", 10)
		for i := range 20 { // 80 MiB
			answer("greedy", fmt.Sprint(i), 4<<20)
			statement(t, url, "UPDATE commands SET created = created - 60")
		}
		answer("greedy", "last", 9<<20)
		do(t, s, func(tx *registry.Tx) error {
			kept := 0
			for i := range 20 {
				if _, seen, err := tx.Command(registry.CommandKey{Principal: "greedy", Source: "/s", ID: fmt.Sprint(i)}); err != nil {
					return err
				} else if seen {
					kept++
				}
			}
			_, last, err := tx.Command(registry.CommandKey{Principal: "greedy", Source: "/s", ID: "last"})
			if err != nil {
				return err
			}
			_, honest, err := tx.Command(registry.CommandKey{Principal: "honest", Source: "/s", ID: "1"})
			if kept < 10 || kept > 14 || !last || !honest {
				t.Errorf("%d answers are kept, the last: %v, that of another: %v", kept, last, honest)
			}
			return err
		})
	})
}
