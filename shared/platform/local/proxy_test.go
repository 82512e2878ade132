package local

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// A replica bounds the connections of one address: calls one after the other take
// one, in either protocol.
func TestConnectionsToReplicasAreKept(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.Protocols = &http.Protocols{}
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	for _, media := range []string{"application/json", "application/grpc"} {
		before := opened.Load()
		for range 10 {
			l := &Platform{c: Config{Log: slog.New(slog.DiscardHandler)}, services: map[string]*service{"x": {replicas: []*replica{{url: server.URL, up: true}}}}}
			r := httptest.NewRequest(http.MethodPost, "/x/", nil)
			r.Header.Set("Content-Type", media)
			l.Proxy(nil).ServeHTTP(httptest.NewRecorder(), r)
		}
		if n := opened.Load() - before; n != 1 {
			t.Errorf("%d connections for ten calls of %s", n, media)
		}
	}
}
