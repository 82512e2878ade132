package controllog_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// signer is the installation's.
var signer = identity.NewSigner([]byte("of the installation under test"))

// sendAs posts an event with a token, none where who is empty.
func (r *rig) sendAs(t *testing.T, who string, e event.Event) int {
	t.Helper()
	req, err := eventing.NewRequest(t.Context(), r.URL, e)
	if err != nil {
		t.Fatal(err)
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+signer.Token(who, 0))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// Only what lies in the control topic is taken for a control message. The
// issue's example: one that is posted for the next offset retrained somebody
// else's deployment, and the honest one that came there was refused.
func TestAttackForgedControlRecord(t *testing.T) {
	r := newRig(t)
	stolen := r.value(map[string]any{"deployment_id": 7})
	honest := r.record(t, []byte{1}, r.value(nil))
	elsewhere := streamtest.Topic(t, r.cluster, 1)
	if _, err := r.cluster.Produce(t.Context(), elsewhere, 0, []stream.Record{{Value: stolen}}); err != nil {
		t.Fatal(err)
	}
	at := func(change func(*stream.Record)) stream.Record {
		forged := stream.Record{Topic: r.control, Offset: 1, Time: time.Now(), Value: stolen}
		change(&forged)
		return forged
	}
	for name, forged := range map[string]stream.Record{
		"at the next offset":          at(func(*stream.Record) {}),
		"far ahead":                   at(func(f *stream.Record) { f.Offset = 1 << 40 }),
		"in another partition":        at(func(f *stream.Record) { f.Partition = 3 }),
		"at the place of another":     at(func(f *stream.Record) { f.Offset = 0 }),
		"as a record of another kind": at(func(f *stream.Record) { f.Topic, f.Offset = elsewhere, 0 }),
	} {
		for kind, envelope := range map[string]func(stream.Record) event.Event{"KafkaSource": kafkaSource, "func-go": funcGo} {
			for _, who := range []string{"", identity.Job(1, 1), identity.Trigger(pipeline.StepControlLog)} {
				if status := r.sendAs(t, who, envelope(forged)); status != http.StatusForbidden {
					t.Errorf("%s, in the envelope of %s, by %q: %d", name, kind, who, status)
				}
			}
		}
	}
	if all := r.list(t, ""); len(all) != 0 || len(r.tellings()) != 0 {
		t.Fatalf("forged records became %+v", all)
	}
	next := r.record(t, []byte{2}, r.value(nil)) // where the forged one pretended to be
	for i, rec := range []stream.Record{honest, next} {
		if status, reply := r.send(t, kafkaSource(rec)); status != http.StatusOK || reply.Type() != eventing.DatasourceReceived {
			t.Errorf("honest record %d: %d %s", i, status, reply)
		}
	}
	if all := r.list(t, ""); len(all) != 2 || all[0].Deployment+all[1].Deployment != 3 {
		t.Errorf("%+v", all)
	}
}

// What the log no longer holds cannot be compared: it is taken from the reader
// of this process alone.
func TestAttackForgedControlRecordThatExpired(t *testing.T) {
	r := newRig(t)
	rec := r.record(t, []byte{1}, r.value(nil))
	r.record(t, []byte{1}, r.value(nil))
	r.expire(t, r.control, 1)
	if status := r.sendAs(t, "", kafkaSource(rec)); status != http.StatusForbidden {
		t.Errorf("from anybody: %d", status)
	}
	if status := r.sendAs(t, identity.Trigger(pipeline.StepControlLog), kafkaSource(rec)); status != http.StatusOK {
		t.Errorf("from the reader: %d", status)
	}
}

// expire drops the records of partition 0 before an offset, as retention does.
func (r *rig) expire(t *testing.T, topic string, before int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.cluster.Config().Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, At: before, LeaderEpoch: -1})
	answers, err := kadm.NewClient(client).DeleteRecords(t.Context(), offsets)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}
