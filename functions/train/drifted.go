package train

import (
	"context"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// watch tells of the drift that the metrics of a batch show, if they do, and sets
// the training back where that is asked for. The batch lies in a point of the curve.
func (f *follower) watch(ctx context.Context, m pipeline.Metrics, point int) error {
	value := m["loss"]
	if f.plan.Drift == pipeline.DetectDDM {
		value = 1 - m[pipeline.RightMetric(m)]
	}
	if err := f.lower(); err != nil {
		return err
	}
	if _, worse := f.drift.Update(value); !worse {
		return nil // also where it has learned: that is no drift of the stream
	}
	since := int64(f.drift.Recent()) * int64(f.Job.BatchSize)
	d := pipeline.Drift{Records: f.score.Records, Epoch: point, Restarted: f.start != nil, Raised: f.plan.OnDrift == pipeline.DriftRaises}
	if d.Restarted {
		var err error
		if d.Interim, err = f.back(ctx, d.Records-since); err != nil {
			return err
		}
	}
	f.Log.InfoContext(ctx, "the stream has drifted", "result", f.Job.Result, "attempt", f.Job.Attempt, "detector", f.plan.Drift, "records", d.Records, "restarted", d.Restarted, "interim", d.Interim, "raised", d.Raised)
	f.found, _ = pipeline.AddDrifts(f.found, []pipeline.Drift{d})
	f.report.drifts(d)
	if d.Raised {
		return f.raise()
	}
	return nil
}

// raise is a learning rate that a drift has raised; it is kept with the weights. The
// zero value: none is.
type raise struct {
	Model []float32 // the rates that are to come back
	Until int64     // records
}

// raise raises the learning rate, or lets it stay raised for longer.
func (f *follower) raise() (err error) {
	f.rates.Until = f.score.Records + f.plan.Raised
	if f.rates.Model != nil {
		return nil
	}
	if f.rates.Model, err = f.trainer.Rates(); err != nil {
		return err
	}
	higher := slices.Clone(f.rates.Model)
	for i := range higher {
		higher[i] *= float32(f.plan.Rate)
	}
	return f.trainer.SetRates(higher)
}

// lower brings the model's own rates back where they were raised for long enough.
func (f *follower) lower() error {
	if f.rates.Model == nil || f.score.Records < f.rates.Until {
		return nil
	}
	model := f.rates.Model
	f.rates = raise{}
	return f.trainer.SetRates(model)
}
