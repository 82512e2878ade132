package records

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// askedAtOnce bounds how many inferences are looked at side by side.
const askedAtOnce = 8

// measures are how far those who read topics have come.
func (s *Service) measures() []door.Measure {
	return []door.Measure{{
		Name: "kafkaml_lag_records", Help: "Records that were not dealt with: of the control topic, and of running inferences by delivery.", Label: "reader",
		Read: s.lag,
	}}
}

// lag is the sum over all readers of a kind. A topic that is not there yet has
// nothing to read.
func (s *Service) lag(ctx context.Context) (map[string]float64, error) {
	page, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (registry.Page[pipeline.Inference], error) {
		return tx.Inferences(registry.Query{Status: string(pipeline.InferenceRunning)})
	})
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(askedAtOnce)
	behind := make([]int64, len(page.Items)+1)
	for n, i := range page.Items {
		group.Go(func() (err error) {
			behind[n], err = s.behind(ctx, i.Group(), i.InputTopic)
			return err
		})
	}
	group.Go(func() (err error) {
		behind[len(page.Items)], err = s.behind(ctx, s.ControlGroup, s.ControlTopic)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	values := map[string]float64{"control": float64(behind[len(page.Items)]), string(pipeline.Direct): 0, string(pipeline.Source): 0}
	for n, i := range page.Items {
		values[string(i.Delivery)] += float64(behind[n])
	}
	return values, nil
}

// behind is how many records of a topic a group has not dealt with.
func (s *Service) behind(ctx context.Context, group, topic string) (lag int64, err error) {
	first, next, err := s.Cluster.Readable(ctx, topic)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	done, err := s.Cluster.Committed(ctx, group, topic)
	return stream.Lag(done, first, next), err
}
