package train

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// followed is a rig whose training follows a topic of one partition that holds so many
// records, and how more are sent.
func followed(t *testing.T, records int) (r *rig, send func(n int)) {
	t.Helper()
	r = newRig(t)
	topic := streamtest.Topic(t, r.cluster, 1)
	random := rand.New(rand.NewPCG(1, 2))
	send = func(n int) {
		t.Helper()
		var all []stream.Record
		for range n {
			x := [3]float32{random.Float32(), random.Float32(), random.Float32()}
			var value bytes.Buffer
			if err := binary.Write(&value, binary.LittleEndian, x); err != nil {
				t.Fatal(err)
			}
			label := byte(0)
			if x[0] > x[1] {
				label = 1
			}
			all = append(all, stream.Record{Key: []byte{label}, Value: value.Bytes()})
		}
		if _, err := r.cluster.Produce(t.Context(), topic, 0, all); err != nil {
			t.Fatal(err)
		}
	}
	if records > 0 {
		send(records)
	}
	r.Job.Ranges = []pipeline.Range{{Topic: topic, Partition: 0, Offset: 0, Length: int64(records)}}
	r.Job.Checkpoint = pipeline.ResultCheckpoint(r.Job.Result)
	r.Job.TrainingKwargs = pipeline.TrainingKwargs{Epochs: 1, Verbose: 1, ValidationFreq: 1}
	r.Job.Engine = kerasmodel.Graph
	r.Job.Following = &pipeline.Following{Epoch: 100}
	return r, send
}

// TestFollow holds that a stream that is followed gives the weights, and the hash of
// what was read, of a training of one epoch on the same records.
func TestFollow(t *testing.T) {
	r, _ := followed(t, 1234)
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	got := r.outcome
	once := r.Config
	once.Job.Following = nil
	if err := Run(t.Context(), once); err != nil {
		t.Fatal(err)
	}
	want := r.outcome
	if diff := cmp.Diff(want.Lineage, got.Lineage); diff != "" {
		t.Error(diff)
	}
	if a, b := want.Metrics.Training["loss"], got.Metrics.Training["loss"]; a-b > 1e-4 || b-a > 1e-4 || b == 0 {
		t.Errorf("the loss is %v, that of an epoch %v", b, a)
	}
	points := 0
	for _, p := range r.told {
		for _, e := range p.Epochs {
			if e.Records > 0 {
				points++
			}
		}
	}
	if points != 13 || got.Split.Training.Records != 1234 {
		t.Errorf("%d points of the curve, %+v", points, got.Split.Training)
	}
}

// TestFollowEnds holds the ends of a stream that is open: silence, and being told to.
// What has come is trained on.
func TestFollowEnds(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *rig){
		"silence": func(_ *testing.T, r *rig) { r.Job.Following.Silence = 2 },
		"told": func(t *testing.T, r *rig) {
			store := r.store(t)
			r.hear = func(p pipeline.Progress) {
				if p.Records > 0 {
					if err := store.Put(t.Context(), pipeline.EndingMark(r.Job.Checkpoint), strings.NewReader("")); err != nil {
						t.Error(err)
					}
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, send := followed(t, 0)
			r.Job.Following.Open = true
			end(t, r)
			send(105)
			if err := Run(t.Context(), r.Config); err != nil {
				t.Fatal(err)
			}
			if l := r.outcome.Lineage; l.Records < 100 || name == "silence" && l.Records != 105 || l.Ranges[0].Length != l.Records || r.ends[0] != eventing.TrainingFinished {
				t.Errorf("%+v, %v", l, r.ends)
			}
		})
	}
}

// TestFollowSurvivesKills kills a training that follows a stream again and again: the
// weights are those of one that nobody disturbed, and each record is trained on once.
func TestFollowSurvivesKills(t *testing.T) {
	kills := 3
	if os.Getenv("KAFKAML_LONG") != "" {
		kills = 100
	}
	r, send := followed(t, 200)
	r.Job.Following.Open, r.Job.Following.Silence = true, 5
	r.Job.TrainingKwargs.Checkpoint = &pipeline.Checkpoint{EveryEpochs: 2}
	total := 200
	for i := range kills {
		send(997)
		total += 997
		r.kill(t, 2+9*i+rand.IntN(6)) // #nosec G404 -- any moment is good
		r.Job.Attempt++
	}
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	got := r.outcome
	calm := r.Config
	calm.Job.Checkpoint, calm.Job.Following = "undisturbed", &pipeline.Following{Epoch: 100}
	calm.Job.Ranges[0].Length = int64(total)
	if err := Run(t.Context(), calm); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.outcome.Lineage, got.Lineage); diff != "" || got.Lineage.Records != int64(total) {
		t.Errorf("of %d records (-undisturbed +killed)\n%s", total, diff)
	}
	if diff := cmp.Diff(r.outcome.Metrics, got.Metrics); diff != "" {
		t.Errorf("(-undisturbed +killed)\n%s", diff)
	}
}
