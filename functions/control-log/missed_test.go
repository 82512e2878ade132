package controllog_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// A control message that its source gave up, being unable to send it, is taken
// from the log before the next one.
func TestControlMessageThatDidNotCome(t *testing.T) {
	r := newRig(t)
	first := r.record(t, []byte{1}, r.value(map[string]any{"seed": 1}))
	if _, err := r.cluster.Produce(t.Context(), r.control, 0, []stream.Record{
		{Key: []byte{2}, Value: r.value(map[string]any{"seed": 2}), Headers: []stream.Header{{Key: "x", Value: []byte("a\x00b")}}}, {Key: []byte{2}, Value: []byte("junk")},
	}); err != nil {
		t.Fatal(err)
	}
	last := r.record(t, []byte{1}, r.value(map[string]any{"seed": 4}))
	for _, rec := range []stream.Record{first, last, last} {
		if status, reply := r.send(t, kafkaSource(rec)); status != http.StatusOK || reply.Type() != eventing.DatasourceReceived {
			t.Fatalf("%d %s", status, reply)
		}
	}
	var got []string
	for _, d := range r.list(t, "") {
		got = append(got, fmt.Sprintf("%d for %d, seed %d, refused %v", d.Origin.Offset, d.Deployment, d.Seed, d.Rejected != nil))
	}
	slices.Sort(got)
	want := []string{"0 for 1, seed 1, refused false", "1 for 2, seed 2, refused false", "2 for 2, seed 0, refused true", "3 for 1, seed 4, refused false"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if told := slices.Compact(r.tellings()); !slices.Equal(told, []int64{1, 2, 4}) {
		t.Errorf("told of %v", told)
	}
}

// A dead letter is the last word of its source: what deploy-training could not be
// told of is kept with the reason.
func TestDeadLetterOfAControlMessage(t *testing.T) {
	r := newRig(t)
	r.setAway(true)
	e := kafkaSource(r.record(t, []byte{1}, r.value(nil)))
	e.SetExtension("knativeerrordest", r.URL)
	if status, _ := r.send(t, e); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	var d pipeline.Datasource
	r.get(t, "/datasources/1", &d)
	if d.Unused == nil || !strings.Contains(d.Unused.Reason, "deploy-training could not be told") || !strings.Contains(d.Unused.Hint, "datasources resend") {
		t.Errorf("%+v", d.Unused)
	}
}
