package predict

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
)

// While Kafka is away the door answers 503 and readiness says why; when it is
// back, records are predicted again, and direct delivery goes on.
func TestKafkaAway(t *testing.T) {
	dir := t.TempDir()
	b, err := broker.Development(context.Background(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	c, err := stream.Dial(t.Context(), stream.Config{Brokers: []string{b.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	job := newJob(t, c, "small", 1)
	job.Delivery = pipeline.Direct
	s := start(t, c, "small", job)
	consumeUntilEnd(t, s)
	url := serveHTTP(t, s).URL
	e := eventing.FromRecord(stream.Record{Topic: job.InputTopic, Offset: 5, Time: time.Now(), Value: floats(1, 2, 3)}, "/x", eventing.KeyByteArray)
	if status, _ := post(t, url, e); status != http.StatusOK {
		t.Fatalf("status %d before", status)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _ := post(t, url, e); status != http.StatusServiceUnavailable {
		t.Errorf("status %d while Kafka is away", status)
	}
	if status := statusAt(t, url+"/health/readiness"); status != http.StatusServiceUnavailable {
		t.Errorf("readiness %d while Kafka is away", status)
	}
	if status := statusAt(t, url+"/health/liveness"); status != http.StatusOK {
		t.Errorf("liveness %d while Kafka is away", status)
	}
	at, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	b, err = broker.Development(context.Background(), dir, at)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	until(t, "the door takes records again", func() bool {
		status, _ := post(t, url, e)
		return status == http.StatusOK
	})
	until(t, "readiness", func() bool { return statusAt(t, url+"/health/readiness") == http.StatusOK })
	_, ends, err := c.Offsets(t.Context(), job.OutputTopic)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a record can be produced", func() bool {
		_, err := c.Produce(t.Context(), job.InputTopic, 0, []stream.Record{{Value: floats(1, 2, 3)}})
		return err == nil
	})
	await(t, c, job.OutputTopic, ends[0]+1)
}

func statusAt(t testing.TB, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
		<-time.After(50 * time.Millisecond)
	}
}
