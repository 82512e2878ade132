package tensorflow

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// errUnsound ends a training under XLA whose numbers are no longer finite
// though the graph's were.
var errUnsound = errors.New("not finite under XLA")

// soundness holds which metrics were finite in the graph.
type soundness map[string]bool

// check notes the metrics of an epoch of the graph and judges those of one
// under XLA.
func (s soundness) check(m pipeline.Metrics, c call, e pipeline.Engine) error {
	for name, v := range m {
		switch {
		case e != kerasmodel.XLA || c.pass == 0:
			s[name] = finite(v)
		case s[name] && !finite(v):
			return fmt.Errorf("%w: %s is %v in epoch %d", errUnsound, name, v, c.epoch)
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// lossLike reports whether a metric is a loss, by its name.
func lossLike(name string) bool { return strings.Contains(name, "loss") }

// again trains from the start in the graph, after XLA's numbers were unsound:
// the gradients that it derives at points where there is none may be others.
func (t *Trainer) again(ctx context.Context, s framework.Split, p framework.Plan, weigh func(*buffer, int), w framework.Watch, report *framework.FitReport, why error) error {
	if err := t.restore(); err != nil {
		return err
	}
	report.Engine = kerasmodel.Graph
	report.Reason = fmt.Sprintf("%v; trained again from the start in the graph", why)
	report.Warnings = append(report.Warnings, report.Reason)
	f := newFeeder(s, t.columns, p.BatchSize, stepsAtOnce(p, s.Len()), trainedBytes, weigh)
	var err error
	report.Stopping, err = t.fit(ctx, f, p, t.runner(kerasmodel.Graph, report.Reason, f), nil, w, report)
	return err
}

// once tells each epoch only when it comes first.
func once(tell func(pipeline.Epoch)) func(pipeline.Epoch) {
	if tell == nil {
		return nil
	}
	last := 0
	return func(e pipeline.Epoch) {
		if e.Epoch > last {
			last = e.Epoch
			tell(e)
		}
	}
}

// seedSize is how many numbers, of int64, the state of Keras' seed generators
// has; other variables do not look so.
const seedSize = 2

// random reports whether the model draws at random in training: it has the
// state of a seed generator.
func (t *Trainer) random() bool {
	return slices.ContainsFunc(t.weights.fetches, func(v tf.Output) bool {
		return v.DataType() == tf.Int64 && v.Shape().NumDimensions() == 1 && v.Shape().Size(0) == seedSize
	})
}
