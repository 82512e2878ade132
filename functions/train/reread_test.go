package train

import (
	"strconv"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// ids are the numbers of records that rows gave, and how many there are of each
// label.
func ids(t *testing.T, r framework.Records) (ids map[float64]bool, labels map[string]int64) {
	t.Helper()
	numbers, err := codec.Floats(r.Inputs[0].Data, r.Inputs[0].DType)
	if err != nil {
		t.Fatal(err)
	}
	classes, err := codec.Floats(r.Labels[0].Data, r.Labels[0].DType)
	if err != nil || len(classes) != r.Len || len(numbers) != 3*r.Len {
		t.Fatalf("%d numbers and %d labels of %d records, %v", len(numbers), len(classes), r.Len, err)
	}
	ids, labels = map[float64]bool{}, map[string]int64{}
	for i, class := range classes {
		ids[numbers[3*i+1]] = true
		labels[strconv.Itoa(int(class))]++
	}
	return ids, labels
}

// TestReread holds that records which are read again are those of the training's
// own splits.
func TestReread(t *testing.T) {
	r := newRig(t)
	var records []stream.Record
	for i := range 60 {
		records = append(records, stream.Record{Key: []byte{byte(i % 3 % 2)}, Value: packed(t, [3]float32{0.5, float32(i), 1})})
	}
	r.produce(t, records)
	for name, change := range map[string]func(*pipeline.TrainingJob){
		"by time":     func(*pipeline.TrainingJob) {},
		"shuffled":    func(j *pipeline.TrainingJob) { j.ShuffleStream = true },
		"at random":   func(j *pipeline.TrainingJob) { j.Split = pipeline.SplitRandom },
		"by label":    func(j *pipeline.TrainingJob) { j.Split = pipeline.SplitLabel },
		"validation":  func(j *pipeline.TrainingJob) { j.ValidationRate, j.TestRate = 0.25, 0 },
		"all of them": func(j *pipeline.TrainingJob) { j.ValidationRate, j.TestRate = 0, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			r.Job.Split, r.Job.ShuffleStream, r.Job.StreamSeed, r.Job.TestRate, r.Job.ValidationRate = "", false, 7, 0.25, 0.1
			change(&r.Job)
			r.ends = nil
			if err := Run(t.Context(), r.Config); err != nil {
				t.Fatal(err)
			}
			audit := r.outcome.Split
			kept := audit.Test
			if kept.Records == 0 {
				kept = audit.Validation
			}
			got, err := Reread(t.Context(), r.Config, 1000, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if int64(got.Samples.Len) != audit.Training.Records || int64(got.Tests.Len) != kept.Records || (got.Lacking != "") != (kept.Records == 0) {
				t.Fatalf("%d and %d records (%s) of %+v", got.Samples.Len, got.Tests.Len, got.Lacking, audit)
			}
			trained, labels := ids(t, got.Samples)
			for label, n := range audit.Training.Labels {
				if labels[label] != n {
					t.Errorf("of class %s %d in place of %d trained", label, labels[label], n)
				}
			}
			if kept.Records == 0 {
				return
			}
			tested, labels := ids(t, got.Tests)
			for label, n := range kept.Labels {
				if labels[label] != n {
					t.Errorf("of class %s %d in place of %d were kept back", label, labels[label], n)
				}
			}
			for id := range tested {
				if trained[id] {
					t.Errorf("record %v is in both", id)
				}
			}
		})
	}
	few, err := Reread(t.Context(), r.Config, 5, 0)
	if err != nil || few.Samples.Len != 5 {
		t.Errorf("%d of 5 samples, %v", few.Samples.Len, err)
	}
	all, err := r.cluster.TopicIDs(t.Context(), r.Job.Ranges[0].Topic)
	if err != nil {
		t.Fatal(err)
	}
	r.Job.TopicIDs = all
	streamtest.Anew(t, r.cluster, r.Job.Ranges[0].Topic, 1)
	if gone, err := Reread(t.Context(), r.Config, 5, 5); err != nil || gone.Lacking == "" || gone.Samples.Len+gone.Tests.Len > 0 {
		t.Errorf("of a topic that was made anew: %+v, %v", gone, err)
	}
}
