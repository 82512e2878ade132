package predict

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// Records that wait come in batches: each is predicted, or is a dead letter, once. A
// batch that does not show the token of its source is not taken.
func TestRecordsInBatches(t *testing.T) {
	c := streamtest.Cluster(t)
	job := newJob(t, c, "words", 2)
	token := "a-token-of-the-source"
	hash := sha256.Sum256([]byte(token))
	job.Trigger = hex.EncodeToString(hash[:])
	g, err := guard.Settings{Anonymous: "nobody"}.Open("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service := g.Wrap(start(t, c, "words", job).handler())
	var mu sync.Mutex
	var requests int
	var batch []byte // the last
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		mu.Lock()
		if requests++; r.Header.Get("Content-Type") == eventing.BatchType {
			batch = body
		}
		mu.Unlock()
		service.ServeHTTP(w, r)
	}))
	defer server.Close()

	const each, bad = 600, 12 // in each partition
	for p := range 2 {
		records := make([]stream.Record, each)
		for i := range records {
			v := value(t, "words", codec.Int32, i%5)
			if i%(each/bad) == 7 {
				v[0] = 99 // a word that the embedding does not have
			}
			records[i] = stream.Record{Key: fmt.Appendf(nil, "%d", i), Value: v}
		}
		if _, err := c.Produce(t.Context(), job.InputTopic, p, records); err != nil {
			t.Fatal(err)
		}
	}
	d := eventing.NewDispatcher(c, nil, logTo(t))
	defer d.Close()
	if err := d.Apply(t.Context(), eventing.KafkaSource{
		APIVersion: eventing.SourceAPIVersion, Kind: eventing.SourceKind,
		Metadata: eventing.Metadata{Name: "in", Labels: map[string]string{eventing.KeyTypeLabel: eventing.KeyByteArray}},
		Spec: eventing.KafkaSourceSpec{
			ConsumerGroup: streamtest.Name(t), Topics: []string{job.InputTopic}, InitialOffset: eventing.Earliest, Ordering: eventing.Unordered,
			Overrides: &eventing.Overrides{Extensions: map[string]string{eventing.TokenExtension: token}},
			Sink:      eventing.Destination{URI: server.URL},
		},
	}); err != nil {
		t.Fatal(err)
	}
	for _, out := range await(t, c, job.OutputTopic, 2*(each-bad)) {
		near(t, "words", int(out.Key[len(out.Key)-1]-'0')%5, out.Value)
	}
	letters := await(t, c, job.DeadLetter, 2*bad)
	if len(letters) != 2*bad || !strings.Contains(headersOf(letters[0])[pipeline.HeaderError], "99") {
		t.Errorf("%d dead letters, %v", len(letters), headersOf(letters[0]))
	}
	mu.Lock()
	defer mu.Unlock()
	if batch == nil || requests > each {
		t.Fatalf("%d records came in %d requests, a batch of %d bytes", 2*each, requests, len(batch))
	}
	forged := bytes.ReplaceAll(batch, []byte(token), []byte("a-token-of-nobody-els"))
	for name, body := range map[string][]byte{"forged": forged, "cut": batch[:len(batch)-3]} {
		r := httptest.NewRequest(http.MethodPost, server.URL+"/", bytes.NewReader(body))
		r.Header.Set("Content-Type", eventing.BatchType)
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		if want := map[string]int{"forged": http.StatusUnauthorized, "cut": http.StatusBadRequest}[name]; w.Code != want {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, want)
		}
	}
	time.Sleep(200 * time.Millisecond) // in which one too many would come
	if n := len(await(t, c, job.OutputTopic, 2*(each-bad))); n != 2*(each-bad) {
		t.Errorf("%d predictions of %d records", n, 2*(each-bad))
	}
}
