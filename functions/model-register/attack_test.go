package modelregister

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing/door"
)

// However many builds of one client hold the worker, another client's is made: in a
// place of its own, while those go on.
func TestAttackBuildsOfOneClient(t *testing.T) {
	r := newRig(t)
	handler := door.Handler(r.Function(), r.Store, quiet)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		q.RemoteAddr = q.Header.Get("From") + ":80"
		handler.ServeHTTP(w, q)
	}))
	defer server.Close()
	validate := func(ctx context.Context, from, source string) int {
		q, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/models/validate", strings.NewReader(`{"source":"`+source+`"}`))
		if err != nil {
			t.Error(err)
			return 0
		}
		q.Header.Set("From", from)
		q.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			return 0 // it was given up
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	ctx, giveUp := context.WithCancel(t.Context())
	var greedy sync.WaitGroup
	ended := make(chan int, 6)
	for range cap(ended) {
		greedy.Go(func() { ended <- validate(ctx, "192.0.2.1", `import time\ntime.sleep(600)\n`) })
	}
	for deadline := time.Now().Add(2 * time.Minute); r.building.Waiting() < cap(ended)-builds; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d builds wait", r.building.Waiting())
		}
	}
	if got := validate(t.Context(), "192.0.2.2", `import keras\nmodel = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile(loss=\"mse\")\n`); got != http.StatusOK {
		t.Errorf("the honest one: %d", got)
	}
	if n := len(ended); n > 0 {
		t.Errorf("it was made when %d of the others had ended", n)
	}
	giveUp()
	greedy.Wait()
	close(ended)
	for status := range ended {
		if status == http.StatusOK {
			t.Error("a source that sleeps was built")
		}
	}
}
