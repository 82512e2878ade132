package cli

import (
	"context"
	"errors"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/client"
)

// errWatched ends a Watch whose refresh said that it is done.
var errWatched = errors.New("done watching")

// Watch calls refresh once the function's stream of facts is open, and again
// after each burst of facts that concern it, at most four times a second, until
// refresh says that it is done. A stream that breaks is resumed, and refresh
// called, so nothing is missed.
func (e *Env) Watch(ctx context.Context, function string, concerns func(event.Event) bool,
	refresh func(context.Context) (done bool, err error),
) error {
	c, err := e.Client(ctx)
	if err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	notify := func() error {
		select {
		case changed <- struct{}{}:
		default: // one is waiting already
		}
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return c.Follow(ctx, function, -1, notify, func(f client.Fact) error {
			if concerns(f.Event) {
				return notify()
			}
			return nil
		})
	})
	group.Go(func() error { return refreshing(ctx, changed, refresh) })
	if err := group.Wait(); !errors.Is(err, errWatched) {
		return err
	}
	return nil
}

func refreshing(ctx context.Context, changed <-chan struct{}, refresh func(context.Context) (bool, error)) error {
	pause := time.NewTicker(250 * time.Millisecond)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
		done, err := refresh(ctx)
		if err != nil {
			return err
		}
		if done {
			return errWatched
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
	}
}
