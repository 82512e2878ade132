package controllog_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// flooded is a rig whose control topic holds the message that a deployment has
// trained on, and then others by what they are.
func flooded(t *testing.T, what string) (r *rig, records []stream.Record) {
	t.Helper()
	r = newRig(t)
	deployment := r.deployment(t)
	key := []byte{byte(deployment)}
	values := map[rune][]byte{'s': r.value(nil), 'o': r.value(map[string]any{"seed": 1}), 'g': []byte("{")}
	var batch []stream.Record
	for _, c := range what {
		batch = append(batch, stream.Record{Key: key, Value: values[c]})
	}
	first := r.record(t, key, values['s'])
	if _, reply := r.send(t, kafkaSource(first)); reply.Type() != eventing.DatasourceReceived {
		t.Fatalf("%s", reply)
	}
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		return tx.CreateResult(&pipeline.Result{Deployment: deployment, Configuration: 1, Model: 1, ModelName: "m", Datasource: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	base, err := r.cluster.Produce(t.Context(), r.control, 0, batch)
	if err != nil {
		t.Fatal(err)
	}
	for i := range batch {
		batch[i].Topic, batch[i].Offset = r.control, base+int64(i)
	}
	return r, batch
}

func (r *rig) count(t *testing.T) int {
	t.Helper()
	n, err := registry.Read(t.Context(), r.store, func(tx *registry.Tx) (int, error) {
		page, err := tx.Datasources(registry.Query{})
		return len(page.Items), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Messages that have no effect are made datasources of together, as far as the
// next one that has: each is answered with its own, in order, and told of to
// nobody. One that has an effect is taken when it comes.
func TestRepeatedMessagesAreReadAhead(t *testing.T) {
	r, records := flooded(t, "ssgssoss")
	held := map[int]int{0: 6, 5: 7, 6: 9} // datasources after a delivery
	for i, rec := range records {
		status, reply := r.send(t, kafkaSource(rec))
		if want := fmt.Sprint(i + 2); status != http.StatusOK || reply.Subject() != want {
			t.Errorf("record %d: %d %s, want datasource %s", i, status, reply, want)
		}
		if want, ok := held[i]; ok && r.count(t) != want {
			t.Errorf("after record %d there are %d datasources, want %d", i, r.count(t), want)
		}
	}
	if told := r.tellings(); !slices.Equal(told, []int64{1, 7}) {
		t.Errorf("deploy-training was told of %v", told)
	}
	for i, d := range r.list(t, "") { // the newest first
		offset := int64(8 - i)
		if d.Origin.Offset != offset || (d.Rejected != nil) != (offset == 3) || (d.Unused != nil) != !slices.Contains([]int64{0, 3, 6}, offset) {
			t.Errorf("offset %d: %+v, refused %v, unused %v", offset, d.Origin, d.Rejected, d.Unused)
		}
	}
}

// A record that comes again, or comes to a process that has read nothing ahead,
// finds the datasource that it has.
func TestReadAheadTwice(t *testing.T) {
	r, records := flooded(t, "ssss")
	for range 2 {
		for i, rec := range records {
			if _, reply := r.send(t, kafkaSource(rec)); reply.Subject() != fmt.Sprint(i+2) {
				t.Errorf("record %d: %s", i, reply)
			}
		}
	}
	if n := r.count(t); n != 5 {
		t.Errorf("%d datasources", n)
	}
}

// What was read ahead answers for the record that lies there, for no other.
func TestAttackARecordThatWasReadAhead(t *testing.T) {
	r, records := flooded(t, "ss")
	r.send(t, kafkaSource(records[0]))
	forged := records[1]
	forged.Value = r.value(map[string]any{"seed": 9})
	if status, reply := r.send(t, kafkaSource(forged)); status != http.StatusForbidden {
		t.Errorf("%d %s", status, reply)
	}
}
