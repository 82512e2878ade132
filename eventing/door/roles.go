package door

import (
	"net/http"

	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/identity"
)

// roleOf is the role that a command takes.
func roleOf(string) identity.Role { return identity.Editor }

// need serves next to those who have the role; where none is said, reading
// takes a viewer and anything else an editor.
func need(role identity.Role, next http.Handler) http.Handler {
	if role == identity.Nobody {
		return guard.ByMethod(next)
	}
	return guard.Need(role, next)
}

// machineOnly takes whoever asks for an operator where no guard stands before a
// door and says who it is, as in a process that serves a step to itself.
func machineOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := identity.Of(r.Context())
		p.Role = identity.Operator
		next.ServeHTTP(w, r.WithContext(identity.With(r.Context(), p)))
	})
}
