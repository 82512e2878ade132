package predict

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kafkaml/kafkaml/shared/identity"
)

// A replica asks for the role by itself: in a cluster nothing stands before it.
func TestAttackAReplica(t *testing.T) {
	served := authorize(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for request, needs := range map[[2]string]identity.Role{
		{"GET", "/health/readiness"}: identity.Nobody, {"GET", "/v2/health/live"}: identity.Nobody, {"POST", grpcService + "ServerLive"}: identity.Nobody,
		{"GET", "/metrics"}: identity.Viewer, {"GET", "/openapi.json"}: identity.Viewer, {"GET", "/v2"}: identity.Viewer,
		{"POST", "/v2/repository/index"}: identity.Viewer, {"POST", grpcService + "ModelMetadata"}: identity.Viewer,
		{"POST", "/v2/models/m/infer"}: identity.Editor, {"POST", "/v2/models/m/versions/1/infer"}: identity.Editor, {"POST", grpcService + "ModelInfer"}: identity.Editor,
		{"DELETE", "/"}: identity.Editor,
	} {
		for role := identity.Nobody; role <= identity.Operator; role++ {
			r, w := httptest.NewRequest(request[0], request[1], nil), httptest.NewRecorder()
			served.ServeHTTP(w, r.WithContext(identity.With(r.Context(), identity.Principal{ID: "token:x", Name: "x", Role: role})))
			want := http.StatusTeapot
			if role < needs {
				want = http.StatusForbidden
			}
			if w.Code != want {
				t.Errorf("%v as %s: %d", request, role, w.Code)
			}
		}
	}
}
