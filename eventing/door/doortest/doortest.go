// Package doortest stands before the doors of tests what finds out who asks.
package doortest

import (
	"net/http"

	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/identity"
)

// AsRole lets a request say by X-Role who asks; without it it is an operator.
func AsRole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := identity.Principal{ID: "token:ada", Name: "ada", Role: identity.Operator}
		if role, err := identity.ParseRole(r.Header.Get("X-Role")); err == nil {
			p.Role = role
		}
		next.ServeHTTP(w, r.WithContext(identity.With(r.Context(), p)))
	})
}

// Guarded is a door behind the guard of a machine, which knows a signer's tokens.
func Guarded(signer identity.Signer, door http.Handler) http.Handler {
	g, err := guard.Settings{}.Open()
	if err != nil {
		panic(err)
	}
	g.Trust(signer)
	return g.Wrap(door)
}
