package controllog_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A control topic that is made anew gives its offsets again: their messages are
// new ones, also where they are as long as the old ones.
func TestControlTopicMadeAnew(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		if _, reply := r.send(t, kafkaSource(r.record(t, []byte{1}, r.value(map[string]any{"seed": i})))); reply.Type() != eventing.DatasourceReceived {
			t.Fatalf("%s", reply)
		}
	}
	streamtest.Anew(t, r.cluster, r.control, 1)
	for i := range 4 {
		e := kafkaSource(r.record(t, []byte{1}, r.value(map[string]any{"seed": 5 + i})))
		for range 2 { // delivered twice
			if _, reply := r.send(t, e); reply.Type() != eventing.DatasourceReceived || reply.Subject() != fmt.Sprint(4+i) {
				t.Errorf("message %d: %s", i, reply)
			}
		}
	}
	all := r.list(t, "")
	if len(all) != 7 || all[0].Seed != 8 || all[0].Origin.Offset != 3 || all[0].Origin.TopicID == all[6].Origin.TopicID {
		t.Errorf("%+v", all)
	}
}

// old is a datasource that was made before.
func (r *rig) old(o pipeline.Origin, received time.Time) pipeline.Datasource {
	return pipeline.Datasource{
		Deployment: 1, InputFormat: pipeline.RAW, InputConfig: []byte("{}"), Retention: pipeline.Retention{State: pipeline.Available},
		Ranges: []pipeline.Range{{Topic: r.data, Length: 10}}, Origin: o, Received: received,
	}
}

// A datasource of an earlier version has no topic's id: a record that comes again
// finds it, one of a topic that was made anew, and was written later, does not.
func TestDatasourceWithoutATopicsID(t *testing.T) {
	for after, subject := range map[time.Duration]string{time.Second: "1", -time.Minute: "2"} {
		r := newRig(t)
		rec := r.record(t, []byte{1}, r.value(nil))
		before := r.old(pipeline.Origin{Topic: r.control, Bytes: len(rec.Key) + len(rec.Value)}, rec.Time.Add(after))
		if err := r.store.Do(t.Context(), func(tx *registry.Tx) error { return tx.CreateDatasource(&before) }); err != nil {
			t.Fatal(err)
		}
		if _, reply := r.send(t, kafkaSource(rec)); reply.Subject() != subject {
			t.Errorf("received %v after the record: %s", after, reply)
		}
	}
}

// A stream whose topic was made anew is not sent again, nor trained on.
func TestDataTopicMadeAnew(t *testing.T) {
	r := newRig(t)
	if _, reply := r.send(t, kafkaSource(r.record(t, []byte{1}, r.value(nil)))); reply.Type() != eventing.DatasourceReceived {
		t.Fatalf("%s", reply)
	}
	known, err := registry.Read(t.Context(), r.store, func(tx *registry.Tx) (pipeline.Datasource, error) { return tx.Datasource(1) })
	if err != nil {
		t.Fatal(err)
	}
	before := known.TopicIDs[r.data]
	streamtest.Anew(t, r.cluster, r.data, 1)
	r.produce(t, 12)
	ids, err := r.cluster.TopicIDs(t.Context(), r.data)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(r.URL+"/datasources/1/resend", "application/json", strings.NewReader(fmt.Sprintf(`{"deployment":%d}`, r.deployment(t))))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusConflict || !strings.Contains(string(body), before) || !strings.Contains(string(body), ids[r.data]) || before == "" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	var d pipeline.Datasource
	r.get(t, "/datasources/1", &d)
	if d.Retention.State != pipeline.Expired || !strings.Contains(d.Retention.Reason, "made anew") {
		t.Errorf("%+v", d.Retention)
	}
}

// What a deployment has trained on is not sent to it again.
func TestResendThatChangesNothing(t *testing.T) {
	r := newRig(t)
	if _, reply := r.send(t, kafkaSource(r.record(t, []byte{1}, r.value(nil)))); reply.Type() != eventing.DatasourceReceived {
		t.Fatalf("%s", reply)
	}
	deployment := r.deployment(t)
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		return tx.CreateResult(&pipeline.Result{Deployment: deployment, Configuration: 1, Model: 1, ModelName: "m", Datasource: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(r.URL+"/datasources/1/resend", "application/json", strings.NewReader(fmt.Sprintf(`{"deployment":%d}`, deployment)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusConflict || !strings.Contains(string(body), fmt.Sprintf("deployment %d already trained on this stream, as datasource 1", deployment)) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if n := len(r.list(t, "")); n != 1 {
		t.Errorf("%d datasources", n)
	}
}

// A control message that is a CloudEvent of its own is taken by its place in the
// log, with the key that KafkaSource leaves out, whatever it says that it is.
func TestControlMessageThatIsACloudEvent(t *testing.T) {
	for _, typ := range []string{"com.example.announced", eventing.DatasourceResend} {
		r := newRig(t)
		rec := stream.Record{Key: []byte("31"), Value: r.value(nil), Headers: []stream.Header{
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte("i")},
			{Key: "ce_type", Value: []byte(typ)},
			{Key: "ce_source", Value: []byte("/plant#line")},
			{Key: "content-type", Value: []byte("application/cloudevents+json")},
		}}
		if _, err := r.cluster.Produce(t.Context(), r.control, 0, []stream.Record{rec}); err != nil {
			t.Fatal(err)
		}
		rec.Topic = r.control
		if status, reply := r.send(t, kafkaSource(rec)); status != http.StatusOK || reply.Type() != eventing.DatasourceReceived {
			t.Errorf("%s: %d %s", typ, status, reply)
		}
		if all := r.list(t, ""); len(all) != 1 || all[0].Deployment != 31 || all[0].Origin.Topic != r.control {
			t.Errorf("%s: %+v", typ, all)
		}
	}
}
