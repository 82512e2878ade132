package fair

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// However many of one are inside or wait, another comes next.
func TestAttackOneTakesAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate("things are made", 2, 10)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		leave := make(chan func(), 10)
		for range 6 {
			go func() {
				if l, err := g.Enter(ctx, "greedy"); err == nil {
					leave <- l
				}
			}()
		}
		synctest.Wait()
		if len(leave) != 2 || g.Waiting() != 4 {
			t.Fatalf("%d are inside, %d wait", len(leave), g.Waiting())
		}
		honest, err := g.Enter(ctx, "honest") // in the place that is kept
		if err != nil {
			t.Fatal(err)
		}
		again := make(chan struct{})
		go func() {
			defer close(again)
			if l, err := g.Enter(ctx, "honest"); err != nil || l == nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		honest()
		(<-leave)() // of the two that may come now, who has fewest comes first
		<-again
		if g.Waiting() != 4 {
			t.Errorf("%d wait", g.Waiting())
		}
		cancel()
		synctest.Wait()
		if g.Waiting() != 0 {
			t.Errorf("%d wait still", g.Waiting())
		}
	})
}

// Who is turned away learns how many came first.
func TestAttackAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate("things are made", 1, 2)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		failed := make(chan error, 3)
		for range 3 {
			go func() {
				_, err := g.Enter(ctx, "greedy")
				failed <- err
			}()
			synctest.Wait()
		}
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		_, err := g.Enter(ctx, "greedy")
		var refusal *pipeline.Error
		if !errors.As(err, &refusal) || refusal.Kind != pipeline.Unavailable || !strings.Contains(refusal.Reason, "2 of yours wait") || refusal.Hint == "" {
			t.Errorf("a full queue: %v", err)
		}
		if _, err := g.Enter(ctx, "another"); err != nil {
			t.Errorf("another: %v", err)
		}
		cancel()
		if err := <-failed; pipeline.KindOf(err) != pipeline.Unavailable || !errors.Is(err, context.Canceled) {
			t.Errorf("one who waits no longer: %v", err)
		}
	})
}
