package door

import (
	"context"
	"errors"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// shown finds out who sent an event that carries its sender's token, having come
// by a Broker, and takes the token out.
func (d *door) shown(ctx context.Context, e *event.Event) (context.Context, error) {
	token, ok := e.Extensions()[eventing.TokenExtension].(string)
	if !ok {
		return ctx, nil
	}
	e.SetExtension(eventing.TokenExtension, nil)
	if by := identity.Of(ctx); d.Verifier == nil || by.ID != identity.AnonymousID && !by.Carrier { // the header has said who it is
		return ctx, nil
	}
	p, err := d.Verifier.Verify(ctx, token)
	if errors.Is(err, identity.ErrUnknown) {
		err = &pipeline.Error{Op: "verify a token", Kind: pipeline.Unauthenticated, Field: eventing.TokenExtension, Reason: "the token is not known here", Err: err}
	}
	if err != nil {
		return ctx, err
	}
	return identity.With(ctx, p), nil
}
