package deploytraining

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// figures count what trainings report to this process.
type figures struct {
	epochs  prometheus.Counter
	seconds *prometheus.HistogramVec
}

func newFigures() figures {
	f := figures{
		epochs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kafkaml_training_epochs_total", Help: "Epochs that trainings have reported.",
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kafkaml_training_seconds", Help: "How long trainings took, by how they ended.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 9), // to 18 hours
		}, []string{"outcome"}),
	}
	for _, s := range []pipeline.ResultStatus{pipeline.ResultFinished, pipeline.ResultFailed} {
		f.seconds.WithLabelValues(string(s))
	}
	return f
}

// ended counts a training that is over.
func (f figures) ended(r pipeline.Result) {
	if r.Status != pipeline.ResultFinished && r.Status != pipeline.ResultFailed {
		return
	}
	seconds := r.Seconds
	if seconds == 0 && r.Started != nil { // its process did not say
		seconds = max(0, time.Since(*r.Started).Seconds()) // the clock may have been set back
	}
	f.seconds.WithLabelValues(string(r.Status)).Observe(seconds)
}

// measures are the states of trainings, as the registry has them.
func (s *Service) measures() []door.Measure {
	return []door.Measure{
		{
			Name: "kafkaml_trainings", Help: "Results by status: waiting for a stream, scheduled (queued), running, finished, failed, stopped.", Label: "status",
			Read: func(ctx context.Context) (map[string]float64, error) {
				return registry.Read(ctx, s.Store, func(tx *registry.Tx) (map[string]float64, error) {
					values := map[string]float64{}
					for _, status := range pipeline.ResultStatus("").Enum() {
						values[fmt.Sprint(status)] = 0
					}
					counts, err := tx.CountResults()
					for status, n := range counts {
						values[status] = float64(n)
					}
					return values, err
				})
			},
		},
		{
			Name: "kafkaml_registry_bytes", Help: "What the registry takes on its disk.",
			Read: s.sizes(func(of registry.Sizes) map[string]float64 { return map[string]float64{"": float64(of.Bytes)} }),
		},
		{
			Name: "kafkaml_registry_rows", Help: "Rows of the registry that come without an end and are pruned: events, answers to commands, lines of the audit.", Label: "table",
			Read: s.sizes(func(of registry.Sizes) map[string]float64 {
				return map[string]float64{"events": float64(of.Events), "answers": float64(of.Answers), "audit": float64(of.Audit)}
			}),
		},
		{
			Name: "kafkaml_training_queue_seconds", Help: "How long the training waits that has been queued longest.",
			Read: s.measure(pipeline.ResultScheduled, func(all []pipeline.Result) float64 {
				longest := 0.0
				for _, r := range all {
					longest = max(longest, time.Since(r.StatusChanged).Seconds())
				}
				return longest
			}),
		},
		{
			Name: "kafkaml_training_progress_ratio", Help: "Epochs done of those that the running trainings will make, 0 to 1; 1 where none runs.",
			Read: s.measure(pipeline.ResultRunning, func(all []pipeline.Result) float64 {
				done, total := 0, 0
				for _, r := range all {
					done, total = done+r.EpochsDone, total+r.EpochsTotal
				}
				if total == 0 {
					return 1
				}
				return float64(done) / float64(total)
			}),
		},
	}
}

// sizes are figures of what the registry has grown to.
func (s *Service) sizes(of func(registry.Sizes) map[string]float64) func(context.Context) (map[string]float64, error) {
	return func(ctx context.Context) (map[string]float64, error) {
		found, err := s.Store.Sizes(ctx)
		if err != nil {
			return nil, err
		}
		return of(found), nil
	}
}

// measure is a figure of all results in a state.
func (s *Service) measure(status pipeline.ResultStatus, of func([]pipeline.Result) float64) func(context.Context) (map[string]float64, error) {
	return func(ctx context.Context) (map[string]float64, error) {
		page, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (registry.Page[pipeline.Result], error) {
			return tx.Results(registry.Query{Status: string(status)})
		})
		if err != nil {
			return nil, err
		}
		return map[string]float64{"": of(page.Items)}, nil
	}
}
