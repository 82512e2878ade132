package train

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// onward trains on the records from an offset, from the weights of a result, and gives
// what comes of it.
func (r *rig) onward(t *testing.T, from pipeline.Ancestor, all pipeline.Range, offset int64) string {
	t.Helper()
	c := r.Config
	c.Job.Parent, c.Job.Checkpoint, c.Job.Output, c.Job.Result = &from, "onward", "onward", r.Job.Result+100
	c.Job.Ranges = []pipeline.Range{{Topic: all.Topic, Offset: offset, Length: all.Offset + all.Length - offset}}
	c.Job.Following = &pipeline.Following{Epoch: 100}
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return r.outcome.Lineage.WeightsHash
}

// adoptions are those that the rig was told of.
func (r *rig) adoptions() (all []pipeline.Adoption) {
	for _, p := range r.told {
		all, _ = pipeline.AddAdoptions(all, p.Adoptions)
	}
	return all
}

// names lets the alias that a training follows name another result.
func (r *rig) names(t *testing.T, next pipeline.Ancestor) {
	t.Helper()
	mark, err := json.Marshal(next)
	if err == nil {
		err = r.store(t).Put(t.Context(), pipeline.SuccessorMark(r.Job.Checkpoint), bytes.NewReader(mark))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestFollowAdopts moves the alias that a training follows, while it is killed again and
// again: it goes on from the result that the alias names, at the offset that it has
// reached, so that its weights are those of that result and of each record after it,
// once; what cannot be taken is warned of, and changes nothing.
func TestFollowAdopts(t *testing.T) {
	kills := 2
	if os.Getenv("KAFKAML_LONG") != "" {
		kills = 20
	}
	const more, each = 1000, 250
	r, send := followed(t, 1000)
	if err := Run(t.Context(), r.Config); err != nil { // a champion
		t.Fatal(err)
	}
	champion := pipeline.Ancestor{Result: r.Job.Result, Artifact: r.Job.Output}
	offset, topic := int64(1000), r.Job.Ranges[0].Topic
	send(more, false)
	r.Job.Result, r.Job.Output, r.Job.Checkpoint = 7, "results/7/attempt-1", pipeline.ResultCheckpoint(7)
	r.Job.Ranges = []pipeline.Range{{Topic: topic, Offset: offset, Length: more}}
	r.Job.Parent = &pipeline.Ancestor{Result: 2, Artifact: champion.Artifact}
	r.Job.Following = &pipeline.Following{Epoch: each, Open: true, Silence: 4, Follows: true}
	r.Job.TrainingKwargs.Checkpoint = &pipeline.Checkpoint{EveryEpochs: 1}
	total := more
	for i := range kills {
		r.kill(t, total/each-2)
		switch i {
		case 0:
			r.names(t, pipeline.Ancestor{Result: 5, Artifact: "results/5/attempt-1"}) // which is not there
		case kills / 2:
			r.names(t, champion)
		}
		r.Job.Attempt++
		send(more, i%2 == 0)
		total += more
	}
	r.Job.Parent.Exported, r.Job.Following.Adopted = "of another", 0 // which are not what is trained
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	got, found, all := r.outcome, r.adoptions(), pipeline.Range{Topic: topic, Offset: offset, Length: int64(total)}
	if len(found) != 1 || found[0].Before != 2 || found[0].Result != champion.Result || found[0].Number != 1 || found[0].Records%int64(r.Job.BatchSize) != 0 || found[0].Records == 0 {
		t.Fatalf("adoptions: %+v", found)
	}
	if anew := strings.Contains(strings.Join(got.Split.Warnings, "\n"), "cannot be used"); anew || got.Lineage.Records != int64(total) {
		t.Errorf("trained on %d of %d records, anew: %v", got.Lineage.Records, total, anew)
	}
	if want := r.onward(t, champion, all, offset+found[0].Records); got.Lineage.WeightsHash != want {
		t.Errorf("adopted after %d records: weights %s, from the champion on %s", found[0].Records, got.Lineage.WeightsHash, want)
	}
}

// TestFollowAdoptsNothingElse holds that a mark which names what the training has, or
// what cannot be had, changes nothing and is removed.
func TestFollowAdoptsNothingElse(t *testing.T) {
	r, _ := followed(t, 600)
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	champion := pipeline.Ancestor{Result: r.Job.Result, Artifact: r.Job.Output}
	all := r.Job.Ranges[0]
	want := r.onward(t, champion, all, 0)
	r.Job.Result, r.Job.Output, r.Job.Parent = 7, "results/7/attempt-1", &champion
	for i, next := range []pipeline.Ancestor{champion, {Result: 5, Artifact: "results/5/attempt-1"}} {
		r.told, r.Job.Checkpoint = nil, pipeline.ResultCheckpoint(int64(7+i))
		r.Job.Following = &pipeline.Following{Epoch: 100, Open: true, Silence: 2, Follows: true}
		r.names(t, next)
		if err := Run(t.Context(), r.Config); err != nil {
			t.Fatal(err)
		}
		warned := slices.ContainsFunc(r.outcome.Split.Warnings, func(w string) bool { return strings.Contains(w, "result 5 is not in the store") })
		if got := r.outcome.Lineage.WeightsHash; got != want || len(r.adoptions()) > 0 || warned != (i == 1) {
			t.Errorf("%+v: weights %s, want %s; %+v, %v", next, got, want, r.adoptions(), r.outcome.Split.Warnings)
		}
		if left, err := r.store(t).Exists(t.Context(), pipeline.SuccessorMark(r.Job.Checkpoint)); left || err != nil {
			t.Errorf("the mark is left: %v, %v", left, err)
		}
	}
}

// TestFollowGoesBack holds that a drift leads back to the last result that was given
// before what drifted began, and to where the training began where there is none.
func TestFollowGoesBack(t *testing.T) {
	const calm, after, every = 3000, 500, 400
	for name, given := range map[string]int64{"to a result on the way": every, "to the start": 0} {
		t.Run(name, func(t *testing.T) {
			r, send := followed(t, calm)
			send(after, true)
			r.Job.BatchSize = 2
			all := r.Job.Ranges[0]
			all.Length += after
			r.Job.Ranges = []pipeline.Range{all}
			r.Job.Following = &pipeline.Following{Epoch: 100, Drift: pipeline.DetectADWIN, OnDrift: pipeline.DriftRestarts, Interim: pipeline.Interim{Records: given}}
			if err := Run(t.Context(), r.Config); err != nil {
				t.Fatal(err)
			}
			got, found := r.outcome.Lineage.WeightsHash, r.drifts()
			if len(found) != 1 || !found[0].Restarted || found[0].Records <= calm || found[0].Interim != int(given)/every*(calm/every) {
				t.Fatalf("%+v", found)
			}
			from := pipeline.Ancestor{Result: r.Job.Result, Artifact: pipeline.InterimArtifact(r.Job.Result, found[0].Interim, 1)}
			var want string
			if given > 0 {
				want = r.onward(t, from, all, found[0].Records)
			} else {
				r.Job.Checkpoint, r.Job.Ranges[0].Offset, r.Job.Ranges[0].Length = "anew", found[0].Records, calm+after-found[0].Records
				if err := Run(t.Context(), r.Config); err != nil {
					t.Fatal(err)
				}
				want = r.outcome.Lineage.WeightsHash
			}
			if got != want {
				t.Errorf("weights %s, want %s", got, want)
			}
		})
	}
}
