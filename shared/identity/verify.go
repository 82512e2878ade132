package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// ErrUnknown says that a verifier does not know a token: another one may.
var ErrUnknown = errors.New("the token is not known here")

// Verifier finds out who sends a bearer token. It answers ErrUnknown for what
// is no token of its kind; an error of the kind Unauthenticated for one of its
// kind that is not valid, or no longer; one of the kind Unavailable where it
// cannot tell now. A verifier may be asked by several goroutines at once.
type Verifier interface {
	Verify(ctx context.Context, bearer string) (Principal, error)
}

// Chain asks one verifier after the other.
type Chain []Verifier

// Verify gives the principal of the first verifier that knows the token, and an
// error of the kind Unauthenticated where none does.
func (c Chain) Verify(ctx context.Context, bearer string) (Principal, error) {
	for _, v := range c {
		p, err := v.Verify(ctx, bearer)
		if !errors.Is(err, ErrUnknown) {
			return p, err
		}
	}
	return Principal{}, &pipeline.Error{
		Op: "log in", Kind: pipeline.Unauthenticated, Reason: "the token is not known", Err: ErrUnknown,
		Hint: "log in with `kafkaml login`, or ask an operator for a token",
	}
}

// Need is nil where p may do what a role is needed for.
func (p Principal) Need(role Role) error {
	switch {
	case p.Role >= role:
		return nil
	case p.ID == AnonymousID || p.ID == "":
		return (&pipeline.Error{
			Op: "authorize", Kind: pipeline.Unauthenticated, Reason: fmt.Sprintf("this needs the role %s, and nobody is logged in", role),
		}).WithHint("log in with `kafkaml login`, or send a token as Authorization: Bearer")
	}
	refusal := &pipeline.Error{
		Op: "authorize", Kind: pipeline.Forbidden, Reason: fmt.Sprintf("this needs the role %s; %s has the role %s", role, p.Name, p.Role),
	}
	if p.Role == Nobody && !p.Carrier { // static tokens have a role: this one is an issuer's
		return refusal.WithHint("ask an operator of this installation for the role %s: KAFKAML_OIDC_ROLES_CLAIM and KAFKAML_OIDC_ROLES say where the issuer's tokens hold it", role)
	}
	return refusal.WithHint("ask an operator of this installation for the role %s", role)
}

// Need is nil where the principal of ctx may do what a role is needed for.
func Need(ctx context.Context, role Role) error { return Of(ctx).Need(role) }

// roles are their names, in the order of what they may do.
var roles = []string{"nobody", "viewer", "editor", "operator"}

// String is the role's name.
func (r Role) String() string {
	if r < 0 || int(r) >= len(roles) {
		return fmt.Sprintf("Role(%d)", int(r))
	}
	return roles[r]
}

// ParseRole reads viewer, editor or operator.
func ParseRole(name string) (Role, error) {
	for r := Viewer; r <= Operator; r++ {
		if r.String() == name {
			return r, nil
		}
	}
	return Nobody, pipeline.Invalidf("role", "%q is not a role", name).WithHint("use viewer, editor or operator")
}
