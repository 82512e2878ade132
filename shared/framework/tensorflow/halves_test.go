package tensorflow_test

import (
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestStepsOnHalves trains a convolutional model on halves of batches and on whole ones:
// the epochs are the same but for rounding, the last batch of one record among them. Each
// plan that has no use for halves runs without.
func TestStepsOnHalves(t *testing.T) {
	const records, batch, said = 65, 32, "each with half of a batch"
	m := tensorflowtest.Load(t, "convolved")
	plan := framework.Plan{BatchSize: batch, Epochs: 3, Engine: kerasmodel.Graph}
	train := func(known *framework.Plan) ([]pipeline.Metrics, framework.FitReport) {
		t.Helper()
		tr, err := tensorflow.Framework{}.OpenTrainer(framework.TrainerOptions{
			Dir: m.Dir, Export: m.Export, Inputs: frameworktest.AsStored(t, m.Export.Inputs), Labels: frameworktest.AsStored(t, m.Export.Labels),
			Batch: batch, Plan: known, Records: records,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
		}()
		named := map[string][]byte{}
		for i, name := range []string{"x0", "y0"} {
			named[name] = filled(tr.Columns()[i], records, func(r, e int) float64 {
				if name == "y0" {
					return float64(r % 3)
				}
				return math.Abs(math.Sin(float64(r*1024 + e)))
			})
		}
		p := plan
		if known != nil {
			p = *known
		}
		var epochs []pipeline.Metrics
		report, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, func(n string) []byte { return named[n] }), p,
			framework.Watch{Epoch: func(e pipeline.Epoch) { epochs = append(epochs, e.Training) }})
		if err != nil {
			t.Fatal(err)
		}
		return epochs, report
	}
	halved, report := train(&plan)
	if cores := runtime.GOMAXPROCS(0); strings.Contains(report.Reason, said) != (cores > 1) {
		t.Errorf("on %d cores it ran otherwise: %s", cores, report.Reason)
	}
	whole, report := train(nil)
	if strings.Contains(report.Reason, said) {
		t.Errorf("it ran on halves: %s", report.Reason)
	}
	for i := range plan.Epochs {
		for name, want := range whole[i] {
			if got := halved[i][name]; !(math.Abs(got-want) <= 1e-5*math.Max(1, math.Abs(want))) {
				t.Errorf("epoch %d: %s is %g on halves, %g whole", i+1, name, got, want)
			}
		}
	}
	weighted := plan
	weighted.ClassWeight = map[int]float64{1: 2}
	if _, report := train(&weighted); strings.Contains(report.Reason, said) {
		t.Errorf("class weights ran on halves: %s", report.Reason)
	}
}
