package deploytraining

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// plainPruner prints, for each trial of the curves on its standard input, after which
// epoch Optuna's pruner ends it; 0: it goes on to its end.
const plainPruner = `
import sys
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
p = optuna.pruners
study = optuna.create_study(direction=sys.argv[2], pruner={"asha": p.SuccessiveHalvingPruner(min_resource=1), "median": p.MedianPruner()}[sys.argv[1]])
for line in sys.stdin:
    trial, ended = study.ask(), 0
    curve = [float(v) for v in line.split()]
    for epoch, v in enumerate(curve, 1):
        trial.report(v, epoch)
        if epoch < len(curve) and trial.should_prune():
            ended = epoch
            break
    study.tell(trial, None if ended else curve[-1], state=optuna.trial.TrialState.PRUNED if ended else None)
    print(ended)
`

// A trial ends after the epoch after which Optuna would end it.
func TestPrunesAsOptuna(t *testing.T) {
	const trials, epochs = 30, 20
	random := rand.New(rand.NewPCG(1, 2))
	curves := make([][]float64, trials)
	for i := range curves {
		ceiling := random.Float64()
		for e := range epochs {
			curves[i] = append(curves[i], math.Round(100*(ceiling*float64(e+1)/epochs+random.Float64()/5))/100) // with ties
		}
	}
	python, site, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	optuna, err := toolchain.OptunaPackages()
	if err != nil {
		t.Fatal(err)
	}
	for _, pruner := range []pipeline.Pruner{pipeline.PrunerASHA, pipeline.PrunerMedian} {
		for direction, mode := range map[string]pipeline.MetricMode{"maximize": pipeline.ModeMax, "minimize": pipeline.ModeMin} {
			cmd := exec.Command(python, "-c", plainPruner, string(pruner), direction)
			cmd.Env, cmd.Stdin, cmd.Stderr = []string{"PYTHONPATH=" + site + ":" + optuna}, strings.NewReader(lines(curves)), os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			got := lines(pruneAll(t, pruner, mode, curves))
			if diff := cmp.Diff(string(out), got); diff != "" {
				t.Errorf("%s, %s: %s", pruner, direction, diff)
			}
		}
	}
}

// pruneAll lets trials report the curves, one after the other, and gives after which
// epoch each ended.
func pruneAll(t *testing.T, pruner pipeline.Pruner, mode pipeline.MetricMode, curves [][]float64) (ended [][]float64) {
	t.Helper()
	r := newRig(t)
	st := pipeline.Study{
		Configuration: r.configuration(t, image), Objective: "accuracy", Direction: mode, Trials: len(curves) + 1, Parallel: 1, Pruner: pruner,
	}
	r.write(t, func(tx *registry.Tx) error {
		if err := tx.CreateStudy(&st, &pipeline.Deployment{Configuration: st.Configuration}); err != nil {
			return err
		}
		st.Status = pipeline.StudyRunning
		return tx.UpdateStudy(&st)
	})
	for i, curve := range curves {
		r.write(t, func(tx *registry.Tx) error {
			at, err := reportAll(tx, st, i, curve)
			ended = append(ended, []float64{float64(at)})
			return err
		})
	}
	return ended
}

// reportAll lets a trial report a curve, and gives after which epoch it was ended; 0:
// it was not.
func reportAll(tx *registry.Tx, st pipeline.Study, number int, curve []float64) (ended int, err error) {
	r := pipeline.Result{
		Deployment: st.Deployment, Configuration: st.Configuration, Model: 1, Status: pipeline.ResultRunning, Attempt: 1, EpochsTotal: len(curve),
		Trial: &pipeline.StudyTrial{Study: st.ID, Number: number},
	}
	if err := tx.CreateResult(&r); err != nil {
		return 0, err
	}
	for e, v := range curve {
		added, err := tx.AppendEpochs(r.ID, 1, []pipeline.Epoch{{Epoch: e + 1, Training: pipeline.Metrics{"accuracy": v}}})
		if err != nil {
			return 0, err
		}
		p := pipeline.Progress{Result: r.ID, Attempt: 1, Epochs: added}
		advance(&r, p)
		if err := judge(tx, &r, p, added); err != nil {
			return 0, err
		}
		if r.Status == pipeline.ResultPruned {
			_, err = save(tx, &r)
			return r.EpochsDone, err
		}
	}
	setStatus(&r, pipeline.ResultFinished)
	_, err = save(tx, &r)
	return 0, err
}

// lines are rows of numbers as text.
func lines(rows [][]float64) string {
	var text strings.Builder
	for _, row := range rows {
		text.WriteString(strings.Trim(fmt.Sprint(row), "[]") + "\n")
	}
	return text.String()
}

// The last trial ends its study: finished where one of them did, else failed with the
// reason of the first, and no second stream begins it again.
func TestTheLastTrialEndsItsStudy(t *testing.T) {
	for want, ends := range map[pipeline.StudyStatus][]pipeline.ResultStatus{
		pipeline.StudyFinished: {pipeline.ResultFailed, pipeline.ResultFinished},
		pipeline.StudyFailed:   {pipeline.ResultFailed, pipeline.ResultFailed},
	} {
		r := newRig(t)
		st := pipeline.Study{Configuration: r.configuration(t, image), Objective: "accuracy", Direction: pipeline.ModeMax, Trials: len(ends)}
		r.write(t, func(tx *registry.Tx) error {
			return tx.CreateStudy(&st, &pipeline.Deployment{Configuration: st.Configuration})
		})
		first, second := r.stream(t, st.Deployment, 0), r.stream(t, st.Deployment, 500)
		r.write(t, func(tx *registry.Tx) error { return r.begin(tx, st.ID, first) })
		r.write(t, func(tx *registry.Tx) error { return r.begin(tx, st.ID, second) })
		for i, status := range ends {
			r.write(t, func(tx *registry.Tx) error {
				one := pipeline.Result{
					Deployment: st.Deployment, Configuration: st.Configuration, Model: 1, Status: pipeline.ResultRunning, Attempt: 1,
					Trial: &pipeline.StudyTrial{Study: st.ID, Number: i}, Reason: fmt.Sprintf("reason %d", i),
					Metrics: pipeline.SplitMetrics{Training: pipeline.Metrics{"accuracy": 0.5}},
				}
				if err := tx.CreateResult(&one); err != nil {
					return err
				}
				setStatus(&one, status)
				_, err := save(tx, &one)
				return err
			})
		}
		r.write(t, func(tx *registry.Tx) (err error) {
			if st, err = tx.Study(st.ID); err != nil {
				return err
			}
			second, err = tx.Datasource(second.ID)
			return err
		})
		if st.Status != want || (want == pipeline.StudyFailed) != strings.Contains(st.Reason, "reason 0") || (want == pipeline.StudyFinished) != (st.Best != nil) {
			t.Errorf("%s: %+v", want, st)
		}
		if st.Datasource != first.ID || second.Unused == nil || !strings.Contains(second.Unused.Reason, "tries one stream") {
			t.Errorf("the second stream: %+v", second.Unused)
		}
	}
}
