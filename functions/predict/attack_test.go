package predict

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Requests that are announced as large, or stop when almost all of them has come,
// take no share from those that are whole, though they be more than there is memory
// for.
func TestAttackSlowRequestsStopNoInference(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.Config = newServer(boundBodies(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(statusOf(err, http.StatusBadRequest))
			return
		}
		fmt.Fprint(w, len(body))
	})))
	server.Start()
	defer server.Close()
	var slow []net.Conn
	for _, some := range []int{1, 1, 1, 1, maxBody - 1, maxBody - 1, maxBody - 1, maxBody - 1, maxBody - 1} {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		slow = append(slow, c)
		if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", maxBody, strings.Repeat("x", some)); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for _, n := range []int{1, 1 << 10, maxBody, maxBody} {
		all.Go(func() {
			resp, err := http.Post(server.URL, "text/plain", strings.NewReader(strings.Repeat("x", n)))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != fmt.Sprint(n) {
				t.Errorf("%d bytes: status %d, %q, %v", n, resp.StatusCode, body, err)
			}
		})
	}
	all.Wait()
	for _, c := range slow[:4] { // that these are given up at last would have helped, too late
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, _ := c.Read(make([]byte, 1)); n > 0 {
			t.Error("the others were answered when slow requests had ended by themselves")
		}
	}
}

// A body that stops coming is told so before anything is done with it.
func TestAttackARequestThatStops(t *testing.T) {
	server := httptest.NewServer(boundBodies(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		api.WriteProblem(w, statusOf(err, http.StatusBadRequest), err)
	})))
	server.Config.Handler = stalling(server.Config.Handler)
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(body), "too slowly") {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
}

// stalling asks for a pace that a test can wait for.
func stalling(next http.Handler) http.Handler {
	return bounds.Pace{Step: 1, Stall: 50 * time.Millisecond}.Wrap(next)
}

// looping is TensorFlow with a model whose calls end when the test does.
type looping struct {
	tensorflow.Framework
	until chan struct{}
}

func (l looping) OpenPredictor(o framework.PredictorOptions) (framework.Predictor, error) {
	p, err := l.Framework.OpenPredictor(o)
	return &loopingPredictor{p, l.until}, err
}

type loopingPredictor struct {
	framework.Predictor
	until chan struct{}
}

func (p *loopingPredictor) NewBatch(layout []codec.Tensor) (framework.Batch, error) {
	b, err := p.Predictor.NewBatch(layout)
	return &loopingBatch{b, p.until}, err
}

type loopingBatch struct {
	framework.Batch
	until chan struct{}
}

func (b *loopingBatch) Predict(ctx context.Context, from, to int) error {
	<-b.until // whatever ctx says: what a library computes cannot be stopped
	return b.Batch.Predict(ctx, from, to)
}

// A model that does not answer any more is not ready and not alive, and ends its
// process, which does not wait for it.
func TestAttackAModelThatLoops(t *testing.T) {
	until := make(chan struct{})
	s, err := openService(looping{until: until}, Config{Job: newJob(t, nil, "small", 0), Log: logTo(t)}, modelDir(t, "small"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		close(until)
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	s.calls.none = 100 * time.Millisecond
	server := httptest.NewServer(s.handler())
	defer server.Close()
	if live, ready := statusAt(t, server.URL+"/health/liveness"), statusAt(t, server.URL+"/health/readiness"); live != http.StatusOK || ready != http.StatusOK {
		t.Fatalf("before: %d, %d", live, ready)
	}
	lane := s.door.requests.tensors
	answered := make(chan error, 1)
	ctx, giveUp := context.WithCancel(t.Context())
	go func() {
		answered <- lane.Do(ctx, &batching.Item{Rows: 1, Data: lane.Row(), Receive: func([]framework.Output, int, int) {}})
	}()
	if err := s.calls.await(t.Context()); pipeline.KindOf(err) != pipeline.Unavailable || !strings.Contains(err.Error(), "has not answered") {
		t.Errorf("the process does not end: %v", err)
	}
	if live, ready := statusAt(t, server.URL+"/health/liveness"), statusAt(t, server.URL+"/health/readiness"); live != http.StatusServiceUnavailable || ready != http.StatusServiceUnavailable {
		t.Errorf("while it loops: %d, %d", live, ready)
	}
	giveUp()
	<-answered
	var none sync.WaitGroup
	ended, end := context.WithCancel(t.Context())
	end()
	hung := &service{model: s.model, stop: func() {}}
	hung.running.Add(1) // a batch that does not end
	if err := drain(ended, hung, &http.Server{}, &none, 10*time.Millisecond); err == nil || !strings.Contains(err.Error(), "did not end") {
		t.Errorf("the end waits for it: %v", err)
	}
}

// A small request is not answered by more than there is memory for.
func TestAttackAnAnswerThatGrows(t *testing.T) {
	room := int64(mostAnswer)
	wide := []framework.Output{{Name: "y", DType: codec.Float32, Shape: []int{1000}, Size: 4000, Data: make([]byte, 4000)}}
	if got := collect(nil, wide, 0, 0, maxRows, &room); room >= 0 || len(got) != 0 {
		t.Errorf("room %d, %d outputs", room, len(got))
	}
	room = mostAnswer
	if got := collect(nil, wide, 0, 0, 1, &room); room < 0 || len(got) != 1 {
		t.Errorf("one row: room %d, %d outputs", room, len(got))
	}
}
