package deployinference

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// Who waits for an item gets it as soon as it is free, and gives up with its
// context.
func TestAnItemIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		it := newItem()
		if !it.tryAcquire() || it.tryAcquire() {
			t.Fatal("an item has one holder")
		}
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error, 2)
		go func() { got <- it.acquire(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("gave up with %v", err)
		}
		go func() { got <- it.acquire(t.Context()) }()
		synctest.Wait()
		it.release()
		synctest.Wait() // no time passes
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("a free item is still waited for")
		}
	})
}
