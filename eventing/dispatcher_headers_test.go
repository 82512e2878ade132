package eventing_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// seen keeps the headers of the requests that a sink got, by path.
type seen struct {
	*httptest.Server
	mu     sync.Mutex
	header map[string][]http.Header
}

func newSeen(t *testing.T, status int) *seen {
	t.Helper()
	s := &seen{header: map[string][]http.Header{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.header[r.URL.Path] = append(s.header[r.URL.Path], r.Header)
		if r.URL.Path != "/dead" {
			w.WriteHeader(status)
			_, _ = w.Write([]byte("why"))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *seen) at(path string) []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.header[path])
}

// The dispatcher sends what Knative's data plane sends: the namespace, content
// types of any form, values that are not encoded; and no aborted record.
func TestDispatcherSendsAsKnativeDoes(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 1)
	x := streamtest.NewTransactions(t, c)
	x.Send(topic, 0, []stream.Record{{Value: []byte("aborted")}}, false)
	x.Send(topic, 0, []stream.Record{{Value: []byte("v"), Headers: []stream.Header{
		{Key: "Content-Type", Value: []byte("non sense")}, {Key: "Trace-ID", Value: []byte("t%41")}, {Key: "n", Value: []byte("ä温")}, {Key: "empty"},
	}}}, true)
	s := newSeen(t, http.StatusOK)
	if err := dispatcher(t, c, nil).Apply(t.Context(), source(topic, s.URL)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it arrives", func() bool { return len(s.at("/")) > 0 })
	h := s.at("/")[0]
	for name, want := range map[string]string{
		"Kn-Namespace": "n", "Content-Type": "non sense", "Ce-Kafkaheadertraceid": "t%41", "Ce-Kafkaheadern": "\xe4?", "Ce-Kafkaheaderempty": "", "Ce-Knativekafkaoffset": "2",
	} {
		if h.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, h.Get(name), want)
		}
	}
}

// A dead letter tells the code and, in base64, the body of the answer; a record
// that HTTP cannot carry comes there at once, as its place and the reason.
func TestDispatcherDeadLettersAsKnativeDoes(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 1)
	s := newSeen(t, http.StatusUnprocessableEntity)
	if _, err := c.Produce(t.Context(), topic, 0, []stream.Record{
		{Value: []byte("spoiled"), Headers: []stream.Header{{Key: "x", Value: []byte("a\x01b")}}}, {Value: []byte("v")},
	}); err != nil {
		t.Fatal(err)
	}
	manifest := source(topic, s.URL+"/sink")
	manifest.Spec.Ordering = eventing.Ordered
	manifest.Spec.Delivery.DeadLetterSink = &eventing.Destination{URI: s.URL + "/dead"}
	if err := dispatcher(t, c, nil).Apply(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is dead", func() bool { return len(s.at("/dead")) > 0 })
	h := s.at("/dead")[0]
	if !strings.Contains(h.Get("Ce-Kafkamlundelivered"), "control character") || h.Get("Ce-Knativekafkaoffset") != "0" || h.Get("Ce-Kafkaheaderx") != "" || h.Get("Ce-Knativeerrordest") == "" {
		t.Errorf("%v", h)
	}
	eventually(t, "the next one is dead", func() bool { return len(s.at("/dead")) > 1 })
	h = s.at("/dead")[1]
	if want := base64.StdEncoding.EncodeToString([]byte("why")); h.Get("Ce-Knativeerrordata") != want || h.Get("Ce-Knativeerrorcode") != "422" || h.Get("Ce-Knativekafkaoffset") != "1" {
		t.Errorf("%v", h)
	}
	if n := len(s.at("/sink")); n != 1 {
		t.Errorf("%d requests", n)
	}
}
