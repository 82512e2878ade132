package train

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/validate"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// linked are the frameworks of the program that trains.
var linked = framework.Frameworks{tensorflow.Framework{}, onnx.Framework{}}

// rig is a broker, a store and a sink for one test.
type rig struct {
	Config
	cluster *stream.Cluster
	sink    string
	mu      sync.Mutex
	told    []pipeline.Progress
	yields  []pipeline.Yield        // each once, though it may be told again
	hear    func(pipeline.Progress) // of each; nil: nobody
	ends    []string                // types of the outcomes
	outcome pipeline.Outcome
	replay  pipeline.Replay // of a verification
}

// newRig exports the model small, 3-4-2, and puts it into a store.
func newRig(t *testing.T) *rig {
	t.Helper()
	return rigOf(t, "small", `{"data_type":"float32","data_reshape":"3","label_type":"uint8","label_reshape":""}`)
}

// rigOf exports a model of tensorflowtest and puts it into a store; config is of
// RAW records.
func rigOf(t *testing.T, model, config string) *rig {
	t.Helper()
	r := &rig{cluster: streamtest.Cluster(t)}
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if err := r.take(q); err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	}))
	t.Cleanup(sink.Close)
	r.sink = sink.URL
	m := tensorflowtest.Load(t, model)
	r.Config = Config{
		Job: pipeline.TrainingJob{
			Result: 3, Attempt: 1, Artifact: "models/1", Output: "results/3/attempt-1", Export: m.Export,
			BatchSize: 10, TrainingKwargs: pipeline.TrainingKwargs{Epochs: 4, Shuffle: true}, Seed: 7, Engine: pipeline.Auto,
			InputFormat: pipeline.RAW,
			InputConfig: json.RawMessage(config),
		},
		Frameworks: linked, Kafka: r.cluster.Config(), Artifacts: "file://" + t.TempDir(), Scratch: t.TempDir(),
		Emitter: eventing.NewEmitter(sink.URL, eventing.Overrides{}, nil), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if err := kerasmodel.Kind().Bundle.Exported.Put(t.Context(), r.store(t), "models/1", m.Dir); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) store(t *testing.T) *artifact.Store {
	t.Helper()
	s, err := artifact.Open(t.Context(), r.Artifacts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// take keeps an event that the sink was sent.
func (r *rig) take(q *http.Request) error {
	e, err := eventing.Read(q.Context(), q.Header, q.Body)
	if err != nil {
		return err
	}
	if err := validate.Event(e); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Type() == eventing.TrainingProgressed {
		var p pipeline.Progress
		err = eventing.Data(e, &p)
		r.told = append(r.told, p)
		if r.hear != nil {
			r.hear(p)
		}
		return err
	}
	if e.Type() == eventing.TrainingYielded {
		var y pipeline.Yield
		err = eventing.Data(e, &y)
		if n := len(r.yields); n > 0 && r.yields[n-1].Number == y.Number {
			last := r.yields[n-1]
			if last.Attempt = y.Attempt; !cmp.Equal(last, y) {
				return fmt.Errorf("result %d was told otherwise", y.Number)
			}
			return err
		}
		r.yields = append(r.yields, y)
		return err
	}
	r.ends = append(r.ends, e.Type())
	if e.Type() == eventing.TrainingVerified {
		return eventing.Data(e, &r.replay)
	}
	return eventing.Data(e, &r.outcome)
}

// send produces n records over two partitions: the label is whether the first
// value is the larger of the first two.
func (r *rig) send(t *testing.T, n int) {
	t.Helper()
	topic := streamtest.Topic(t, r.cluster, 2)
	random := rand.New(rand.NewPCG(1, 2))
	for p := range 2 {
		var records []stream.Record
		for range n / 2 {
			x := [3]float32{random.Float32(), random.Float32(), random.Float32()}
			var value bytes.Buffer
			if err := binary.Write(&value, binary.LittleEndian, x); err != nil {
				t.Fatal(err)
			}
			label := byte(0)
			if x[0] > x[1] {
				label = 1
			}
			records = append(records, stream.Record{Key: []byte{label}, Value: value.Bytes()})
		}
		base, err := r.cluster.Produce(t.Context(), topic, p, records)
		if err != nil {
			t.Fatal(err)
		}
		r.Job.Ranges = append(r.Job.Ranges, pipeline.Range{Topic: topic, Partition: p, Offset: base, Length: int64(len(records))})
	}
}

func (r *rig) epochs() []int {
	var all []int
	for _, p := range r.told {
		for _, e := range p.Epochs {
			all = append(all, e.Epoch)
		}
	}
	return all
}

func TestRunTrainsStoresAndTells(t *testing.T) {
	r := newRig(t)
	r.send(t, 400)
	r.Job.ValidationRate, r.Job.TestRate = 0.2, 0.1
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	o := r.outcome
	if diff := cmp.Diff([]string{eventing.TrainingFinished}, r.ends); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4}, r.epochs()); diff != "" {
		t.Error(diff)
	}
	for name, m := range map[string]pipeline.Metrics{"training": o.Metrics.Training, "validation": o.Metrics.Validation, "test": o.Metrics.Test} {
		if len(m) == 0 || math.IsNaN(m["loss"]) {
			t.Errorf("metrics of %s: %v", name, m)
		}
	}
	s := o.Split
	if s.Training.Records != 280 || s.Test.Records != 40 || s.Validation.Records != 80 || s.Training.Labels["0"]+s.Training.Labels["1"] != 280 {
		t.Errorf("split %+v", s)
	}
	var counted int64
	for _, row := range o.Confusion.Counts {
		counted += row[0] + row[1]
	}
	if o.Confusion.Split != "test" || counted != 40 {
		t.Errorf("confusion %+v", o.Confusion)
	}
	l := o.Lineage
	if l.Records != 400 || l.BytesRead != 400*13 || len(l.ContentHash) != 64 || len(l.WeightsHash) != 64 {
		t.Errorf("lineage %+v", l)
	}
	r.reload(t)
}

// reload holds the two stored forms against each other in plain Keras.
func (r *rig) reload(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	store := r.store(t)
	if err := store.GetDir(t.Context(), r.outcome.Artifact+"/savedmodel.zip", filepath.Join(dir, "savedmodel")); err != nil {
		t.Fatal(err)
	}
	content, _, err := store.Get(t.Context(), r.outcome.Artifact+"/model.keras")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(content)
	if err != nil || content.Close() != nil {
		t.Fatal(err)
	}
	var x bytes.Buffer
	if err := binary.Write(&x, binary.LittleEndian, []float32{0.9, 0.1, 0, 0.1, 0.9, 0, 0.5, 0.4, 1}); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"model.keras": whole, "x.f32": x.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	interpreter, site, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(interpreter, "testdata/reload.py", filepath.Join(dir, "model.keras"), filepath.Join(dir, "savedmodel"), filepath.Join(dir, "x.f32"))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+site)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err, stderr.String())
	}
	var got struct {
		Keras, SavedModel []float64
		Iterations        int
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got.Iterations != 4*28 {
		t.Errorf("the optimizer of model.keras has taken %d steps", got.Iterations)
	}
	for i := range got.Keras {
		if math.Abs(got.Keras[i]-got.SavedModel[i]) > 1e-6 {
			t.Errorf("model.keras predicts %v, the SavedModel %v", got.Keras, got.SavedModel)
		}
	}
}

func TestRunIsDeterministic(t *testing.T) {
	r := newRig(t)
	r.send(t, 200)
	r.Job.ShuffleStream, r.Job.StreamSeed, r.Job.ValidationRate = true, 5, 0.1
	run := func(seed int64) pipeline.Lineage {
		r.Job.Seed = seed
		if err := Run(t.Context(), r.Config); err != nil {
			t.Fatal(err)
		}
		return r.outcome.Lineage
	}
	first, same, other := run(7), run(7), run(8)
	if first.WeightsHash != same.WeightsHash || first.ContentHash != same.ContentHash {
		t.Errorf("the same seed gave %+v and %+v", first, same)
	}
	if first.WeightsHash == other.WeightsHash {
		t.Error("another seed of shuffling gave the same weights")
	}
}

func TestRunFailsWithReasons(t *testing.T) {
	cases := []struct {
		name, reason string
		spoil        func(*testing.T, *rig)
	}{
		{"label that is no class", "the model has the classes 0 to 1", func(t *testing.T, r *rig) {
			at := &r.Job.Ranges[1]
			if _, err := r.cluster.Produce(t.Context(), at.Topic, at.Partition, []stream.Record{{Key: []byte{9}, Value: make([]byte, 12)}}); err != nil {
				t.Fatal(err)
			}
			at.Length++
		}},
		{"label that is a digit of text", `the text "7", whose byte is 55`, func(t *testing.T, r *rig) {
			at := &r.Job.Ranges[1]
			if _, err := r.cluster.Produce(t.Context(), at.Topic, at.Partition, []stream.Record{{Key: []byte("7"), Value: make([]byte, 12)}}); err != nil {
				t.Fatal(err)
			}
			at.Length++
		}},
		{"label that is no key", "this record has no key", func(t *testing.T, r *rig) {
			at := &r.Job.Ranges[0]
			if _, err := r.cluster.Produce(t.Context(), at.Topic, at.Partition, []stream.Record{{Value: make([]byte, 12)}}); err != nil {
				t.Fatal(err)
			}
			at.Length++
		}},
		{"short record", "@20: ", func(t *testing.T, r *rig) {
			at := &r.Job.Ranges[0]
			if _, err := r.cluster.Produce(t.Context(), at.Topic, at.Partition, []stream.Record{{Key: []byte{1}, Value: make([]byte, 11)}}); err != nil {
				t.Fatal(err)
			}
			at.Length++
		}},
		{"range beyond the end", "", func(_ *testing.T, r *rig) { r.Job.Ranges[0].Length += 5 }},
		{"nothing to train on", "no record to train on", func(_ *testing.T, r *rig) { r.Job.Ranges = nil }},
		{"another shape", "", func(_ *testing.T, r *rig) {
			r.Job.InputConfig = json.RawMessage(`{"data_type":"float32","data_reshape":"4","label_type":"uint8"}`)
		}},
		{"no such model", "", func(_ *testing.T, r *rig) { r.Job.Artifact = "models/2" }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.send(t, 40)
			c.spoil(t, r)
			if err := Run(t.Context(), r.Config); err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff([]string{eventing.TrainingFailed}, r.ends); diff != "" {
				t.Fatal(diff)
			}
			if r.outcome.Reason == "" || !strings.Contains(r.outcome.Reason, c.reason) {
				t.Errorf("reason %q, want %q", r.outcome.Reason, c.reason)
			}
			if strings.HasPrefix(c.name, "label that is") && (r.outcome.Hint == "" || strings.HasPrefix(r.outcome.Hint, "check input_format")) {
				t.Errorf("hint %q", r.outcome.Hint)
			}
			if left, err := os.ReadDir(r.Scratch); err != nil || len(left) > 0 {
				t.Errorf("scratch holds %v, %v", left, err)
			}
		})
	}
}

func TestConfigFromEnv(t *testing.T) {
	env := map[string]string{"ARTIFACT_URL": "file://" + t.TempDir(), "KAFKA_BROKERS": "localhost:1", "KAFKAML_JOB": `{"result":4,"export":{"metrics":["loss"]},"training_kwargs":"epochs=2"}`}
	c, err := ConfigFromEnv(func(k string) string { return env[k] }, linked, slog.Default())
	if err != nil || c.Job.Result != 4 || c.Job.TrainingKwargs.Epochs != 2 {
		t.Error(c.Job, err)
	}
	for _, missing := range []string{"ARTIFACT_URL", "KAFKAML_JOB"} {
		_, err := ConfigFromEnv(func(k string) string {
			if k == missing {
				return ""
			}
			return env[k]
		}, linked, slog.Default())
		if err == nil || !strings.Contains(err.Error(), missing) {
			t.Error(fmt.Sprint(missing, ": ", err))
		}
	}
}
