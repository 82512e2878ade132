package predict

import (
	"net/http"
	"strings"

	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// authorize serves next to those whose role allows it. The event door judges by
// itself, by the type of the event.
func authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := identity.Need(r.Context(), roleOf(r))
		if err == nil {
			next.ServeHTTP(w, r)
			return
		}
		writeRefused(w, r, statusOf(err, http.StatusUnauthorized), err)
	})
}

// roleOf is the role that a request takes.
func roleOf(r *http.Request) identity.Role {
	path := r.URL.Path
	switch {
	case path == "/" && r.Method == http.MethodPost, strings.HasPrefix(path, "/health/"), strings.HasPrefix(path, "/v2/health/"),
		path == grpcService+"ServerLive", path == grpcService+"ServerReady":
		return identity.Nobody
	case r.Method == http.MethodGet, r.Method == http.MethodHead, path == "/v2/repository/index",
		strings.HasPrefix(path, grpcService) && path != pipeline.GRPCInfer:
		return identity.Viewer
	}
	return identity.Editor
}
