package tensorflow_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestLoop holds that the weights and metrics of a stream are the same bit for bit
// however many batches a call of XLA's loop takes, and which models have none: layers
// that convolve, ids that the graph checks, text.
func TestLoop(t *testing.T) {
	tensorflow.LoopAfter(t, 3)
	noisy, words := made(t, "noisy", 8), made(t, "words", 8)
	for _, m := range []*frameworktest.Model{&noisy, &words} {
		m.Training = drawn(t, m, 80)
	}
	cases := []struct {
		model  frameworktest.Model
		engine pipeline.Engine
	}{
		{family(t, "dense"), kerasmodel.XLA},
		{family(t, "lstm"), kerasmodel.XLA},
		{family(t, "custom_step"), kerasmodel.XLA},
		{noisy, kerasmodel.XLA},
		{words, kerasmodel.Graph},
		{family(t, "cnn"), kerasmodel.Graph},
		{family(t, "text"), kerasmodel.Graph},
	}
	for _, c := range cases {
		t.Run(c.model.Name, func(t *testing.T) {
			how := c.model.StepsAlike(t, tensorflow.Framework{}, 25)
			if how.Engine != c.engine || (how.Batches > 1) != (c.engine == kerasmodel.XLA) {
				t.Errorf("%+v", how)
			}
		})
	}
}

// drawn are n records of a model, of zeros and ones.
func drawn(t *testing.T, m *frameworktest.Model, n int) func(column string) []byte {
	columns := map[string][]byte{}
	for _, c := range m.Open(t, tensorflow.Framework{}).Columns() {
		random := rand.New(rand.NewPCG(1, 2))
		columns[c.Name] = filled(c, n, func(int, int) float64 { return float64(random.IntN(2)) })
	}
	return func(column string) []byte { return columns[column] }
}

// TestAttackLoop holds that a class that there is not is refused in the loop as well,
// where XLA makes NaN of it.
func TestAttackLoop(t *testing.T) {
	tensorflow.LoopAfter(t, 2)
	const batch, batches, at = 4, 12, 37
	m := made(t, "own_classes", batch)
	tr := m.Open(t, tensorflow.Framework{})
	spoilt := frameworktest.ArraysOf(tr, func(name string) []byte {
		for _, c := range tr.Columns() {
			if c.Name == name {
				return filled(c, batch*batches, func(record, element int) float64 {
					if name == "y0" && record == at {
						return 4
					}
					return float64((record + element) % 4)
				})
			}
		}
		return nil
	})
	if _, err := tr.Step(t.Context(), frameworktest.Part{Split: spoilt, Records: 8 * batch}); err != nil || tr.Stepping().Batches < 2 {
		t.Fatalf("%+v, %v", tr.Stepping(), err)
	}
	_, err := tr.Step(t.Context(), frameworktest.Part{Split: spoilt, From: 8 * batch, Records: 4 * batch})
	var record *framework.RecordError
	if !errors.As(err, &record) || !strings.Contains(err.Error(), "label value of 4") {
		t.Errorf("%v", err)
	}
}
