package eventing_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// taker is a sink that counts what it took.
type taker struct {
	*httptest.Server
	mu     sync.Mutex
	taken  map[string]int // by partition/offset
	order  []int64
	dead   []string
	status func(n int, r stream.Record) int // of the n-th request
	n      int
	most   int           // how many are taken until more is closed, where it is not 0
	more   chan struct{} // closed when the rest may come
	offers bool          // to take batches
	sizes  []int         // of those that it took
}

func newTaker(t *testing.T, status func(int, stream.Record) int) *taker {
	t.Helper()
	k := &taker{taken: map[string]int{}, status: status}
	k.Server = httptest.NewServer(k)
	t.Cleanup(k.Close)
	return k
}

func (k *taker) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if k.offers {
		eventing.OfferBatches(w.Header())
	}
	if req.Header.Get("Content-Type") == eventing.BatchType {
		k.serveBatch(w, req)
		return
	}
	e, err := eventing.Read(req.Context(), req.Header, req.Body)
	if err != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	r, err := eventing.RecordOf(e)
	if err != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	if distinct, _ := k.count(); k.most > 0 && distinct > k.most {
		select {
		case <-k.more:
		case <-req.Context().Done():
			return
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if req.URL.Path == "/dead" {
		k.dead = append(k.dead, fmt.Sprintf("%s %s", r.Value, e.Extensions()["knativeerrorcode"]))
		return
	}
	k.n++
	if s := k.status(k.n, r); s != http.StatusOK {
		w.WriteHeader(s)
		return
	}
	k.taken[fmt.Sprintf("%d/%d", r.Partition, r.Offset)]++
	k.order = append(k.order, r.Offset)
}

// serveBatch takes all records of a batch, or none.
func (k *taker) serveBatch(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	records, err := eventing.ReadBatch(body)
	if err != nil || !k.offers {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n++
	for _, r := range records {
		if s := k.status(k.n, r.Record); s != http.StatusOK {
			w.WriteHeader(s)
			return
		}
	}
	for _, r := range records {
		k.taken[fmt.Sprintf("%d/%d", r.Partition, r.Offset)]++
	}
	k.sizes = append(k.sizes, len(records))
}

func (k *taker) count() (distinct, all int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.taken {
		all += n
	}
	return len(k.taken), all
}

func always(int, stream.Record) int { return http.StatusOK }

func produce(t *testing.T, c *stream.Cluster, topic string, partition, n int) {
	t.Helper()
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{Key: []byte{1}, Value: fmt.Appendf(nil, "%d", i)}
	}
	if _, err := c.Produce(t.Context(), topic, partition, records); err != nil {
		t.Fatal(err)
	}
}

func source(topic, url string) eventing.KafkaSource {
	retry := int32(5)
	return eventing.KafkaSource{
		APIVersion: eventing.SourceAPIVersion, Kind: eventing.SourceKind,
		Metadata: eventing.Metadata{Name: "s", Namespace: "n", Labels: map[string]string{eventing.KeyTypeLabel: eventing.KeyByteArray}},
		Spec: eventing.KafkaSourceSpec{
			ConsumerGroup: "g-" + topic, Topics: []string{topic}, InitialOffset: eventing.Earliest, Ordering: eventing.Unordered,
			Delivery: &eventing.Delivery{Retry: &retry, BackoffPolicy: eventing.Linear, BackoffDelay: "PT0.005S"},
			Sink:     eventing.Destination{URI: url},
		},
	}
}

func dispatcher(t *testing.T, c *stream.Cluster, resolve eventing.Resolve) *eventing.Dispatcher {
	t.Helper()
	d := eventing.NewDispatcher(c, resolve, slog.New(slog.NewTextHandler(io.Discard, nil)))
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// The first try of each third record fails, the dispatcher is replaced midway:
// every record arrives, and most once.
func TestDispatcherLosesNoRecord(t *testing.T) {
	for name, offers := range map[string]bool{"one by one": false, "in batches": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			losesNoRecord(t, offers)
		})
	}
}

func losesNoRecord(t *testing.T, offers bool) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 3)
	const each = 1000
	for p := range 3 {
		produce(t, c, topic, p, each)
	}
	tried := map[[2]int64]bool{}
	k := newTaker(t, func(_ int, r stream.Record) int {
		at := [2]int64{int64(r.Partition), r.Offset}
		if !tried[at] && r.Offset%3 == 1 {
			tried[at] = true
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	k.most, k.more, k.offers = each, make(chan struct{}), offers
	s := source(topic, k.URL)
	d := dispatcher(t, c, nil)
	if err := d.Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	eventually(t, "some arrive", func() bool { n, _ := k.count(); return n > each })
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	before, _ := k.count()
	close(k.more)
	d = dispatcher(t, c, nil)
	if err := d.Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all arrive", func() bool { n, _ := k.count(); return n == 3*each })
	if distinct, all := k.count(); before == 3*each || all-distinct > before/2 { // those behind a try that failed a moment before
		t.Errorf("%d before the change, %d records came %d times", before, distinct, all)
	}
}

// A sink that offers to take batches gets them, of records without headers; what it
// does not take together comes one by one, and a record that it refuses is dead alone.
func TestDispatcherSendsBatches(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 2)
	const each = 2000
	for p := range 2 {
		records := make([]stream.Record, each)
		for i := range records {
			records[i] = stream.Record{Value: fmt.Appendf(nil, "%d", i)}
			switch {
			case i%500 == 77:
				records[i].Headers = []stream.Header{{Key: "a", Value: []byte("b")}}
			case i%900 == 78:
				records[i].Value = make([]byte, 300<<10)
			}
		}
		if _, err := c.Produce(t.Context(), topic, p, records); err != nil {
			t.Fatal(err)
		}
	}
	failed := map[int64]bool{}
	k := newTaker(t, func(n int, r stream.Record) int {
		if r.Offset == 1000 {
			return http.StatusUnprocessableEntity
		}
		if n%7 == 0 && !failed[r.Offset] {
			failed[r.Offset] = true
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	k.offers = true
	s := source(topic, k.URL)
	s.Spec.Delivery.DeadLetterSink = &eventing.Destination{URI: k.URL + "/dead"}
	d := dispatcher(t, c, nil)
	if err := d.Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all arrive", func() bool { n, _ := k.count(); return n == 2*each-2 })
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if want := []string{"1000 422", "1000 422"}; !slices.Equal(k.dead, want) {
		t.Errorf("dead: %v", k.dead)
	}
	if largest := slices.Max(k.sizes); largest < 2 || largest > eventing.MostBatched || k.n > 3*each {
		t.Errorf("%d requests, the largest batch has %d records", k.n, largest)
	}
	for at, n := range k.taken {
		if n > 1 {
			t.Errorf("%s came %d times", at, n)
		}
	}
}

func TestDispatcherKeepsOrder(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 1)
	produce(t, c, topic, 0, 200)
	k := newTaker(t, func(n int, _ stream.Record) int {
		return []int{http.StatusOK, http.StatusInternalServerError}[n%2]
	})
	s := source(topic, k.URL)
	s.Spec.Ordering = eventing.Ordered
	if err := dispatcher(t, c, nil).Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all arrive", func() bool { n, _ := k.count(); return n == 200 })
	if !slices.IsSorted(k.order) {
		t.Errorf("out of order: %v", k.order)
	}
}

func TestDispatcherDeadLetters(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 1)
	produce(t, c, topic, 0, 4)
	k := newTaker(t, func(_ int, r stream.Record) int {
		switch string(r.Value) {
		case "1":
			return http.StatusUnprocessableEntity // not tried again
		case "2":
			return http.StatusBadGateway // tried 6 times
		}
		return http.StatusOK
	})
	s := source(topic, k.URL)
	s.Spec.Delivery.DeadLetterSink = &eventing.Destination{URI: k.URL + "/dead"}
	if err := dispatcher(t, c, nil).Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are dealt with", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.taken) == 2 && len(k.dead) == 2
	})
	slices.Sort(k.dead)
	if want := []string{"1 422", "2 502"}; !slices.Equal(k.dead, want) || k.n != 2+1+6 {
		t.Errorf("dead: %v after %d requests, want %v", k.dead, k.n, want)
	}
}

// A destination that is not served yet keeps its records waiting; then they are
// spread over all that serve it.
func TestDispatcherWaitsForItsSink(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 1)
	produce(t, c, topic, 0, 100)
	a, b := newTaker(t, always), newTaker(t, always)
	var mu sync.Mutex
	var urls []string
	turn := 0
	d := dispatcher(t, c, func(to eventing.Destination) []string {
		mu.Lock()
		defer mu.Unlock()
		if len(urls) == 0 || to.Ref.Name != "predict" {
			return nil
		}
		turn++
		return []string{urls[turn%2], urls[(turn+1)%2]}
	})
	s := source(topic, "")
	s.Spec.Sink = eventing.Destination{Ref: &eventing.Reference{Name: "predict"}}
	if err := d.Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	urls = []string{a.URL, b.URL}
	mu.Unlock()
	eventually(t, "all arrive", func() bool { m, _ := a.count(); n, _ := b.count(); return m+n == 100 })
	if m, _ := a.count(); m == 0 || m == 100 {
		t.Errorf("one sink took %d of 100", m)
	}
	if err := d.Delete(t.Context(), source(topic, a.URL)); err != nil {
		t.Fatal(err)
	}
	produce(t, c, topic, 0, 1)
	if err := d.Apply(t.Context(), source(topic, a.URL)); err != nil { // another name would do as well
		t.Fatal(err)
	}
	eventually(t, "it goes on where it was", func() bool { m, all := a.count(); n, _ := b.count(); return m+n == 101 && all == m })
}

// One record an HTTP request to a sink that does nothing: what the dispatcher
// itself costs.
func BenchmarkDispatcher(b *testing.B) {
	c := streamtest.Cluster(b)
	topic := streamtest.Topic(b, c, 4)
	records := make([]stream.Record, 500)
	for i := range records {
		records[i] = stream.Record{Value: make([]byte, 784)}
	}
	total := 0
	for total < b.N {
		for p := range 4 {
			if _, err := c.Produce(b.Context(), topic, p, records); err != nil {
				b.Fatal(err)
			}
			total += len(records)
		}
	}
	var taken atomic.Int64
	done := make(chan struct{})
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if taken.Add(1) == int64(total) {
			close(done)
		}
	}))
	defer sink.Close()
	d := eventing.NewDispatcher(c, nil, nil)
	defer d.Close()
	b.ResetTimer()
	if err := d.Apply(b.Context(), source(topic, sink.URL)); err != nil {
		b.Fatal(err)
	}
	<-done
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "records/s")
}
