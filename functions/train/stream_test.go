package train

import (
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// rows are n records of three numbers and a class.
func rows(t *testing.T, n int, x float32, class byte) (records []stream.Record) {
	t.Helper()
	for i := range n {
		records = append(records, stream.Record{Key: []byte{class}, Value: packed(t, [3]float32{x, float32(i), 1})})
	}
	return records
}

// A training takes what transactions committed, markers and aborted records left
// out: one of these has a class that the model does not know.
func TestTrainingOfTransactions(t *testing.T) {
	r := newRig(t)
	topic := streamtest.Topic(t, r.cluster, 1)
	x := streamtest.NewTransactions(t, r.cluster)
	x.Send(topic, 0, rows(t, 20, 0.5, 1), true)
	x.Send(topic, 0, rows(t, 15, 999, 200), false)
	x.Send(topic, 0, rows(t, 20, 0.25, 0), true)
	r.Job.Ranges = []pipeline.Range{{Topic: topic, Length: 58}}
	if err := Run(t.Context(), r.Config); err != nil || !slices.Equal(r.ends, []string{eventing.TrainingFinished}) {
		t.Fatalf("ended by %v, %v", r.ends, err)
	}
	if got := r.outcome.Lineage.Records; got != 40 {
		t.Errorf("trained on %d records", got)
	}
}

// A training whose topic was made anew fails, whatever the new one holds.
func TestTrainingOfATopicMadeAnew(t *testing.T) {
	r := newRig(t)
	r.produce(t, rows(t, 20, 1, 1))
	topic := r.Job.Ranges[0].Topic
	ids, err := r.cluster.TopicIDs(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	r.Job.TopicIDs = ids
	streamtest.Anew(t, r.cluster, topic, 1)
	if _, err := r.cluster.Produce(t.Context(), topic, 0, rows(t, 30, 2, 0)); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), r.Config); err == nil || !strings.Contains(r.outcome.Reason, "was made anew") || !strings.Contains(r.outcome.Reason, ids[topic]) {
		t.Errorf("%v; %q", err, r.outcome.Reason)
	}
}

// Who asks for GPUs where there are none is told.
func TestGPUsThatAreNotThere(t *testing.T) {
	for gpus, want := range []bool{false, true} {
		r := newRig(t)
		r.produce(t, rows(t, 20, 1, 1))
		r.Job.GPUs, r.Job.Warnings = gpus, []string{"known before"}
		if err := Run(t.Context(), r.Config); err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(strings.Join(r.outcome.Split.Warnings, "\n"), "GPUs were asked for, but TensorFlow finds none here"); said != want {
			t.Errorf("%d GPUs: %q", gpus, r.outcome.Split.Warnings)
		}
		if !slices.Contains(r.outcome.Split.Warnings, "known before") {
			t.Errorf("%q", r.outcome.Split.Warnings)
		}
	}
}
