package controllog

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// What the log holds of a stream is looked up when somebody asks, not by a loop:
// a function that is scaled to zero still answers truly.
const (
	freshFor  = 10 * time.Second // how long an answer of the broker is used again
	askTime   = 3 * time.Second  // for all look-ups of one request
	askAtOnce = 8
	maxCached = 10_000 // datasources whose answers are remembered
)

// checked is what the broker said of a datasource, and when.
type checked struct {
	retention pipeline.Retention
	when      time.Time
}

// freshness remembers what the broker said.
type freshness struct {
	mu sync.Mutex
	at map[int64]checked
}

func (f *freshness) get(id int64) (pipeline.Retention, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.at[id]
	return c.retention, ok && time.Since(c.when) < freshFor
}

func (f *freshness) put(id int64, r pipeline.Retention) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.at) >= maxCached {
		clear(f.at)
	}
	f.at[id] = checked{r, time.Now()}
}

// refresh sets the retention of datasources as it is now. One that the broker
// cannot be asked about stays as it is known, with the reason.
func (s *Service) refresh(ctx context.Context, all []pipeline.Datasource) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var asking errgroup.Group
	asking.SetLimit(askAtOnce)
	for i := range all {
		d := &all[i]
		if d.Rejected != nil || d.Retention.State == pipeline.Expired {
			continue // neither comes back
		}
		if known, ok := s.fresh.get(d.ID); ok {
			d.Retention = known
			continue
		}
		asking.Go(func() error {
			s.ask(ctx, d)
			return nil
		})
	}
	_ = asking.Wait() // no look-up gives an error
}

// available tells what the log holds of a datasource: nothing where its topic was
// made anew.
func (s *Service) available(ctx context.Context, d pipeline.Datasource) (pipeline.Retention, error) {
	err := s.Cluster.SameTopics(ctx, d.TopicIDs)
	if pipeline.KindOf(err) == pipeline.Conflict {
		return pipeline.Retention{State: pipeline.Expired, Reason: pipeline.RejectionOf(err).Reason}, err
	}
	if err != nil {
		return d.Retention, err
	}
	return s.Cluster.Available(ctx, d.Ranges)
}

// ask asks the broker about one datasource and stores a state that changed.
func (s *Service) ask(ctx context.Context, d *pipeline.Datasource) {
	now, err := s.available(ctx, *d)
	if pipeline.KindOf(err) == pipeline.Unavailable {
		d.Retention.Reason = "not looked up now: " + err.Error()
		return
	}
	before := d.Retention.State
	d.Retention = now
	s.fresh.put(d.ID, now)
	if now.State == before {
		return
	}
	err = s.Store.Do(context.WithoutCancel(ctx), func(tx *registry.Tx) error {
		stored, err := tx.Datasource(d.ID)
		if err != nil {
			return err
		}
		stored.Retention = now
		return tx.UpdateDatasource(&stored)
	})
	if err != nil {
		s.Log.WarnContext(ctx, "a datasource's retention was not stored", "datasource", d.ID, "error", err)
	}
}

func (s *Service) list(w http.ResponseWriter, r *http.Request) {
	q, err := door.ListQuery(r, "deployment", "datasource")
	if err != nil {
		door.Problem(w, err)
		return
	}
	page, err := registry.Read(r.Context(), s.Store, func(tx *registry.Tx) (registry.Page[pipeline.Datasource], error) {
		return tx.Datasources(q)
	})
	if err != nil {
		door.Problem(w, err)
		return
	}
	s.refresh(r.Context(), page.Items)
	door.WriteJSON(w, page)
}

func (s *Service) get(w http.ResponseWriter, r *http.Request) {
	id, err := door.PathID(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	d, err := registry.Read(r.Context(), s.Store, func(tx *registry.Tx) (pipeline.Datasource, error) { return tx.Datasource(id) })
	if err != nil {
		door.Problem(w, err)
		return
	}
	one := []pipeline.Datasource{d}
	s.refresh(r.Context(), one)
	door.WriteJSON(w, one[0])
}
