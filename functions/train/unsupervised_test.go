package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// expected is what plain Keras comes to, see testdata/unsupervised.py.
type expected struct {
	Epochs []map[string]float64
	Rounds []map[string]int64
	Left   int64
}

// labelledByKeras leaves in a folder what testdata/unsupervised.py makes of classifiers,
// each in a folder of its kind.
func labelledByKeras(t *testing.T, kinds ...string) (dir string) {
	t.Helper()
	interpreter, site, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	args := append([]string{"testdata/unsupervised.py", "../../shared/framework/keras/worker", dir}, kinds...)
	cmd := exec.Command(interpreter, args...) // #nosec G204 -- our own script
	cmd.Env = append(os.Environ(), "PYTHONPATH="+site, "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// unsupervised is a rig whose training labels records itself, with what Keras makes
// of the same, as labelledByKeras left it in dir.
func unsupervised(t *testing.T, dir, label string) (*rig, expected) {
	t.Helper()
	r := newRig(t)
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var want expected
	for name, into := range map[string]any{"expected.json": &want, "export.json": &r.Job.Export} {
		if err := json.Unmarshal(read(name), into); err != nil {
			t.Fatal(err)
		}
	}
	if err := kerasmodel.Kind().Bundle.Exported.Put(t.Context(), r.store(t), "models/2", dir); err != nil {
		t.Fatal(err)
	}
	const sample, held = 2 * 4, 0.4
	records := cut(read("x"), sample)
	keys := read("y")
	for i := range records {
		size := len(keys) / len(records)
		records[i].Key = keys[i*size : (i+1)*size]
	}
	r.Job.Artifact, r.Job.Engine, r.Job.BatchSize, r.Job.ValidationRate = "models/2", kerasmodel.Graph, 8, held
	r.Job.TrainingKwargs = pipeline.TrainingKwargs{Epochs: 6}
	r.Job.InputConfig = json.RawMessage(fmt.Sprintf(`{"data_type":"float32","data_reshape":"2","label_type":"uint8","label_reshape":%q}`, label))
	r.produce(t, cut(read("unlabelled"), sample))
	r.Job.Unlabelled = &pipeline.Unsupervised{Rounds: 3, Confidence: 0.8, Ranges: r.Job.Ranges}
	r.produce(t, records)
	return r, want
}

// cut makes a record of each so many bytes.
func cut(all []byte, size int) (records []stream.Record) {
	for value := range slices.Chunk(all, size) {
		records = append(records, stream.Record{Value: value})
	}
	return records
}

// TestLabelsItselfAsKeras holds a training that labels records itself against a loop
// of fit, predict and fit in plain Keras: the records that get each label, and the
// metrics of all epochs, whose validation the weights decide.
func TestLabelsItselfAsKeras(t *testing.T) {
	dir := labelledByKeras(t, "softmax", "one_hot", "sigmoid")
	for kind, label := range map[string]string{"softmax": "", "one_hot": "3", "sigmoid": ""} {
		t.Run(kind, func(t *testing.T) {
			r, want := unsupervised(t, filepath.Join(dir, kind), label)
			if kind == "one_hot" {
				r.Memory = 1 // the cache is a file
			}
			if err := Run(t.Context(), r.Config); err != nil {
				t.Fatal(err)
			}
			got := r.outcome.PseudoLabels
			var rounds []map[string]int64
			for _, round := range got.Rounds {
				rounds = append(rounds, round.Classes)
			}
			if diff := cmp.Diff(want.Rounds, rounds); diff != "" || got.Left != want.Left || got.Records != 300 {
				t.Errorf("%+v of %d are left (-Keras +here)\n%s", got, want.Left, diff)
			}
			sameEpochs(t, want.Epochs, r.told)
			if l := r.outcome.Lineage; l.Records != 400 || len(l.Unlabelled) != 1 {
				t.Errorf("lineage %+v", l)
			}
		})
	}
}

// sameEpochs holds the epochs that were told against those of Keras, to a millionth.
func sameEpochs(t *testing.T, want []map[string]float64, told []pipeline.Progress) {
	t.Helper()
	n := 0
	for _, p := range told {
		for _, e := range p.Epochs {
			if n++; e.Epoch != n || n > len(want) {
				t.Fatalf("epoch %d is told as number %d of %d", e.Epoch, n, len(want))
			}
			for name, v := range want[n-1] {
				is := e.Training[name]
				if plain, of := strings.CutPrefix(name, "val_"); of {
					is = e.Validation[plain]
				}
				if !(math.Abs(is-v) <= 1e-6*max(1, math.Abs(v))) {
					t.Errorf("epoch %d: %s is %v, in Keras %v", n, name, is, v)
				}
			}
		}
	}
	if n != len(want) {
		t.Errorf("%d epochs are told, of %d", n, len(want))
	}
}

// TestLabelsTheSameAgain kills a training that labels records itself, in a round and
// within a fit. Its next attempt goes on from its checkpoint, and comes to the weights
// and the labels of a training that nobody killed; and so does a verification, which
// finds a record without a label that is another.
func TestLabelsTheSameAgain(t *testing.T) {
	r, _ := unsupervised(t, filepath.Join(labelledByKeras(t, "softmax"), "softmax"), "")
	r.Job.Checkpoint = pipeline.ResultCheckpoint(r.Job.Result)
	k := &r.Job.TrainingKwargs
	k.Verbose, k.ValidationFreq, k.Shuffle, k.Epochs = 1, 1, true, 100 // as ConfigFromEnv reads them
	k.Checkpoint = &pipeline.Checkpoint{EveryEpochs: 30}
	r.Job.Unlabelled.Confidence = 0.95
	want := r.undisturbed(t)
	if rounds := want.PseudoLabels.Rounds; len(rounds) < 2 {
		t.Fatalf("rounds %+v", rounds)
	}
	r.kill(t, 150) // in the middle of the first round's fit
	from, got := r.again(t)
	if from < 100 {
		t.Errorf("it goes on from epoch %d", from)
	}
	if from, last := r.again(t); from < 200 || last.Lineage.WeightsHash != got.Lineage.WeightsHash { // from the last fit
		t.Errorf("from epoch %d it comes to the weights %s, not %s", from, last.Lineage.WeightsHash, got.Lineage.WeightsHash)
	}
	if diff := cmp.Diff(want.PseudoLabels, got.PseudoLabels); diff != "" || got.Lineage.WeightsHash != want.Lineage.WeightsHash {
		t.Errorf("weights %s, undisturbed %s (-undisturbed +killed)\n%s", got.Lineage.WeightsHash, want.Lineage.WeightsHash, diff)
	}
	k.Checkpoint, r.Job.Checkpoint = nil, ""
	r.Job.Receipt = receiptOf(want)
	if difference := r.verify(t); difference != "" {
		t.Error(difference)
	}
	labelled := r.Job.Ranges
	r.Job.Ranges = r.Job.Unlabelled.Ranges
	r.Job.Unlabelled.Ranges = r.remake(t, func(rec *stream.Record, _, n int) {
		if n == 7 {
			rec.Value[0] ^= 1
		}
	})
	r.Job.Ranges = labelled
	if difference := r.verify(t); !strings.Contains(difference, "content hash") {
		t.Errorf("a record without a label is another: %q", difference)
	}
}

// TestRefusesRecordsToLabel holds that a record without a label that is not as the
// others are is named.
func TestRefusesRecordsToLabel(t *testing.T) {
	r := newRig(t)
	r.produce(t, cut(make([]byte, 5*20), 20))
	r.Job.Unlabelled, r.Job.Ranges = &pipeline.Unsupervised{Rounds: 1, Confidence: 0.9, Ranges: r.Job.Ranges}, nil
	r.send(t, 40)
	err := Run(t.Context(), r.Config)
	var refused *pipeline.Error
	if !errors.As(err, &refused) || refused.Field != "unsupervised_topic" || !strings.Contains(refused.Reason, "[0]@0: ") || !strings.Contains(refused.Reason, "20 bytes") {
		t.Errorf("%v", err)
	}
}

// TestSure holds which classes become labels, at the bound as Keras compares it.
func TestSure(t *testing.T) {
	of := &training{unlabelled: &unlabelled{Unsupervised: pipeline.Unsupervised{Confidence: 0.9}}}
	at := float64(float32(0.9)) // less than 0.9
	for _, c := range []struct {
		output []float64
		class  int16
		refuse bool
	}{
		{output: []float64{0.05, at, 0.05}, class: 1},
		{output: []float64{0.11, 0.89}, class: unsure},
		{output: []float64{at}, class: 1},
		{output: []float64{0.05}, class: 0},
		{output: []float64{0.5}, class: unsure},
		{output: []float64{math.NaN(), math.NaN()}, class: unsure},
		{output: []float64{math.NaN()}, class: unsure},
		{output: []float64{0.1, 3}, refuse: true},
		{output: []float64{-2}, refuse: true},
	} {
		class, err := of.sure(c.output)
		if (err != nil) != c.refuse || err == nil && class != c.class {
			t.Errorf("%v: class %d, %v", c.output, class, err)
		}
	}
}
