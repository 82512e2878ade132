package train

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
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
// records, and how more are sent; those that are turned have the other label.
func followed(t *testing.T, records int) (r *rig, send func(n int, turned bool)) {
	t.Helper()
	r = newRig(t)
	topic := streamtest.Topic(t, r.cluster, 1)
	random := rand.New(rand.NewPCG(1, 2))
	send = func(n int, turned bool) {
		t.Helper()
		var all []stream.Record
		for range n {
			x := [3]float32{10 * random.Float32(), 10 * random.Float32(), 10 * random.Float32()}
			var value bytes.Buffer
			if err := binary.Write(&value, binary.LittleEndian, x); err != nil {
				t.Fatal(err)
			}
			label := byte(0)
			if x[0] > x[1] != turned {
				label = 1
			}
			all = append(all, stream.Record{Key: []byte{label}, Value: value.Bytes()})
		}
		if _, err := r.cluster.Produce(t.Context(), topic, 0, all); err != nil {
			t.Fatal(err)
		}
	}
	if records > 0 {
		send(records, false)
	}
	r.follows(topic, records)
	return r, send
}

// follows lets the rig's training follow so many records of a topic.
func (r *rig) follows(topic string, records int) {
	r.Job.Ranges = []pipeline.Range{{Topic: topic, Length: int64(records)}}
	r.Job.Checkpoint = pipeline.ResultCheckpoint(r.Job.Result)
	r.Job.TrainingKwargs = pipeline.TrainingKwargs{Epochs: 1, Verbose: 1, ValidationFreq: 1}
	r.Job.Engine = kerasmodel.Graph
	r.Job.Following = &pipeline.Following{Epoch: 100}
}

// TestFollow holds that a stream that is followed gives the weights, and the hash of
// what was read, of a training of one epoch on the same records; of one with fewer
// steps the graph is not optimized, and its sums may be rounded otherwise.
func TestFollow(t *testing.T) {
	r, _ := followed(t, 3134)
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
	if points != 32 || got.Split.Training.Records != 3134 {
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
			send(105, false)
			if err := Run(t.Context(), r.Config); err != nil {
				t.Fatal(err)
			}
			if l := r.outcome.Lineage; l.Records < 100 || name == "silence" && l.Records != 105 || l.Ranges[0].Length != l.Records || r.ends[0] != eventing.TrainingFinished {
				t.Errorf("%+v, %v", l, r.ends)
			}
		})
	}
}

// A range whose last offsets are an aborted transaction ends there.
func TestFollowsWhatTransactionsLeave(t *testing.T) {
	r := newRig(t)
	topic := streamtest.Topic(t, r.cluster, 1)
	x := streamtest.NewTransactions(t, r.cluster)
	x.Send(topic, 0, rows(t, 20, 0.5, 1), true)
	x.Send(topic, 0, rows(t, 15, 999, 200), false)
	r.follows(topic, 37)
	if err := Run(t.Context(), r.Config); err != nil || r.outcome.Lineage.Records != 20 {
		t.Fatalf("trained on %d records: %v, %v", r.outcome.Lineage.Records, r.ends, err)
	}
}

// TestFollowSurvivesKills kills a training that follows a stream again and again: the
// weights are those of one that nobody disturbed, each record is trained on once, and
// drifts are found at the same places.
func TestFollowSurvivesKills(t *testing.T) {
	for on, engine := range map[pipeline.OnDrift]pipeline.Engine{pipeline.DriftRestarts: kerasmodel.Graph, "": kerasmodel.XLA} {
		t.Run(string(engine), func(t *testing.T) { survivesKills(t, on, engine) })
	}
}

// survivesKills is the test of trainings that the engine runs after their first batches.
func survivesKills(t *testing.T, on pipeline.OnDrift, engine pipeline.Engine) {
	t.Helper()
	kills, silence := 3, 5.0
	if os.Getenv("KAFKAML_LONG") != "" {
		kills, silence = 100, 60 // beside other work
	}
	const first, more, each = 2500, 997, 250 // records: after first the model knows enough for a drift to show
	r, send := followed(t, first)
	r.Job.BatchSize, r.Job.Engine = 2, pipeline.Auto
	when := pipeline.Interim{Records: 600}
	r.Job.Following = &pipeline.Following{Epoch: each, Open: true, Silence: silence, Drift: pipeline.DetectADWIN, OnDrift: on, Interim: when}
	r.Job.TrainingKwargs.Checkpoint = &pipeline.Checkpoint{EveryEpochs: 1}
	total := first
	for i := range kills {
		send(more, i%2 == 0)
		r.kill(t, total/each+rand.IntN(more/each)) // #nosec G404 -- any moment is good
		total += more
		r.Job.Attempt++
	}
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	got, found, given := r.outcome, r.drifts(), r.given()
	r.told, r.yields = nil, nil
	calm := r.Config
	calm.Job.Checkpoint, calm.Job.Following = "undisturbed", &pipeline.Following{Epoch: each, Drift: pipeline.DetectADWIN, OnDrift: on, Interim: when}
	calm.Job.Ranges[0].Length = int64(total)
	if err := Run(t.Context(), calm); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.outcome.Lineage, got.Lineage); diff != "" || got.Lineage.Records != int64(total) {
		t.Errorf("of %d records (-undisturbed +killed)\n%s", total, diff)
	}
	if got.Engine != engine || r.outcome.Engine != engine {
		t.Errorf("it ran by %s (%s), undisturbed by %s", got.Engine, got.EngineReason, r.outcome.Engine)
	}
	if diff := cmp.Diff(r.outcome.Metrics, got.Metrics); diff != "" {
		t.Errorf("(-undisturbed +killed)\n%s", diff)
	}
	if diff := cmp.Diff(r.drifts(), found); diff != "" || len(found) == 0 {
		t.Errorf("drifts (-undisturbed +killed)\n%s", diff)
	}
	if diff := cmp.Diff(r.given(), given); diff != "" || len(given) != total/600 {
		t.Errorf("%d results on the way (-undisturbed +killed)\n%s", len(given), diff)
	}
}

// given are the receipts of the results that the rig was told of on the way.
func (r *rig) given() map[int]pipeline.Lineage {
	all := map[int]pipeline.Lineage{}
	for _, y := range r.yields {
		all[y.Number] = y.Lineage
	}
	return all
}

// TestFollowGivesResults holds that a result which is given on the way is what a
// training that ends there gives, and lies in the store; and that the training goes on
// as if it had given none.
func TestFollowGivesResults(t *testing.T) {
	r, _ := followed(t, 1000)
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	silent := r.outcome
	r.Job.Checkpoint += "-giving"
	r.Job.Following.Interim.Records = 400
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(silent.Lineage, r.outcome.Lineage); diff != "" {
		t.Errorf("the training (-silent +giving)\n%s", diff)
	}
	given := r.yields
	if len(given) != 2 {
		t.Fatalf("%d results", len(given))
	}
	for i, y := range given {
		ended := r.Config
		ended.Job.Checkpoint = fmt.Sprintf("to-%d", i)
		ended.Job.Ranges = []pipeline.Range{{Topic: r.Job.Ranges[0].Topic, Length: int64(400 * (i + 1))}}
		ended.Job.Following = &pipeline.Following{Epoch: 100}
		if err := Run(t.Context(), ended); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r.outcome.Lineage, y.Lineage); diff != "" {
			t.Errorf("result %d (-ended there +given)\n%s", i, diff)
		}
		if ok, err := kerasmodel.Kind().Bundle.Trained.Exist(t.Context(), r.store(t), pipeline.InterimArtifact(r.Job.Result, i+1, 1)); err != nil || !ok {
			t.Errorf("the model of result %d is stored: %v, %v", i, ok, err)
		}
		if y.Number != i+1 || y.Serving == nil || y.Metrics.Training["loss"] == 0 || y.Split.Training.Records != int64(400*(i+1)) {
			t.Errorf("result %d: %+v", i, y)
		}
	}
}

// TestFollowGivesWhatImproves holds that a result appears where the monitored metric of
// a point of the curve has improved by what is asked for, over the first point or the
// last that gave one.
func TestFollowGivesWhatImproves(t *testing.T) {
	r, _ := followed(t, 3000)
	r.Job.Following.Interim = pipeline.Interim{Monitor: "loss", Change: pipeline.ChangeDown, Improvement: 0.02}
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	var want []float64
	reference := math.NaN()
	for _, p := range r.told {
		for _, e := range p.Epochs {
			switch loss := e.Training["loss"]; {
			case math.IsNaN(reference):
				reference = loss
			case reference-loss >= 0.02:
				reference = loss
				want = append(want, loss)
			}
		}
	}
	var got []float64
	for _, y := range r.yields {
		got = append(got, y.Metrics.Training["loss"])
	}
	if !slices.Equal(got, want) || len(got) < 2 {
		t.Errorf("losses of the results %v, want %v", got, want)
	}
}

// A result that is due by time appears though no record comes any more.
func TestFollowGivesByTheClock(t *testing.T) {
	r, _ := followed(t, 500)
	r.Job.Following.Open, r.Job.Following.Silence, r.Job.Following.Interim.Seconds = true, 3, 1
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	if len(r.yields) != 1 || r.yields[0].Lineage.Records != 500 {
		t.Errorf("%+v", r.yields)
	}
}

// drifts are those that the rig was told of.
func (r *rig) drifts() (all []pipeline.Drift) {
	for _, p := range r.told {
		all = append(all, p.Drifts...)
	}
	return all
}

// TestFollowFindsDrifts holds that a detector finds a drift within 500 records of
// where it is, and none before it, and that a training that begins anew has the weights
// of one on what follows.
func TestFollowFindsDrifts(t *testing.T) {
	const calm, after = 3000, 1000
	r, send := followed(t, calm)
	send(after, true)
	all := r.Job.Ranges[0]
	all.Length += after
	r.Job.BatchSize = 2
	for _, detector := range []pipeline.Detector{pipeline.DetectADWIN, pipeline.DetectPageHinkley} {
		r.told, r.Job.Ranges, r.Job.Checkpoint = nil, []pipeline.Range{all}, string(detector)
		r.Job.Following = &pipeline.Following{Epoch: 100, Drift: detector, OnDrift: pipeline.DriftRestarts}
		if err := Run(t.Context(), r.Config); err != nil {
			t.Fatal(err)
		}
		found := r.drifts()
		if len(found) != 1 || found[0].Records <= calm || found[0].Records > calm+500 || !found[0].Restarted || found[0].Epoch != int(found[0].Records+99)/100 {
			t.Errorf("%s: %+v", detector, found)
			continue
		}
		anew := r.outcome.Lineage.WeightsHash
		r.Job.Checkpoint += "-anew"
		r.Job.Ranges, r.Job.Following = []pipeline.Range{{Topic: all.Topic, Offset: found[0].Records, Length: calm + after - found[0].Records}}, &pipeline.Following{Epoch: 100}
		if err := Run(t.Context(), r.Config); err != nil {
			t.Fatal(err)
		}
		if r.outcome.Lineage.WeightsHash != anew {
			t.Errorf("%s: the training did not begin anew", detector)
		}
	}
}

// A training that raises its learning rate at a drift predicts as well as before within
// 1,000 records of it; one whose weights stay what they were then does not.
func TestFollowRecovers(t *testing.T) {
	const calm, after = 3000, 2000
	r, send := followed(t, calm)
	send(after, true)
	r.Job.BatchSize = 2
	r.Job.Ranges[0].Length += after
	loss := func(name string, rate float64) (before, later float64) {
		t.Helper()
		r.told, r.Job.Checkpoint = nil, name
		r.Job.Following = &pipeline.Following{Epoch: 100, Drift: pipeline.DetectPageHinkley, OnDrift: pipeline.DriftRaises, Rate: rate, Raised: after}
		if err := Run(t.Context(), r.Config); err != nil {
			t.Fatal(err)
		}
		for _, p := range r.told {
			for _, e := range p.Epochs {
				switch {
				case e.Records > calm-1000 && e.Records <= calm:
					before += e.Training["loss"] / 10
				case e.Records > calm+1000:
					later += e.Training["loss"] / 10
				}
			}
		}
		return before, later
	}
	before, later := loss("raised", 10)
	_, frozen := loss("frozen", 1e-30)
	if later == 0 || later > before || frozen < math.Ln2 { // that of a coin
		t.Errorf("the loss was %.3f before the drift, is %.3f, and %.3f with the weights as they were", before, later, frozen)
	}
}

// Batches of the default size find a drift after as few records.
func TestFollowFindsDriftsByTheDefaultBatch(t *testing.T) {
	const calm, after = 40_000, 500
	r, send := followed(t, calm)
	send(after, true)
	r.Job.BatchSize = 32
	r.Job.Ranges[0].Length += after
	r.Job.Following.Drift = pipeline.DetectADWIN
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	if found := r.drifts(); len(found) != 1 || found[0].Records <= calm || found[0].Records > calm+after {
		t.Errorf("%+v", found)
	}
}

// TestFollowRaisesTheRate holds that a drift raises the learning rate for as many
// records as is asked for, and no longer; also where an attempt goes on meanwhile.
func TestFollowRaisesTheRate(t *testing.T) {
	const calm, after = 3000, 1000
	r, send := followed(t, calm)
	send(after, true)
	r.Job.BatchSize = 2
	all := r.Job.Ranges[0]
	all.Length += after
	run := func(name string, how pipeline.OnDrift, rate float64, raised int64) (at int64, weights string) {
		t.Helper()
		r.told, r.Job.Ranges, r.Job.Checkpoint = nil, []pipeline.Range{all}, name
		r.Job.Following = &pipeline.Following{Epoch: 100, Drift: pipeline.DetectPageHinkley, OnDrift: how, Rate: rate, Raised: raised}
		if err := Run(t.Context(), r.Config); err != nil {
			t.Fatal(err)
		}
		found := r.drifts()
		if len(found) != 1 || found[0].Raised != (how == pipeline.DriftRaises) {
			t.Fatalf("%s: %+v", name, found)
		}
		return found[0].Records, r.outcome.Lineage.WeightsHash
	}
	at, told := run("told", "", 0, 0)
	_, same := run("same", pipeline.DriftRaises, 1, 300)
	_, raised := run("raised", pipeline.DriftRaises, 10, 300)
	_, longer := run("longer", pipeline.DriftRaises, 10, 350)
	parts, sendPart := followed(t, calm)
	parts.Job.BatchSize, parts.Job.Following = 2, &pipeline.Following{Epoch: 100, Open: true, Silence: 2, Drift: pipeline.DetectPageHinkley, OnDrift: pipeline.DriftRaises, Rate: 10, Raised: 300}
	for _, n := range []int{int(at) + 100 - calm, calm + after - int(at) - 100} {
		sendPart(n, true)
		if err := Run(t.Context(), parts.Config); err != nil {
			t.Fatal(err)
		}
		parts.Job.Attempt++
	}
	goesOn := parts.outcome.Lineage.WeightsHash
	if same != told || raised == told || longer == raised || goesOn != raised {
		t.Errorf("a drift at %d: told %s, at the same rate %s, raised %s, for longer %s, by two attempts %s", at, told, same, raised, longer, goesOn)
	}
}

// TestFollowCountsErrors holds that DDM finds a drift by the model's accuracy, and that
// a drift that is told only lets the training go on.
func TestFollowCountsErrors(t *testing.T) {
	const calm, after = 1500, 500
	r := rigOf(t, "mnist", `{"data_type":"uint8","data_reshape":"28 28","label_type":"uint8","label_reshape":""}`)
	topic := streamtest.Topic(t, r.cluster, 1)
	random := rand.New(rand.NewPCG(1, 2))
	var all []stream.Record
	for i := range calm + after {
		bright, label := byte(random.IntN(2)), byte(0)
		if bright == 1 != (i >= calm) {
			label = 1
		}
		all = append(all, stream.Record{Key: []byte{label}, Value: bytes.Repeat([]byte{bright}, 28*28)})
	}
	if _, err := r.cluster.Produce(t.Context(), topic, 0, all); err != nil {
		t.Fatal(err)
	}
	r.follows(topic, len(all))
	r.Job.BatchSize, r.Job.Following.Drift = 2, pipeline.DetectDDM
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	if found := r.drifts(); len(found) == 0 || found[0].Records <= calm || found[0].Restarted {
		t.Errorf("%+v", found)
	}
	if l := r.outcome.Lineage; l.Records != calm+after {
		t.Errorf("%d records", l.Records)
	}
}
