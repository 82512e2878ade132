package predict

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A call over HTTP/2 that is under way when the server ends is answered.
func TestHTTP2IsDrained(t *testing.T) {
	arrived, goOn := make(chan struct{}), make(chan struct{})
	server := httptest.NewUnstartedServer(nil)
	server.Config = newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-goOn
		_, _ = w.Write([]byte(r.Proto))
	}))
	server.Start()
	defer server.Close()
	answered := make(chan string, 1)
	go func() {
		defer close(answered)
		resp, err := overHTTP2(t).Get(server.URL)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		answered <- string(body)
	}()
	<-arrived
	drained := make(chan error, 1)
	server.Config.RegisterOnShutdown(func() { close(goOn) })
	go func() { drained <- server.Config.Shutdown(t.Context()) }()
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if got := <-answered; got != "HTTP/2.0" {
		t.Errorf("%q", got)
	}
}
