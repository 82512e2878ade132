package train

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// Labels that come on another topic train the weights that the same labels train
// within the records; what found none, or several, is counted.
func TestTrainingOnLabelsThatComeLater(t *testing.T) {
	r := newRig(t)
	const n, late = 60, 2 * time.Hour
	rows, classes := plants(n)
	began := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	var whole, events, outcomes []stream.Record
	for i, x := range rows {
		at := began.Add(time.Duration(i) * time.Second)
		body := fmt.Sprintf(`"plant": {"id": %d}, "a": %v, "b": %v, "c": %v`, i, x[0], x[1], x[2])
		whole = append(whole, stream.Record{Time: at, Value: fmt.Appendf(nil, `{%s, "y": %d}`, body, classes[i])})
		events = append(events, stream.Record{Time: at, Value: fmt.Appendf(nil, `{%s}`, body)})
		outcome := func(class byte, after time.Duration) {
			outcomes = append(outcomes, stream.Record{Time: at.Add(after), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"outcome": {"class": %d}}`, class)})
		}
		switch i % 10 {
		case 0: // corrected
			outcome(1-classes[i], late-time.Minute)
		case 1: // of an earlier plant of that id
			outcome(1-classes[i], -time.Hour)
		}
		outcome(classes[i], late)
	}
	for i := range 3 { // which get none in time
		at := began.Add(time.Minute)
		events = append(events, stream.Record{Time: at, Value: fmt.Appendf(nil, `{"plant": {"id": "none-%d"}, "a": 1, "b": 1, "c": 1}`, i)})
		outcomes = append(outcomes, stream.Record{Time: at.Add(30 * time.Hour), Key: fmt.Appendf(nil, "none-%d", i), Value: []byte(`{"outcome": {"class": 1}}`)})
	}
	send := func(records []stream.Record) string {
		topic := streamtest.Topic(t, r.cluster, 1)
		if _, err := r.cluster.Produce(t.Context(), topic, 0, records); err != nil {
			t.Fatal(err)
		}
		return topic
	}
	want := r.trained(t, pipeline.JSON, `{"inputs": ["a", "b", "c"], "label": "y"}`, send(whole), n)
	data, labels := send(events), send(outcomes)
	announce := func(column string) {
		r.Job.InputFormat = pipeline.JSON
		r.Job.InputConfig = json.RawMessage(fmt.Sprintf(`{"inputs": ["a", "b", "c"], "label": {"from": "topic", "topic": %q, %s}}`, labels, column))
		r.Job.Ranges = []pipeline.Range{{Topic: data, Length: int64(len(events))}, {Topic: labels, Length: int64(len(outcomes))}}
		r.ends = nil
	}
	train := func(column string) error {
		announce(column)
		return Run(t.Context(), r.Config)
	}
	if err := train(`"path": "outcome.class", "on": "plant.id", "within": "3h"`); err != nil || !slices.Equal(r.ends, []string{eventing.TrainingFinished}) {
		t.Fatalf("ended by %v, %v", r.ends, err)
	}
	if got := r.outcome.Lineage.WeightsHash; got != want {
		t.Errorf("labels of another topic train %s, those of the records %s", got, want)
	}
	audit := pipeline.Joined{Topic: labels, Labels: int64(len(outcomes)), Matched: n, Doubled: 6, Unlabelled: 3}
	if diff := cmp.Diff(&audit, r.outcome.Split.Joined); diff != "" {
		t.Error(diff)
	}
	if err := train(`"path": "outcome.class", "on": "plant.id", "within": "3h", "missing": 0`); err != nil {
		t.Fatal(err)
	}
	if j := r.outcome.Split.Joined; j.Assumed != 3 || j.Unlabelled != 0 || r.outcome.Lineage.Records != n+3 {
		t.Errorf("%+v of %d records", j, r.outcome.Lineage.Records)
	}
	for column, reason := range map[string]string{
		`"path": "outcome.class", "on": "plant.id", "within": "1s"`:        "none of 63 records found its label among",
		`"path": "outcome.class", "on": "plant.name"`:                      `"plant.name" is not there`,
		`"path": "outcome.klass", "on": "plant.id"`:                        `"outcome.klass" is not there`,
		`"path": "outcome.class", "on": "plant.id", "match": "outcome.id"`: `"outcome.id" is not there`,
		`"path": "outcome.class", "on": "plant.id", "within": "soon"`:      `"soon" is not a span of time`,
		`"on": "plant.id"`:                    "is missing",
		`"path": "outcome", "on": "plant.id"`: "object",
	} {
		if err := train(column); err == nil || !strings.Contains(r.outcome.Reason, reason) || r.outcome.Hint == "" {
			t.Errorf("%s: %v, %q, hint %q", column, err, r.outcome.Reason, r.outcome.Hint)
		}
	}
	announce(`"path": "outcome.class", "on": "plant.id"`)
	r.Job.Ranges = r.Job.Ranges[:1]
	if err := Run(t.Context(), r.Config); err == nil || !strings.Contains(r.outcome.Reason+r.outcome.Hint, "announce its ranges") {
		t.Errorf("%q, %q", r.outcome.Reason, r.outcome.Hint)
	}
}
