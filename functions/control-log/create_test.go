package controllog_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A datasource of records that nobody announced is a control message like any
// other: with exact ranges, told once, and found again where it comes by its topic.
func TestCreate(t *testing.T) {
	r := newRig(t)
	deployment := r.deployment(t)
	more := streamtest.Topic(t, r.cluster, 3)
	if _, err := r.cluster.Produce(t.Context(), more, 2, []stream.Record{{Value: []byte{1, 2, 3, 4}}}); err != nil {
		t.Fatal(err)
	}
	form := func(changes map[string]any) []byte {
		m := map[string]any{"deployment": deployment, "topic": r.data, "input_format": "RAW", "input_config": map[string]any{"data_type": "uint8"}, "validation_rate": 0.2}
		for k, v := range changes {
			m[k] = v
		}
		b, _ := json.Marshal(m)
		return b
	}
	create := func(body []byte) (*http.Response, string) {
		res, err := http.Post(r.URL+"/datasources", "application/json", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res, string(b)
	}
	for name, c := range map[string]struct {
		changes map[string]any
		status  int
		field   string
	}{
		"no topic":            {map[string]any{"topic": "nowhere"}, http.StatusNotFound, ""},
		"no deployment":       {map[string]any{"deployment": 99}, http.StatusUnprocessableEntity, "deployment"},
		"the wrong way":       {map[string]any{"since": "1d", "until": "2d"}, http.StatusUnprocessableEntity, "since"},
		"not a time":          {map[string]any{"since": "soon"}, http.StatusUnprocessableEntity, "since"},
		"nothing in the time": {map[string]any{"until": "1d"}, http.StatusUnprocessableEntity, "until"},
		"a compacted topic":   {map[string]any{"topic": compacted(t, r)}, http.StatusUnprocessableEntity, "topic"},
		"no format":           {map[string]any{"input_format": "XML"}, http.StatusUnprocessableEntity, "input_format"},
		"rates":               {map[string]any{"validation_rate": 0.5, "test_rate": 0.5}, http.StatusUnprocessableEntity, "validation_rate"},
		"not for the model":   {map[string]any{"input_config": map[string]any{"data_type": "uint9"}}, http.StatusUnprocessableEntity, "input_config.data_type"},
	} {
		t.Run(name, func(t *testing.T) {
			if res, body := create(form(c.changes)); res.StatusCode != c.status || !strings.Contains(body, c.field) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
		})
	}
	if told := r.tellings(); len(told) > 0 || len(r.list(t, "")) > 0 {
		t.Errorf("told of %v", told)
	}
	res, body := create(form(map[string]any{"topic": r.data + "," + more, "since": "1h", "description": "as they lie"}))
	if res.StatusCode != http.StatusCreated || res.Header.Get("Location") != "/datasources/1" {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	var d pipeline.Datasource
	r.get(t, "/datasources/1", &d)
	want := []pipeline.Range{{Topic: r.data, Partition: 0, Offset: 0, Length: 10}, {Topic: more, Partition: 2, Offset: 0, Length: 1}}
	if !slices.Equal(d.Ranges, want) || d.TotalMsg != 11 || d.Asked == nil || d.Asked.Since == nil || d.Origin.Topic != r.control || d.Deployment != deployment {
		t.Errorf("%+v", d)
	}
	rec, err := r.cluster.NewFinder(r.control).Find(t.Context(), 0, d.Origin.Offset)
	if err != nil {
		t.Fatal(err)
	}
	if status, reply := r.send(t, kafkaSource(rec)); status != 200 || reply.Subject() != "1" || reply.Type() != eventing.DatasourceReceived {
		t.Errorf("by its topic: %d %s", status, reply)
	}
	if all := r.list(t, ""); len(all) != 1 {
		t.Errorf("%d datasources", len(all))
	}
}

// compacted makes a compacted topic with a record.
func compacted(t *testing.T, r *rig) string {
	t.Helper()
	topic := streamtest.Name(t)
	if err := r.cluster.CreateTopic(t.Context(), topic, 1, map[string]string{"cleanup.policy": "compact"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.cluster.Produce(t.Context(), topic, 0, []stream.Record{{Key: []byte("k"), Value: []byte("v")}}); err != nil {
		t.Fatal(err)
	}
	return topic
}

// refuseUint9 stands for what deploy-training says of a stream and a model.
func refuseUint9(_ pipeline.Export, d pipeline.Datasource) error {
	if strings.Contains(string(d.InputConfig), "uint9") {
		return pipeline.Invalidf("input_config.data_type", "is not a type")
	}
	return nil
}
