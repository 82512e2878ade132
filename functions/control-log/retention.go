package controllog

import (
	"context"
	"reflect"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	fresh     = 5 * time.Second // for which a retention that was looked up is shown
	lookUp    = 3 * time.Second // for the look-ups of one answer; what is not known by then is shown as stored
	lookUps   = 8               // at once
	remembers = 10_000          // retentions kept
)

// retentions looks up what the log still holds, and remembers it for a moment.
type retentions struct {
	cluster *stream.Cluster
	mu      sync.Mutex
	known   map[int64]known // by datasource
}

type known struct {
	pipeline.Retention
	at time.Time
}

func newRetentions(c *stream.Cluster) *retentions {
	return &retentions{cluster: c, known: map[int64]known{}}
}

// of gives the retention of d: just looked up, or as it was moments ago. ok is
// false when the broker could not be asked.
func (r *retentions) of(ctx context.Context, d *pipeline.Datasource) (now pipeline.Retention, ok bool) {
	r.mu.Lock()
	k, found := r.known[d.ID]
	r.mu.Unlock()
	if found && time.Since(k.at) < fresh {
		return k.Retention, true
	}
	now, err := r.cluster.Available(ctx, d.Ranges)
	if now.State == "" || now.State == pipeline.RetentionUnset || err != nil && pipeline.KindOf(err) == pipeline.Unavailable {
		return d.Retention, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= remembers {
		clear(r.known)
	}
	r.known[d.ID] = known{now, time.Now()}
	return now, true
}

// refresh brings the retention of datasources up to date, in place and in the
// registry.
func (s *Service) refresh(ctx context.Context, all []pipeline.Datasource) {
	ctx, cancel := context.WithTimeout(ctx, lookUp)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(lookUps)
	changed := make([]bool, len(all))
	for i := range all {
		d := &all[i]
		if d.Rejected != nil {
			continue
		}
		g.Go(func() error {
			now, ok := s.retention.of(ctx, d)
			changed[i] = ok && !reflect.DeepEqual(now, d.Retention)
			d.Retention = now
			return nil
		})
	}
	_ = g.Wait() // none fails
	var news []pipeline.Datasource
	for i, c := range changed {
		if c {
			news = append(news, all[i])
		}
	}
	if err := s.store(ctx, news); err != nil {
		s.Log.WarnContext(ctx, "retention was not stored", "error", err)
	}
}

// store keeps changed retentions, so that lists can be filtered by them.
func (s *Service) store(ctx context.Context, news []pipeline.Datasource) error {
	if len(news) == 0 {
		return nil
	}
	return s.Store.Do(ctx, func(tx *registry.Tx) error {
		for _, n := range news {
			d, err := tx.Datasource(n.ID)
			if pipeline.KindOf(err) == pipeline.NotFound {
				continue
			}
			if err != nil {
				return err
			}
			d.Retention = n.Retention
			if err := tx.UpdateDatasource(&d); err != nil {
				return err
			}
		}
		return nil
	})
}
