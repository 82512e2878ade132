package schemas

import (
	"context"
	"errors"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The pauses between questions to a registry that is away.
const (
	firstPause = failurePause
	lastPause  = 5 * time.Second
)

// Patience is how a registry that is away is waited for. The zero Patience does
// not wait.
type Patience struct {
	Waiting func(error)   // is told each time why; nil: nobody waits
	Most    time.Duration // 0: until the context ends
}

// Decode decodes by decode, which it calls again for each schema that it lacks,
// once the decoder was taught it. An error of the registry is Unavailable, where
// it may pass, or else Invalid: then the record names a schema that there is not.
func (c *Client) Decode(ctx context.Context, decode func() error, p Patience) error {
	for {
		err := decode()
		var lacks *codec.Missing
		if !errors.As(err, &lacks) {
			return err
		}
		if err := c.await(ctx, lacks, p); err != nil {
			return err
		}
	}
}

// await resolves what a decoder lacks, and asks again while the registry is
// away. Credentials that it refuses are waited for only where there is no bound.
func (c *Client) await(ctx context.Context, m *codec.Missing, p Patience) error {
	began := time.Now()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := c.resolve(ctx, m)
		switch {
		case pipeline.KindOf(err) != pipeline.Unavailable, p.Waiting == nil, ctx.Err() != nil:
			return err
		case p.Most > 0 && (time.Since(began) >= p.Most || errors.Is(err, ErrRefused)):
			return err
		}
		p.Waiting(err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}
