package train

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// readings are records of some keys, each with one number and a label; of a key
// that ends in x, fewer than a window takes.
func readings(n int, began time.Time) (all []stream.Record, values [][2]float64, keys []string) {
	random := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		key := fmt.Sprint("sensor-", random.IntN(4))
		if i == n/2 {
			key = "x"
		}
		v := [2]float64{float64(int(random.Float64()*1000)) / 1000, float64(random.IntN(2))}
		all = append(all, stream.Record{
			Key: []byte(key), Time: began.Add(time.Duration(i) * time.Second),
			Value: fmt.Appendf(nil, `{"id": %d, "sensor": {"name": %q}, "v": %v, "y": %v}`, i, key, v[0], v[1]),
		})
		values, keys = append(values, v), append(keys, key)
	}
	return all, values, keys
}

// made are the windows of three readings of a key, with the label of the one that
// comes so many after, as records of their own.
func made(values [][2]float64, keys []string, horizon int) (all []stream.Record) {
	of := map[string][][2]float64{}
	for i, key := range keys {
		of[key] = append(of[key], values[i])
		v := of[key]
		last := len(v) - 1 - horizon
		if last < 2 {
			continue
		}
		all = append(all, stream.Record{Value: fmt.Appendf(nil, `{"a": %v, "b": %v, "c": %v, "y": %v}`, v[last-2][0], v[last-1][0], v[last][0], v[len(v)-1][1])})
	}
	return all
}

// Windows of a stream train the weights that the same windows train when somebody
// has written each as a record; their labels may come later, or on another topic.
func TestTrainingOnWindows(t *testing.T) {
	r := newRig(t)
	const n = 90
	began := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	all, values, keys := readings(n, began)
	send := func(records []stream.Record) string {
		topic := streamtest.Topic(t, r.cluster, 1)
		if _, err := r.cluster.Produce(t.Context(), topic, 0, records); err != nil {
			t.Fatal(err)
		}
		return topic
	}
	data := send(all)
	r.Job.ValidationRate = 0.2
	for horizon, by := range []string{`"key"`, `"sensor.name"`} {
		whole := made(values, keys, horizon)
		want := r.trained(t, pipeline.JSON, `{"inputs": ["a", "b", "c"], "label": "y"}`, send(whole), len(whole))
		got := r.trained(t, pipeline.JSON, fmt.Sprintf(`{"inputs": "v", "label": "y", "window": {"size": 3, "by": %s, "horizon": %d}}`, by, horizon), data, n)
		if got != want {
			t.Errorf("horizon %d: windows train %s, the same as records %s", horizon, got, want)
		}
		audit := pipeline.Windows{Size: 3, Windows: int64(len(whole)), Keys: 5, Records: n, Unused: int64(1 + 4*horizon)}
		audit.Said = audit.Sentence()
		if diff := cmp.Diff(&audit, r.outcome.Split.Windows); diff != "" {
			t.Error(diff)
		}
		if r.outcome.Lineage.Records != n || r.outcome.Split.Training.Records+r.outcome.Split.Validation.Records != audit.Windows {
			t.Errorf("%d records, %+v", r.outcome.Lineage.Records, r.outcome.Split)
		}
		if horizon == 0 {
			r.lateWindows(t, data, want, all, values, send)
		}
	}
	r.windowsThatFail(t, data, n)
}

// lateWindows trains with the labels on a topic of their own.
func (r *rig) lateWindows(t *testing.T, data, want string, all []stream.Record, values [][2]float64, send func([]stream.Record) string) {
	t.Helper()
	var late []stream.Record
	for i, v := range values {
		late = append(late, stream.Record{Time: all[i].Time.Add(time.Hour), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"class": %v}`, v[1])})
	}
	labels := send(late)
	r.Job.InputConfig = json.RawMessage(fmt.Sprintf(`{"inputs": "v", "window": {"size": 3, "by": "key"}, "label": {"from": "topic", "topic": %q, "on": "id", "path": "class"}}`, labels))
	r.Job.Ranges = []pipeline.Range{{Topic: data, Length: int64(len(all))}, {Topic: labels, Length: int64(len(all))}}
	r.ends = nil
	if err := Run(t.Context(), r.Config); err != nil || !slices.Equal(r.ends, []string{eventing.TrainingFinished}) {
		t.Fatalf("ended by %v, %v", r.ends, err)
	}
	if got := r.outcome.Lineage.WeightsHash; got != want {
		t.Errorf("late labels train %s, those of the records %s", got, want)
	}
}

// windowsThatFail are windows of which nothing comes, and splits that share
// records.
func (r *rig) windowsThatFail(t *testing.T, data string, n int) {
	t.Helper()
	for config, reason := range map[string]string{
		`{"inputs": "v", "label": "y", "window": {"size": 3, "by": "id"}}`:                       `no key has 3 records; the most is 1`,
		`{"inputs": "v", "label": "y", "window": {"size": 3, "by": "key", "within": "1s"}}`:      "no 3 records of a key lie within 1s; the shortest such run takes",
		`{"inputs": "v", "label": "nowhere", "window": {"size": 3, "by": "key"}}`:                `"nowhere" is not there`,
		`{"inputs": "v", "label": "y", "window": {"size": 24, "by": "key"}}`:                     "a window is 24 records, and input",
		`{"inputs": "v", "label": "y", "where": "value.v > 2.0", "window": {"size": 3}}`:         "no record is left to train on",
		`{"inputs": "v", "label": "y", "window": {"size": 3, "by": "sensor"}, "on_bad": "skip"}`: `"sensor" is an object`,
	} {
		r.Job.InputConfig, r.Job.Ranges = json.RawMessage(config), []pipeline.Range{{Topic: data, Length: int64(n)}}
		if err := Run(t.Context(), r.Config); err == nil || !strings.Contains(r.outcome.Reason, reason) || r.outcome.Hint == "" {
			t.Errorf("%s: %v, %q, hint %q", config, err, r.outcome.Reason, r.outcome.Hint)
		}
	}
	r.Job.Split = pipeline.SplitRandom
	r.trained(t, pipeline.JSON, `{"inputs": "v", "label": "y", "window": {"size": 3, "by": "key", "keys": 2}}`, data, n)
	said := strings.Join(r.outcome.Split.Warnings, "\n")
	for _, want := range []string{"windows share records, and the split at random", "keys were forgotten, as 2 are kept at once"} {
		if !strings.Contains(said, want) {
			t.Errorf("warned of %q, want %q", said, want)
		}
	}
}

// TestNoSkewOfWindows holds that the windows that a model trains on are, bit by
// bit, those that it is given in serving: of 10,000 records, of which some are left
// out, at fault or without a label, with means of what is missing.
func TestNoSkewOfWindows(t *testing.T) {
	const records = 10_000
	export := pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{-1, 3}}, {Name: "k", DType: "string", Shape: []int{5}}, {Name: "h", DType: "float32", Shape: []int{1}}},
		Labels: []pipeline.Tensor{{Name: "y", DType: "int64"}},
	}
	config := `{"inputs":{"x":["a.b",{"path":"a.c","missing":"mean"},"l[0]"],"k":{"from":"key"},"h":{"from":"timestamp","as":"hour"}},"label":"y",
		"where":"value.a.b > -500.0","on_bad":{"skip":1000},"window":{"by":"key","size":5,"static":"h","within":"90m","keys":50}}`
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]stream.Record, records)
	for i := range all {
		all[i] = stream.Record{Offset: int64(i), Key: fmt.Appendf(nil, "k%d", random.IntN(60)), Value: skewRecord(random, false), Time: time.UnixMilli(int64(i) * 15_000)}
		switch random.IntN(50) {
		case 0:
			all[i].Value = []byte("not JSON")
		case 1:
			all[i].Key = nil
		}
	}
	job := &training{}
	decoder, complete := windowsTaken(t, job, config, export, all)
	means, err := job.average(t.Context(), decoder)
	if err != nil {
		t.Fatal(err)
	}
	if len(means["x"]) != 3 || means["x"][1] < 0.4 || means["x"][1] > 0.6 {
		t.Errorf("means of what is between 0 and 1: %v", means)
	}
	serving, err := features.New(pipeline.JSON, features.ForServing(json.RawMessage(config)), codec.Binding{Inputs: export.Inputs}, features.WithLearned(pipeline.Learned{Means: means}))
	if err != nil {
		t.Fatal(err)
	}
	windows, trained, served := serving.NewWindows(), rowOf(decoder.Inputs(), decoder.Labels()), rowOf(serving.Inputs(), nil)
	at := 0
	for i := range all {
		full, err := windows.Sample(served, &all[i])
		if full != slices.Contains(complete[at:min(at+1, len(complete))], int64(i)) {
			t.Fatalf("record %d: a window in serving is %v, %v", i, full, err)
		}
		if !full {
			continue
		}
		trained[1] = trained[1][:0] // text is added
		if err := job.train.Read(t.Context(), -1, int64(at), 1, trained); err != nil {
			t.Fatal(err)
		}
		for k := range served {
			if !bytes.Equal(trained[k], served[k]) {
				t.Fatalf("record %d, input %d: % x in training, % x in serving", i, k, trained[k], served[k])
			}
		}
		at++
	}
	if c := job.windows.Counts(); at < 2000 || c.TooLong == 0 || c.Forgotten == 0 || job.bad.leftOut == 0 || job.bad.bad.Records == 0 {
		t.Errorf("%d windows, %+v", at, c)
	}
}

// windowsTaken reads records into the cache of a training, and gives the offsets of
// those that completed a window.
func windowsTaken(t *testing.T, job *training, config string, export pipeline.Export, all []stream.Record) (d *features.Decoder, complete []int64) {
	t.Helper()
	d, err := features.ForTraining(pipeline.JSON, json.RawMessage(config), export, false)
	if err != nil {
		t.Fatal(err)
	}
	if job.cache, err = newCache(t.TempDir(), d.Inputs(), d.Labels(), samples(d, int64(len(all))), memoryBytes); err != nil {
		t.Fatal(err)
	}
	job.bad, job.windows = newSkips(d.Tolerance(), int64(len(all))), d.NewSamples()
	in := &intake{decoder: d, windows: job.windows, bad: job.bad, export: export, checks: features.NewChecks(export, d), cache: job.cache, hash: newHasher(), values: newValues(d, export)}
	defer in.hash.close()
	for _, r := range all {
		before := job.cache.records
		if err := in.takeStep(t.Context(), r, &reporter{}); err != nil {
			t.Fatal(err)
		}
		if job.cache.records > before {
			complete = append(complete, r.Offset)
		}
	}
	if err := job.cache.seal(); err != nil {
		t.Fatal(err)
	}
	job.train = newSplit(job.cache, append(append([]codec.Tensor{}, d.Inputs()...), d.Labels()...), 0, job.cache.records)
	return d, complete
}

// A record whose label alone is at fault is of windows all the same, as it is in
// serving; windows that want its label are none.
func TestRecordsWithoutALabelAreSteps(t *testing.T) {
	export := pipeline.Export{
		Task: pipeline.Classification, Classes: 2,
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{2}}}, Labels: []pipeline.Tensor{{Name: "y", DType: "int64"}},
	}
	var all []stream.Record
	for i, y := range []string{"0", "1", "null", "9", "0", "1"} {
		all = append(all, stream.Record{Offset: int64(i), Value: fmt.Appendf(nil, `{"x":%d,"y":%s}`, i, y)})
	}
	job := &training{}
	_, complete := windowsTaken(t, job, `{"inputs":"x","label":"y","on_bad":{"skip":3},"window":{"size":2}}`, export, all)
	if c := job.windows.Counts(); !slices.Equal(complete, []int64{1, 4, 5}) || c.Unlabelled != 2 || c.Records != 6 || job.bad.bad.Records != 2 {
		t.Errorf("windows end at %v, %+v, %+v", complete, c, job.bad.bad)
	}
}
