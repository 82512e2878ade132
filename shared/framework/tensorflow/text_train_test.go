package tensorflow_test

import (
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestTrainersGiveText trains a model that gives text beside what it is trained
// on: the text of a split names the class of its chances. XLA cannot hold text.
func TestTrainersGiveText(t *testing.T) {
	words := []string{"[UNK]", "bad", "a good one, whose name is longer than others", "é"}
	const records = 23
	for _, engine := range []pipeline.Engine{kerasmodel.Graph, pipeline.Auto, kerasmodel.XLA} {
		t.Run(string(engine), func(t *testing.T) {
			tr := opened(t, "worded", 4)
			named := map[string][]byte{
				"x0": filled(tr.Columns()[0], records, func(r, e int) float64 { return float64((r*7+e*5)%11) - 5 }),
				"y0": filled(tr.Columns()[1], records, func(r, _ int) float64 { return float64(r % len(words)) }),
			}
			split := frameworktest.ArraysOf(tr, func(n string) []byte { return named[n] })
			report, err := tr.Fit(t.Context(), split, framework.Plan{BatchSize: 4, Epochs: 2, Engine: engine}, framework.Watch{})
			if engine == kerasmodel.XLA {
				if err == nil || !strings.Contains(err.Error(), "takes or gives text") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || report.Engine != kerasmodel.Graph {
				t.Fatal(report.Engine, err)
			}
			seen := map[string]bool{}
			err = tr.Predict(t.Context(), split, func(p framework.Predicted) error {
				for row := range p.Records {
					chances, err := codec.Floats(p.Outputs[0].Row(row), p.Outputs[0].DType)
					if err != nil {
						return err
					}
					text, rest, ok := codec.CutText(p.Outputs[1].Row(row))
					if want := words[framework.Class(chances)]; !ok || len(rest) > 0 || string(text) != want {
						t.Errorf("record %d: %q, want %q", row, text, want)
					}
					seen[string(text)] = true
				}
				return nil
			})
			if err != nil || len(seen) < 2 {
				t.Errorf("%d words, %v", len(seen), err)
			}
		})
	}
}
