package train

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// verifying is a rig whose training has finished, and that is to verify it.
func verifying(t *testing.T, r *rig) *rig {
	t.Helper()
	r.Job.ValidationRate, r.Job.TestRate = 0.2, 0.1
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	o := r.outcome
	r.Job.Receipt = receiptOf(o)
	r.Job.Engine, r.Job.Output = o.Engine, ""
	return r
}

func receiptOf(o pipeline.Outcome) *pipeline.Receipt {
	return &pipeline.Receipt{
		ContentHash: o.Lineage.ContentHash, Records: o.Lineage.Records, Split: o.Split,
		WeightsHash: o.Lineage.WeightsHash, Metrics: o.Metrics, Trainer: o.Lineage.Libraries["trainer"],
	}
}

// verify runs the verification and gives the first difference.
func (r *rig) verify(t *testing.T) string {
	t.Helper()
	r.ends, r.outcome, r.replay = nil, pipeline.Outcome{}, pipeline.Replay{}
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{eventing.TrainingVerified}, r.ends); diff != "" {
		t.Fatal(diff)
	}
	return r.replay.Difference
}

// remake writes the records of the ranges to a topic that is new, each as flip
// leaves it.
func (r *rig) remake(t *testing.T, flip func(record *stream.Record, partition, n int)) []pipeline.Range {
	t.Helper()
	topic := streamtest.Topic(t, r.cluster, len(r.Job.Ranges))
	var out []pipeline.Range
	for p, at := range r.Job.Ranges {
		var records []stream.Record
		n := 0
		err := r.cluster.ReadAll(t.Context(), []pipeline.Range{at}, pipeline.OrderTime, func(rec stream.Record) error {
			same := stream.Record{Key: bytes.Clone(rec.Key), Value: bytes.Clone(rec.Value), Time: rec.Time}
			if flip != nil {
				flip(&same, p, n)
			}
			n++
			records = append(records, same)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		base, err := r.cluster.Produce(t.Context(), topic, p, records)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, pipeline.Range{Topic: topic, Partition: p, Offset: base, Length: at.Length})
	}
	return out
}

// images sends n records of the CNN of tensorflowtest.
func (r *rig) images(t *testing.T, n int) {
	t.Helper()
	const elements, classes = 8 * 8, 3
	topic := streamtest.Topic(t, r.cluster, 1)
	random := rand.New(rand.NewPCG(3, 4))
	records := make([]stream.Record, n)
	for i := range records {
		value := make([]byte, 0, 4*elements)
		for range elements {
			value = binary.LittleEndian.AppendUint32(value, random.Uint32N(1<<23)|0x3f000000) // from a half to one
		}
		records[i] = stream.Record{Key: []byte{byte(random.IntN(classes))}, Value: value}
	}
	base, err := r.cluster.Produce(t.Context(), topic, 0, records)
	if err != nil {
		t.Fatal(err)
	}
	r.Job.Ranges = []pipeline.Range{{Topic: topic, Offset: base, Length: int64(n)}}
}

// replays is how often each is repeated: the long form is the issue's.
func replays() int {
	if os.Getenv("KAFKAML_LONG") != "" {
		return 20
	}
	return 2
}

// TestVerifiedAgainAndAgain holds repetitions of a training, of a CNN as well, to
// be equal to its receipt, also from a topic that was made anew with the same
// records; and that nothing is stored.
func TestVerifiedAgainAndAgain(t *testing.T) {
	for name, make := range map[string]func(t *testing.T) *rig{
		"dense": func(t *testing.T) *rig {
			r := newRig(t)
			r.send(t, 400)
			return r
		},
		"cnn": func(t *testing.T) *rig {
			r := rigOf(t, "cnn", `{"data_type":"float32","data_reshape":"8 8 1","label_type":"uint8","label_reshape":""}`)
			r.images(t, 200)
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := verifying(t, make(t))
			left := r.blobs(t)
			for range replays() {
				if got := r.verify(t); got != "" {
					t.Errorf("it diverged: %s", got)
				}
			}
			if diff := cmp.Diff(left, r.blobs(t)); diff != "" {
				t.Errorf("a verification stored something:\n%s", diff)
			}
			r.Job.Ranges = r.remake(t, nil)
			if got := r.verify(t); got != "" {
				t.Errorf("from a copy of its records it diverged: %s", got)
			}
		})
	}
}

// blobs are the files of the store.
func (r *rig) blobs(t *testing.T) (all []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(strings.TrimPrefix(r.Artifacts, "file://")), ".", func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestOneChangedByteIsFound changes a byte, of a value, a label or the length of a
// record.
func TestOneChangedByteIsFound(t *testing.T) {
	r := newRig(t)
	r.send(t, 400)
	verifying(t, r)
	random := rand.New(rand.NewPCG(5, 6))
	was := r.Job.Ranges
	for i := range replays() {
		partition, n, at := random.IntN(2), random.IntN(200), random.IntN(13)
		r.Job.Ranges = r.remake(t, func(rec *stream.Record, p, k int) {
			switch {
			case p != partition || k != n:
			case at < 12:
				rec.Value[at] ^= byte(1 << random.IntN(8))
			default:
				rec.Key[0] ^= byte(1 << (i % 8)) // another class, or none
			}
		})
		if got := r.verify(t); !strings.HasPrefix(got, "the records of its ranges are not those it was trained on: ") {
			t.Errorf("byte %d of record %d of partition %d: %q", at, n, partition, got)
		}
		r.Job.Ranges = was
	}
	r.Job.Ranges = r.remake(t, func(rec *stream.Record, p, k int) {
		if p == 0 && k == 7 {
			rec.Value = rec.Value[:11]
		}
	})
	if got := r.verify(t); !strings.Contains(got, "@7: ") {
		t.Errorf("a record that is cut: %q", got)
	}
}

// TestFirstDifference says what differs first.
func TestFirstDifference(t *testing.T) {
	r := newRig(t)
	r.send(t, 200)
	verifying(t, r)
	for name, c := range map[string]struct {
		spoil func(*pipeline.TrainingJob, *pipeline.Receipt)
		want  string
	}{
		"split":    {func(j *pipeline.TrainingJob, _ *pipeline.Receipt) { j.ValidationRate = 0.1 }, "the training split holds 160 records, 140 in the receipt"},
		"weights":  {func(j *pipeline.TrainingJob, _ *pipeline.Receipt) { j.Seed++ }, "the trained weights differ"},
		"library":  {func(j *pipeline.TrainingJob, r *pipeline.Receipt) { j.Seed++; r.Trainer = "TensorFlow 1" }, "it was trained by TensorFlow 1, and now by"},
		"a metric": {func(_ *pipeline.TrainingJob, r *pipeline.Receipt) { r.Metrics.Test = pipeline.Metrics{"loss": 9} }, "of the test split is"},
	} {
		t.Run(name, func(t *testing.T) {
			was, receipt := r.Job, *r.Job.Receipt
			defer func() { r.Job = was }()
			r.Job.Receipt = &receipt
			c.spoil(&r.Job, &receipt)
			if got := r.verify(t); !strings.Contains(got, c.want) {
				t.Errorf("it says %q, want %q", got, c.want)
			}
		})
	}
}

// TestVerificationOfWhatIsGone says why a training cannot be repeated.
func TestVerificationOfWhatIsGone(t *testing.T) {
	r := newRig(t)
	r.send(t, 200)
	verifying(t, r)
	r.ends = nil
	r.Job.Ranges = append([]pipeline.Range{}, r.Job.Ranges...)
	r.Job.Ranges[0].Length += 5
	err := Run(t.Context(), r.Config)
	if err == nil || errors.As(err, new(errDiverged)) || !r.outcome.Verifies || r.outcome.Reason == "" {
		t.Errorf("%v, told as %v: %+v", err, r.ends, r.outcome)
	}
}
