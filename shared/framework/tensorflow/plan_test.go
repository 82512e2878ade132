package tensorflow

import (
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// walked tells the batches of each epoch as "pass:first batch+count".
type walked struct{ Epoch, Pass, First, Count int }

func TestPlanWalksAsKeras(t *testing.T) {
	cases := []struct {
		name  string
		plan  framework.Plan
		total int64
		want  []walked
	}{
		{"whole split", framework.Plan{BatchSize: 10, Epochs: 2}, 25, []walked{{1, 0, 0, 3}, {2, 1, 0, 3}}},
		{"steps go on and end early", framework.Plan{BatchSize: 10, Epochs: 4, StepsPerEpoch: 2}, 50, []walked{{1, 0, 0, 2}, {2, 0, 2, 2}, {3, 0, 4, 1}, {4, 1, 0, 2}}},
		{"more steps than batches", framework.Plan{BatchSize: 10, Epochs: 2, StepsPerEpoch: 9}, 20, []walked{{1, 0, 0, 2}, {2, 1, 0, 2}}},
		{"initial epoch", framework.Plan{BatchSize: 10, Epochs: 3, InitialEpoch: 2}, 10, []walked{{3, 0, 0, 1}}},
		{"less than a batch", framework.Plan{BatchSize: 10, Epochs: 1}, 4, []walked{{1, 0, 0, 1}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, most := range []int{1, 2, 100} {
				var got []walked
				steps := int64(0)
				for call := range callsOf(c.plan, c.plan.InitialEpoch, c.total, most) {
					steps += int64(call.steps)
					at := walked{call.epoch, call.pass, int(call.first) / c.plan.BatchSize, call.steps}
					if n := len(got); n > 0 && got[n-1].Epoch == at.Epoch {
						if got[n-1].First+got[n-1].Count != at.First {
							t.Errorf("%+v does not follow %+v", at, got[n-1])
						}
						got[n-1].Count += at.Count
					} else {
						got = append(got, at)
					}
				}
				if want := stepsOf(c.plan, c.total); steps != want {
					t.Errorf("%d steps, %d were foretold", steps, want)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("calls of %d batches: %s", most, diff)
				}
			}
		})
	}
}

func TestCut(t *testing.T) {
	got := cut(35, 10, 2, 0, 4)
	want := []call{{first: 0, steps: 2, rows: 10}, {first: 20, steps: 1, rows: 10}, {first: 30, steps: 1, rows: 5, last: true}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestColumnTakesOpenSizesFromTheStream(t *testing.T) {
	cases := []struct {
		name  string
		model []int
		have  []int
		want  []int64 // nil: refused
	}{
		{"same", []int{28, 28}, []int{28, 28}, []int64{28, 28}},
		{"flat records", []int{28, 28}, []int{784}, []int64{28, 28}},
		{"open length", []int{-1, 2}, []int{5, 2}, []int64{5, 2}},
		{"open length of flat records", []int{-1, 2}, []int{10}, []int64{5, 2}},
		{"two open sizes", []int{-1, -1, 3}, []int{4, 5, 3}, []int64{4, 5, 3}},
		{"two open sizes of flat records", []int{-1, -1, 3}, []int{60}, nil},
		{"another count", []int{28, 28}, []int{783}, nil},
		{"scalar", []int{1}, nil, []int64{1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := newColumn("x0", pipeline.Tensor{Name: "x", DType: "float32", Shape: c.model}, codec.Tensor{DType: codec.Uint8, Shape: c.have})
			if (err == nil) != (c.want != nil) || err == nil && !slices.Equal(got.shape, c.want) {
				t.Errorf("%v, %v, want %v", got.shape, err, c.want)
			}
		})
	}
}

// A training loads the loops that it may run, all of them where it is not known.
func TestUses(t *testing.T) {
	every := []string{"train", "train_weighted", "train_xla", "train_steps", "evaluate", "reset", "weights", "assign", serving}
	without := func(names ...string) []string {
		return slices.DeleteFunc(slices.Clone(every), func(s string) bool { return slices.Contains(names, s) })
	}
	cases := []struct {
		name    string
		plan    *framework.Plan
		records int64
		want    []string
	}{
		{"not known", nil, 0, every},
		{"a few steps", &framework.Plan{BatchSize: 10, Epochs: 2}, 220, without("train_weighted", "train_xla", "train_steps", "assign")},
		{"many steps", &framework.Plan{BatchSize: 10, Epochs: 1000}, 220, without("train_weighted", "train_steps")},
		{"many steps in the graph", &framework.Plan{BatchSize: 10, Epochs: 1000, Engine: kerasmodel.Graph}, 220, without("train_weighted", "train_xla", "train_steps", "assign")},
		{"a few steps under XLA", &framework.Plan{BatchSize: 10, Epochs: 2, Engine: kerasmodel.XLA}, 220, without("train_weighted", "train_steps", "assign")},
		{"class weights", &framework.Plan{BatchSize: 10, Epochs: 2, ClassWeight: map[int]float64{0: 2}}, 220, without("train_xla", "train_steps", "assign")},
		{"a stream", &framework.Plan{BatchSize: 10, Epochs: 1, Stepped: true}, 0, without("train_weighted", "train_xla")},
		{"a stream whose drifts act", &framework.Plan{BatchSize: 10, Epochs: 1, Stepped: true, Singly: true}, 0, without("train_weighted", "train_xla", "train_steps")},
	}
	for _, c := range cases {
		tr := &Trainer{options: framework.TrainerOptions{Plan: c.plan, Records: c.records}}
		if got := slices.DeleteFunc(slices.Clone(every), func(s string) bool { return !tr.uses(s) }); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestXLAAlone(t *testing.T) {
	dense := pipeline.Export{Operations: 4_881_920, Layers: []pipeline.Layer{{Class: "Dense"}}}
	convolved := pipeline.Export{Operations: 4_881_920, Layers: []pipeline.Layer{{Class: "Dense"}, {Class: "DepthwiseConv2D"}}}
	if got := xlaAlone(dense, 32); got != 0 {
		t.Errorf("dense: %s", got)
	}
	if got := xlaAlone(convolved, 32); got <= xlaLongest {
		t.Errorf("convolutions: %s", got)
	}
}

func TestThreadsFor(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	for _, c := range []struct {
		name  string
		model pipeline.Export
		batch int
		want  int
	}{
		{"small dense", pipeline.Export{Operations: 203_000}, 32, 1},
		{"convolutions", pipeline.Export{Operations: 4_881_920}, 32, cores},
		{"large batch", pipeline.Export{Operations: 203_000}, 512, cores},
		{"layers that tell nothing", pipeline.Export{TrainableParameters: 2_000_000}, 32, cores},
	} {
		if got := ThreadsFor(c.model, c.batch); got.IntraOp != c.want {
			t.Errorf("%s: %d threads, want %d", c.name, got.IntraOp, c.want)
		}
	}
}
