package records_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// looked is what GET /topics/{topic} answers.
type looked struct {
	Says     string
	Hint     string
	Format   pipeline.Format
	Offsets  int64
	Items    []struct{ Value json.RawMessage }
	Proposal *struct {
		Config json.RawMessage `json:"input_config"`
		Inputs map[string][]string
		Label  string
		Notes  []string
	}
}

// A topic that nobody made for a model is listed, looked at, and its fields are
// proposed to a model's deployment; the proposal decodes them.
func TestATopicThatWasNotMadeForAModel(t *testing.T) {
	r := newRig(t)
	topic := streamtest.Topic(t, r.cluster, 3)
	for i := range 30 {
		value := fmt.Appendf(nil, `{"id": "p-%d", "width": %d.5, "height": 2, "weight": %d, "label": %d}`, i, i, i, i%2)
		if i == 7 {
			value = []byte(`{"id": "p-7", "width": "wide", "height": 2, "weight": 1, "label": 1}`)
		}
		if _, err := r.cluster.Produce(t.Context(), topic, i%3, []stream.Record{{Key: []byte("k"), Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	var all registry.Page[struct {
		Name       string
		Partitions int
		Offsets    int64
		Retention  string
	}]
	r.read(t, "/topics?q="+strings.ToUpper(topic), &all)
	if len(all.Items) != 1 || all.Items[0].Name != topic || all.Items[0].Partitions != 3 || all.Items[0].Offsets != 30 || all.Items[0].Retention == "" {
		t.Errorf("%+v", all)
	}
	var l looked
	r.read(t, fmt.Sprintf("/topics/%s?deployment=%d", topic, r.deployment), &l)
	if l.Format != pipeline.JSON || l.Says != "all of 30 records are JSON" || l.Offsets != 30 || len(l.Items) != 30 {
		t.Errorf("%+v", l)
	}
	p := l.Proposal
	if p == nil || p.Label != "label" || len(p.Inputs["input"]) != 0 || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], `3 values, and only 2 fields may be meant: height, weight`) {
		t.Errorf("%+v", p)
	}
	var tried struct {
		Tried, Failed int64
		First         string
		Items         []struct{ Sample [][]float64 }
		Counts        map[string]int64
	}
	status := r.try(t, topic, fmt.Sprintf(`{"deployment": %d, "input_format": "JSON", "input_config": {"data_fields": ["width", "height", "weight"], "label_field": "label"}, "limit": 2}`, r.deployment), &tried)
	if status != http.StatusOK || tried.Tried != 30 || tried.Failed != 1 || !strings.Contains(tried.First, `partition 1, offset 2: value: member "width"`) || len(tried.Items) != 2 || tried.Counts["0"] != 15 {
		t.Errorf("status %d: %+v", status, tried)
	}
}

// A proposal whose fields suit can be sent as it is.
func TestAProposalThatSuits(t *testing.T) {
	r := newRig(t)
	topic := streamtest.Topic(t, r.cluster, 1)
	var records []stream.Record
	for i := range 20 {
		records = append(records, stream.Record{Value: fmt.Appendf(nil, `{"at": "2026-01-02T03:04:05Z", "a": %d, "b": 2, "c": true, "class": %d}`, i, i%2)})
	}
	if _, err := r.cluster.Produce(t.Context(), topic, 0, records); err != nil {
		t.Fatal(err)
	}
	var l looked
	r.read(t, fmt.Sprintf("/topics/%s?deployment=%d", topic, r.deployment), &l)
	if l.Proposal == nil || string(l.Proposal.Config) != `{"data_fields":["a","b","c"],"label_field":"class"}` || len(l.Proposal.Notes) > 0 {
		t.Fatalf("%+v", l.Proposal)
	}
	var tried struct {
		Failed int64
		Items  []struct{ Sample [][]float64 }
	}
	if r.try(t, topic, fmt.Sprintf(`{"deployment": %d, "input_format": "JSON", "input_config": %s}`, r.deployment, l.Proposal.Config), &tried); tried.Failed != 0 || len(tried.Items) != 5 || !slices.Equal(tried.Items[1].Sample[0], []float64{1, 2, 1}) {
		t.Errorf("%+v", tried)
	}
}

// A try decodes what a datasource of the same times would train on, and refuses
// what the training would: classes that the model does not have.
func TestTriesByTime(t *testing.T) {
	r := newRig(t)
	r.deploys(t, "classifier", pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "input", DType: "float32", Shape: []int{3}}},
		Labels: []pipeline.Tensor{{Name: "output", DType: "int32", Shape: []int{}}}, Task: pipeline.Classification, Classes: 2,
	})
	topic := streamtest.Topic(t, r.cluster, 2)
	for i, class := range []int{0, 1, 9} {
		record := stream.Record{Value: fmt.Appendf(nil, `{"a": 1, "b": 2, "c": 3, "class": %d}`, class), Time: time.Now().Add(time.Duration(i-3) * time.Hour)}
		if _, err := r.cluster.Produce(t.Context(), topic, i%2, []stream.Record{record}); err != nil {
			t.Fatal(err)
		}
	}
	for times, want := range map[string]struct {
		tried, failed int64
		says          string
	}{
		``:                                  {3, 1, "partition 0, offset 1: label 9: the model has the classes 0 to 1"},
		`, "since": "150m", "until": "90m"`: {1, 0, ""},
		`, "since": "last 90 minutes"`:      {1, 1, "partition 0, offset 1"},
		`, "since": "10m"`:                  {0, 0, "holds no record"},
		`, "until": "yesterday"`:            {0, 0, "is not a time"},
	} {
		var tried struct {
			Tried, Failed int64
			First, Detail string
		}
		r.try(t, topic, fmt.Sprintf(`{"deployment": %d, "input_format": "JSON", "input_config": {"data_fields": ["a", "b", "c"], "label_field": "class"}%s}`, r.deployment, times), &tried)
		if tried.Tried != want.tried || tried.Failed != want.failed || !strings.Contains(tried.First+tried.Detail, want.says) {
			t.Errorf("%s: %+v", times, tried)
		}
	}
}

// What cannot be looked at says why.
func TestTopicsThatCannotBeUsed(t *testing.T) {
	r := newRig(t)
	empty := streamtest.Topic(t, r.cluster, 1)
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/topics/no-such-topic":                {http.StatusNotFound, "no-such-topic"},
		"/topics/__consumer_offsets":           {http.StatusUnprocessableEntity, "one of Kafka's own"},
		"/topics/" + r.control:                 {http.StatusUnprocessableEntity, "name a topic of data"},
		"/topics/a%20b":                        {http.StatusUnprocessableEntity, "topic"},
		"/topics/" + empty:                     {http.StatusOK, "the topic holds no records"},
		"/topics/" + empty + "?deployment=999": {http.StatusUnprocessableEntity, "there is no deployment 999"},
		"/topics/" + empty + "?limit=0":        {http.StatusUnprocessableEntity, "limit"},
		"/topics?limit=1&after=~":              {http.StatusOK, "items"},
	} {
		var answer json.RawMessage
		if status := r.read(t, path, &answer); status != want.status || !strings.Contains(string(answer), want.says) {
			t.Errorf("%s: status %d, %s", path, status, answer)
		}
	}
	for body, says := range map[string]string{
		`{`: "body",
		fmt.Sprintf(`{"deployment": %d, "input_format": "CSV"}`, r.deployment):                                               "is not a format",
		fmt.Sprintf(`{"deployment": %d, "input_format": "JSON", "input_config": {"data_fields": ["a", "a"]}}`, r.deployment): "named twice",
		`{"input_format": "JSON"}`: "deployment",
	} {
		var answer json.RawMessage
		if status := r.try(t, empty, body, &answer); status != http.StatusUnprocessableEntity || !strings.Contains(string(answer), says) {
			t.Errorf("%s: status %d, %s", body, status, answer)
		}
	}
}

// try posts to a topic's preview.
func (r *rig) try(t *testing.T, topic, body string, v any) int {
	t.Helper()
	answer, err := http.Post(r.URL+"/topics/"+topic+"/preview", "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if err := json.NewDecoder(answer.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// Records whose labels come on another topic are shown without.
func TestRecordsWhoseLabelsComeLaterAreShown(t *testing.T) {
	r := newRig(t)
	const config = `{"inputs": ["a", "b", "c"], "label": {"from": "topic", "topic": "outcomes", "path": "y", "on": "id"}}`
	id := r.storedAs(t, r.deployment, []stream.Record{{Value: []byte(`{"id": 1, "a": 1, "b": 2, "c": 3}`)}}, pipeline.JSON, config)
	var p preview
	if status := r.read(t, fmt.Sprintf("/datasources/%d/records", id), &p); status != http.StatusOK || len(p.Items) != 1 || p.Items[0].Error != "" || *p.Items[0].Sample[0][2] != 3 || len(p.Items[0].Label) > 0 {
		t.Errorf("status %d, %+v", status, p)
	}
}

// A try looks for labels on their topic, as a training does: the newest within the
// time counts, and what matches none is counted.
func TestTriesWithLateLabels(t *testing.T) {
	r := newRig(t)
	topic, outcomes := streamtest.Topic(t, r.cluster, 1), streamtest.Topic(t, r.cluster, 1)
	began := time.Now().Add(-3 * time.Hour)
	var sent, late []stream.Record
	for i := range 6 {
		at := began.Add(time.Duration(i) * time.Minute)
		sent = append(sent, stream.Record{Time: at, Value: fmt.Appendf(nil, `{"id": %d, "a": %d, "b": 2, "c": 3}`, i, i)})
		label := func(class int, after time.Duration) {
			late = append(late, stream.Record{Time: at.Add(after), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"fraud": %d}`, class)})
		}
		if i < 4 {
			label(0, 30*time.Minute)
		}
		if i == 1 {
			label(1, 40*time.Minute)
		}
		if i == 4 {
			label(1, 2*time.Hour) // too late
		}
	}
	late = append(late, stream.Record{Key: []byte("9"), Value: []byte(`{"fraud": "maybe"}`)})
	for name, records := range map[string][]stream.Record{topic: sent, outcomes: late} {
		if _, err := r.cluster.Produce(t.Context(), name, 0, records); err != nil {
			t.Fatal(err)
		}
	}
	var tried struct {
		Tried, Failed int64
		First, Field  string
		Joined        *pipeline.Joined
		Counts        map[string]int64
		Items         []struct{ Label [][]float64 }
		Batch         *pipeline.Batch
	}
	config := `{"deployment": %d, "input_format": "JSON", "batch": 8, "input_config": {"inputs": ["a", "b", "c"], "label": {"from": "topic", "topic": "%s", "on": "id", "path": "fraud", "within": "1h"}}}`
	r.try(t, topic, fmt.Sprintf(config, r.deployment, outcomes), &tried)
	want := pipeline.Joined{Topic: outcomes, Labels: 6, Matched: 4, Doubled: 1, Unlabelled: 2}
	if tried.Joined == nil || *tried.Joined != want || tried.Counts["0"] != 3 || tried.Counts["1"] != 1 || len(tried.Items) != 4 || tried.Items[1].Label[0][0] != 1 {
		t.Errorf("%+v %+v", tried, tried.Joined)
	}
	if tried.Failed != 1 || !strings.HasPrefix(tried.First, "topic "+outcomes+", partition 0, offset 6: label: ") || tried.Batch == nil || len(tried.Batch.Records) != 4 || len(tried.Batch.Labels) != 1 {
		t.Errorf("%+v", tried)
	}
	if status := r.try(t, topic, fmt.Sprintf(config, r.deployment, "no-such-topic"), &tried); status < 400 || tried.Field != "input_config.label.topic" {
		t.Errorf("status %d: %+v", status, tried)
	}
}
