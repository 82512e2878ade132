package keras

import (
	"context"
	"math"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// batch is what a child reads of a framework.TrialBatch.
type batch struct {
	Records int    `json:"records"`
	Inputs  []rows `json:"inputs"`
	Labels  []rows `json:"labels"`
}

type rows struct {
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
	Data  []byte `json:"data"` // base64 in JSON
}

func rowsOf(all []framework.Rows) []rows {
	out := make([]rows, len(all))
	for i, r := range all {
		out[i] = rows{r.DType.String(), append([]int{}, r.Shape...), r.Data}
	}
	return out
}

// trial is a child's word on a step; see worker/trial.py.
type trial struct {
	Records int              `json:"records"`
	Seconds float64          `json:"seconds"`
	Metrics pipeline.Metrics `json:"metrics"`
	Fault   *fault           `json:"fault"`
}

type fault struct {
	complaint
	Record  int `json:"record"`
	Failing int `json:"failing"`
	Tried   int `json:"tried"`
}

// Try runs imports and then the text of s in a fenced child, and there one
// training step of the model on b. What the child says of it is held within
// bounds; no more is to be had: the source may say what it likes.
func (w *Worker) Try(ctx context.Context, s framework.Source, b framework.TrialBatch) (t framework.Trial, err error) {
	asked := &batch{Records: b.Records, Inputs: rowsOf(b.Inputs), Labels: rowsOf(b.Labels)}
	err = w.child(ctx, s, asked, func(c *done) error {
		t, err = c.report.Trial.checked(b.Records, c.texts)
		return err
	})
	return t, err
}

// checked is a child's word within its bounds.
func (t *trial) checked(records int, texts lines) (out framework.Trial, err error) {
	if t == nil || t.Records != records || !(t.Seconds >= 0 && t.Seconds <= wall.Seconds()) || len(t.Metrics) > maxMetrics {
		return out, interfered()
	}
	for name := range t.Metrics {
		if !validName(name) {
			return out, interfered()
		}
	}
	out = framework.Trial{Metrics: t.Metrics, Seconds: t.Seconds}
	f := t.Fault
	if f == nil {
		if loss, ok := t.Metrics["loss"]; ok && (math.IsNaN(loss) || math.IsInf(loss, 0)) {
			return out, interfered()
		}
		return out, nil
	}
	if f.Record < -1 || f.Record >= records || f.Tried < 0 || f.Tried > records || f.Failing < 0 || f.Failing > f.Tried {
		return out, interfered()
	}
	refusal := f.refusal(texts)
	out.Fault = &framework.Fault{Record: f.Record, Failing: f.Failing, Tried: f.Tried, Reason: refusal.Reason, Hint: refusal.Hint, At: refusal.At}
	if refusal.At != nil {
		out.Fault.Field = refusal.Field
	}
	return out, nil
}
