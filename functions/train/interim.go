package train

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// untoldMost is how many results wait at most to be told: as many as are kept.
const untoldMost = pipeline.KeptInterims

// giver is what is known of the results that a training gives on its way. It is kept
// with the weights and the offsets, so that each is given once through any kill: one
// is told only after the checkpoint is stored that knows of it.
type giver struct {
	Given     int // results so far
	Since     sums
	At        time.Time
	Referred  bool    // there is a Reference
	Reference float64 // what the monitored metric has to improve over
	Untold    []pipeline.Yield
	Stored    []yielded // the last of them, but for those from before an adoption
}

// yielded is where a result was given on the way.
type yielded struct {
	Number, By int
	Records    int64
}

// due gives the metrics of the result that is to be given, nil where none is; point
// are those of the point of the curve that the last batch made whole, or nil.
func (g *giver) due(when pipeline.Interim, point pipeline.Metrics) pipeline.Metrics {
	if value, ok := point[when.Monitor]; ok {
		if !g.Referred {
			g.Referred, g.Reference = true, value
		} else if when.Improves(value, g.Reference) {
			g.Reference = value
			return point
		}
	}
	if g.Since.Records == 0 ||
		!(when.Records > 0 && g.Since.Records >= when.Records || when.Seconds > 0 && time.Since(g.At).Seconds() >= when.Seconds) {
		return nil
	}
	return g.Since.means()
}

// give stores a result where one is due, to be told. What could not be stored is
// warned of, and the training goes on without.
func (f *follower) give(ctx context.Context, point pipeline.Metrics) error {
	g := &f.giver
	metrics := g.due(f.plan.Interim, point)
	if metrics == nil {
		return nil
	}
	y, err := f.interim(ctx, metrics)
	g.Since, g.At = sums{}, time.Now()
	before := *g
	if err == nil {
		g.Given = y.Number
		g.Untold = append(g.Untold, y)
		g.Untold = g.Untold[max(0, len(g.Untold)-untoldMost):]
		g.Stored = append(slices.Clone(g.Stored), yielded{y.Number, y.By, f.score.Records})
		g.Stored = g.Stored[max(0, len(g.Stored)-pipeline.KeptInterims):]
		err = f.keeper.store(ctx)
	}
	if err != nil && ctx.Err() == nil {
		*g = before
		f.warn(ctx, "the result after %d records was not given (%v)", f.score.Records, err)
	}
	return ctx.Err()
}

// between reports whether no record has come since the last batch.
func (f *follower) between() bool {
	return slices.ContainsFunc(f.parts, func(p *partition) bool { return p.full && p.intake.cache == f.cache })
}

// interim stores the model as it is after a batch.
func (f *follower) interim(ctx context.Context, metrics pipeline.Metrics) (y pipeline.Yield, err error) {
	as, number := *f.training, f.giver.Given+1
	as.Job.Output = pipeline.InterimArtifact(f.Job.Result, number, f.Job.Attempt)
	as.outcome = pipeline.Outcome{
		Result: f.Job.Result, Engine: f.outcome.Engine, EngineReason: f.outcome.EngineReason, Metrics: pipeline.SplitMetrics{Training: metrics},
		Split: &pipeline.SplitAudit{Warnings: slices.Clone(f.outcome.Split.Warnings)}, Unsound: f.outcome.Unsound,
	}
	if err := f.account(&as); err != nil {
		return y, err
	}
	if err := f.pulse.during(func() error { return as.save(ctx) }); err != nil {
		return y, err
	}
	return pipeline.Yield{Outcome: as.outcome, Number: number, By: f.Job.Attempt}, nil
}

// tell tells of the results that were stored. The training goes on meanwhile.
func (f *follower) tell(ctx context.Context) error {
	for {
		f.mu.Lock()
		stored := f.giver.Untold
		f.mu.Unlock()
		if len(stored) == 0 {
			return nil
		}
		y := stored[0]
		y.Attempt = f.Job.Attempt
		e := eventing.New(eventing.TrainingYielded, f.report.source(), f.report.subject(), y)
		e.SetID(fmt.Sprintf("interim-%d-%d-%d", f.Job.Result, y.Number, f.Job.Attempt))
		if err := f.Emitter.Emit(ctx, e); err != nil {
			return op("tell of a result", err)
		}
		f.mu.Lock()
		if len(f.giver.Untold) > 0 && f.giver.Untold[0].Number == y.Number {
			f.giver.Untold = f.giver.Untold[1:]
		}
		f.mu.Unlock()
	}
}
