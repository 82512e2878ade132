package predict

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// What is written to the output topic as the prediction of an input record comes
// from the inference's own source, or from somebody who may predict. Anybody else
// writes neither predictions nor dead letters.
func TestAttackForgedInputRecord(t *testing.T) {
	c := streamtest.Cluster(t)
	job := newJob(t, c, "small", 1)
	const token = "kafkaml.of-the-source"
	hash := sha256.Sum256([]byte(token))
	job.Trigger = hex.EncodeToString(hash[:])
	g, err := guard.Settings{Anonymous: "nobody", Tokens: identity.TokenLine("ada", identity.Editor, "ada's") + "\n" + identity.TokenLine("eve", identity.Viewer, "eve's")}.Open("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Wrap(start(t, c, "small", job).handler()))
	t.Cleanup(server.Close)
	good := stream.Record{Topic: job.InputTopic, Offset: 9, Time: time.Now(), Value: value(t, "small", codec.Float32, 2)}
	bad, large := good, good
	bad.Value, large.Value = []byte("bad"), make([]byte, maxBody+1)
	send := func(r stream.Record, extension, bearer, knative string) int {
		e := eventing.FromRecord(r, eventing.SourceName("ns", "in"), eventing.KeyByteArray)
		if extension != "" {
			e.SetExtension(eventing.TokenExtension, extension)
		}
		return sendAs(t, server.URL, e, bearer, knative)
	}
	for name, r := range map[string]stream.Record{"good": good, "bad": bad} {
		for _, f := range []struct {
			extension, bearer, knative string
			status                     int
		}{
			{"", "", "", http.StatusUnauthorized},
			{"of another", "", "", http.StatusUnauthorized},
			{job.Trigger, "", "", http.StatusUnauthorized},
			{"", "eve's", "", http.StatusForbidden},
			{"", "", "ns", http.StatusServiceUnavailable}, // of a KafkaSource that is about to get its token
		} {
			if status := send(r, f.extension, f.bearer, f.knative); status != f.status {
				t.Errorf("%s record, %+v: %d", name, f, status)
			}
		}
	}
	if status := send(large, "", "", ""); status/100 == 2 {
		t.Errorf("a record that is too large: %d", status)
	}
	for topic, first := range map[string]int64{job.OutputTopic: 0, job.DeadLetter: 0} {
		if _, next, err := c.Offsets(t.Context(), topic); err != nil || next[0] != first {
			t.Errorf("%s holds %d records, %v", topic, next[0], err)
		}
	}
	written := map[string]int{"its own source": send(good, token, "", "ns"), "who may predict": send(good, "", "ada's", "")}
	for by, status := range written {
		if status != http.StatusOK {
			t.Fatalf("by %s: %d", by, status)
		}
	}
	await(t, c, job.OutputTopic, 2)
}

func sendAs(t *testing.T, url string, e event.Event, bearer, knative string) int {
	t.Helper()
	req, err := eventing.NewRequest(t.Context(), url, e)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if knative != "" {
		req.Header.Set("Kn-Namespace", knative)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}
