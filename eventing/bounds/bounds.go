// Package bounds keeps a client from holding what others of an HTTP server need:
// connections, the memory of bodies under way, and time, by sending or reading
// slowly. What a client may hold is bounded for each; it knows nothing of what is
// served.
package bounds

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/kafkaml/kafkaml/shared/identity"
)

// NewServer serves HTTP/1 and, for gRPC also without TLS, HTTP/2 on one port. It
// waits ten seconds for a request's header, two minutes for another request.
func NewServer(handler http.Handler) *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{Handler: handler, Protocols: protocols, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
}

// Client names who a request counts for: the principal that asks, or the address it
// comes from where nobody had to prove who they are.
func Client(r *http.Request) string {
	if id := identity.Of(r.Context()).ID; id != identity.AnonymousID {
		return id
	}
	return host(r.RemoteAddr)
}

type clientKey struct{}

// Named gives r with its client in the context, for what has no request at hand.
func Named(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), clientKey{}, Client(r)))
}

// Who is the client whose request ctx is of; empty for none.
func Who(ctx context.Context) string {
	who, _ := ctx.Value(clientKey{}).(string)
	return who
}

// host is an address without its port.
func host(address string) string {
	if name, _, err := net.SplitHostPort(address); err == nil {
		return name
	}
	return address
}
