// Package identity says who asks and what they may do. It knows no HTTP: doors
// find out who asks and put the principal into the context.
package identity

import "context"

// Role is what a principal may do; each includes those before it.
type Role int

// The roles.
const (
	Nobody   Role = iota // nothing
	Viewer               // read: lists, events, records of readable topics
	Editor               // also register, deploy, send and predict
	Operator             // also what concerns the installation and other people's things
)

// AnonymousID is the ID of a principal that nobody has asked for a proof.
const AnonymousID = "anonymous"

// Principal is who asks.
type Principal struct {
	ID   string // unique and lasting: AnonymousID, "token:NAME", "ISSUER#SUBJECT", "job:..."
	Name string // for people to read
	Role Role
	// Carrier brings what others sent: whose an event is, its own token says.
	Carrier bool
}

type (
	key    struct{}
	origin struct{}
)

// WithOrigin returns ctx with the address that a request came from.
func WithOrigin(ctx context.Context, from string) context.Context {
	return context.WithValue(ctx, origin{}, from)
}

// Origin is the address that the request of ctx came from, "" where that is not
// known.
func Origin(ctx context.Context) string {
	from, _ := ctx.Value(origin{}).(string)
	return from
}

// With returns ctx with the principal who asks.
func With(ctx context.Context, p Principal) context.Context { return context.WithValue(ctx, key{}, p) }

// Of returns the principal of ctx; an anonymous one with no role where ctx has
// none.
func Of(ctx context.Context) Principal {
	if p, ok := ctx.Value(key{}).(Principal); ok {
		return p
	}
	return Principal{ID: AnonymousID, Name: AnonymousID}
}
