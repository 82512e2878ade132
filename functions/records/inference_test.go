package records_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// idle is an inference that nothing serves, with its topics.
func (r *rig) idle(t *testing.T) pipeline.Inference {
	t.Helper()
	i := pipeline.Inference{
		Name: "idle", Result: r.result, Delivery: pipeline.Source, Status: pipeline.InferenceStopped, InputFormat: pipeline.RAW,
		InputConfig: json.RawMessage(`{"data_type":"uint8","data_reshape":"3"}`), InputTopic: "in", OutputTopic: "out", DeadLetter: "dead", MaxReplicas: 1, Partitions: 1,
	}
	for _, topic := range []string{"in", "out", "dead"} {
		if err := r.cluster.EnsureTopic(t.Context(), topic, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.store.Do(t.Context(), func(tx *registry.Tx) error { return tx.CreateInference(&i) }); err != nil {
		t.Fatal(err)
	}
	return i
}

func (r *rig) post(t *testing.T, path string, body []byte) (int, string) {
	t.Helper()
	answer, err := http.Post(r.URL+path, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var b bytes.Buffer
	_, _ = b.ReadFrom(answer.Body)
	return answer.StatusCode, b.String()
}

func TestARecordByHandGoesToTheInputTopic(t *testing.T) {
	r := newRig(t)
	i := r.idle(t)
	path := fmt.Sprintf("/inferences/%d/records", i.ID)
	if status, body := r.post(t, path+"?key=a", []byte{1, 2, 3}); status != http.StatusOK || !strings.Contains(body, `"records":1`) {
		t.Fatalf("%d %s", status, body)
	}
	var got stream.Record
	err := r.cluster.Read(t.Context(), pipeline.Range{Topic: "in", Length: 1}, func(x stream.Record) error {
		got = stream.Record{Key: bytes.Clone(x.Key), Value: bytes.Clone(x.Value), Headers: x.Headers}
		return nil
	})
	if err != nil || string(got.Key) != "a" || len(got.Value) != 3 || got.Headers[0].Key != "sent" {
		t.Errorf("got %+v, %v", got, err)
	}
	for query, want := range map[string]string{"": "record", "?example=none": "example", "?example=mnist&limit=0": "limit", "?example=mnist&rate=x": "rate"} {
		if status, body := r.post(t, path+query, []byte{1}); status != http.StatusUnprocessableEntity || !strings.Contains(body, `"field":"`+want) {
			t.Errorf("%s: %d %s, want 422 about %s", query, status, body, want)
		}
	}
	var traffic struct{ Input, Output, Dead, Lag int64 }
	if status := r.read(t, fmt.Sprintf("/inferences/%d/traffic", i.ID), &traffic); status != http.StatusOK || traffic.Input != 1 || traffic.Lag != 1 || traffic.Output != 0 {
		t.Errorf("traffic %+v, want one record in, not dealt with", traffic)
	}
}

// message is one of a stream of events.
type message struct{ id, data string }

// follow reads n messages with data.
func (r *rig) follow(t *testing.T, path string, n int) (all []message) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	id := ""
	for lines := bufio.NewScanner(answer.Body); len(all) < n && lines.Scan(); {
		if s, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			id = s
		}
		if s, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			all = append(all, message{id, s})
		}
	}
	return all
}

func TestTheTailIsDecodedAndResumes(t *testing.T) {
	r := newRig(t)
	i := r.idle(t)
	var records []stream.Record
	for k := range 5 {
		records = append(records, stream.Record{Key: []byte{byte(k)}, Value: fmt.Appendf(nil, `{"values": [%d]}`, k)})
	}
	if _, err := r.cluster.Produce(t.Context(), "out", 0, records); err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/inferences/%d/predictions", i.ID)
	got := r.follow(t, path+"?last=2", 2)
	if len(got) != 2 || got[0].id != "0:4" || !strings.Contains(got[0].data, `"values":[3]`) || got[1].id != "0:5" {
		t.Errorf("got %v, want the last two", got)
	}
	again := r.follow(t, path+"?after=0:1", 1)
	if len(again) != 1 || again[0].id != "0:2" || !strings.Contains(again[0].data, `"key":"1"`) {
		t.Errorf("resumed with %v, want offset 1", again)
	}
	var p struct{ Field string }
	if status := r.read(t, path+"?after=x", &p); status != http.StatusUnprocessableEntity || p.Field != "after" {
		t.Errorf("%d %+v", status, p)
	}
}

func TestDeadLettersSayWhy(t *testing.T) {
	r := newRig(t)
	i := r.idle(t)
	if _, err := r.cluster.Produce(t.Context(), "dead", 0, []stream.Record{
		{Value: []byte("a"), Headers: []stream.Header{{Key: "kafkaml-error", Value: []byte("first")}}},
		{Value: []byte("b"), Headers: []stream.Header{{Key: "kafkaml-error", Value: []byte("second")}}},
	}); err != nil {
		t.Fatal(err)
	}
	var page struct{ Items []struct{ Error string } }
	if status := r.read(t, fmt.Sprintf("/inferences/%d/dead-letters?limit=1", i.ID), &page); status != http.StatusOK || len(page.Items) != 1 || page.Items[0].Error == "" {
		t.Errorf("%d %+v, want the last letter", status, page)
	}
}
