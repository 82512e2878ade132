package predict

import (
	"context"
	"maps"
	"time"
)

// lagEvery is how often the ends of the claimed partitions are looked up.
const lagEvery = 5 * time.Second

// watchLag keeps the lag of the claimed partitions until ctx ends.
func (s *Service) watchLag(ctx context.Context) {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.consumer.mu.Lock()
		next := maps.Clone(s.consumer.next)
		s.consumer.mu.Unlock()
		if len(next) == 0 {
			continue
		}
		_, ends, err := s.output.cluster.Offsets(ctx, s.job.InputTopic)
		if err != nil {
			continue // the work itself tells that the broker is away
		}
		for partition, at := range next {
			s.metrics.behind(partition, ends[partition]-at)
		}
	}
}
