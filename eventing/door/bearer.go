package door

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// known finds out who sends a request with a bearer token and puts it into the
// context. A token that nobody here knows, such as one that a proxy in front
// has checked, says nothing; one that is not valid is refused.
func (d *door) known(next http.Handler) http.Handler {
	if d.Verifier == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			next.ServeHTTP(w, r)
			return
		}
		p, err := d.Verifier.Verify(r.Context(), strings.TrimSpace(bearer))
		switch {
		case err == nil:
			r = r.WithContext(identity.With(r.Context(), p))
		case !errors.Is(err, identity.ErrUnknown):
			Problem(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// shown finds out who sent an event that carries its sender's token, having come
// by a Broker, and takes the token out.
func (d *door) shown(ctx context.Context, e *event.Event) (context.Context, error) {
	token, ok := e.Extensions()[eventing.TokenExtension].(string)
	if !ok {
		return ctx, nil
	}
	e.SetExtension(eventing.TokenExtension, nil)
	if d.Verifier == nil || identity.Of(ctx).ID != identity.AnonymousID {
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
