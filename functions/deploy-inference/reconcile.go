package deployinference

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// lookEvery is the pause between two looks at all inferences.
const lookEvery = 500 * time.Millisecond

// reconciler brings what runs to what the rows say.
type reconciler struct {
	s       *Service
	wake    chan struct{}
	mu      sync.Mutex
	items   map[int64]*item
	adopted bool // by look alone
	// settling owns what look has begun: one inference that drains does not hold
	// up the others.
	settling sync.WaitGroup
}

// item is what this process has applied of one inference. Its lock is held
// while it is brought in line.
type item struct {
	mu      sync.Mutex
	name    string
	service *platform.Service     // nil: not applied
	source  *eventing.KafkaSource // nil: none, or one of a process before this one
	noted   bool                  // source is all that there is
	counted time.Time             // when the partitions were looked at last
}

func newReconciler(s *Service) *reconciler {
	return &reconciler{s: s, wake: make(chan struct{}, 1), items: map[int64]*item{}}
}

// poke makes Run look at once.
func (r *reconciler) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run keeps all inferences that should be served served, until ctx ends. What
// runs then goes on: ending it is the platform's to do.
func (s *Service) Run(ctx context.Context) {
	defer s.reconciler.settling.Wait()
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		if err := s.reconciler.look(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "inferences were not looked at", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-s.reconciler.wake:
		}
	}
}

// look begins to bring every inference in line, and to end what has no row any
// more.
func (r *reconciler) look(ctx context.Context) error {
	if err := r.adopt(ctx); err != nil {
		return err
	}
	page, err := registry.Read(ctx, r.s.Store, func(tx *registry.Tx) (registry.Page[pipeline.Inference], error) {
		return tx.Inferences(registry.Query{})
	})
	if err != nil {
		return err
	}
	ids := map[int64]bool{}
	for _, i := range page.Items {
		if i.Status != pipeline.InferenceStopped {
			ids[i.ID] = true
		}
	}
	r.mu.Lock()
	for id := range r.items {
		ids[id] = true
	}
	r.mu.Unlock()
	for id := range ids {
		if it := r.item(id); it.mu.TryLock() { // else it is being brought in line still: a Service drains for long
			r.settling.Go(func() {
				defer it.mu.Unlock()
				if err := r.settle(ctx, id, it); err != nil && ctx.Err() == nil {
					r.s.Log.WarnContext(ctx, "an inference was not brought in line", "inference", id, "error", err)
				}
			})
		}
	}
	return nil
}

func (r *reconciler) item(id int64) *item {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.items[id] == nil {
		r.items[id] = &item{}
	}
	return r.items[id]
}

// settle brings one inference in line with its row as it is now. The caller
// holds the item's lock.
func (r *reconciler) settle(ctx context.Context, id int64, it *item) error {
	i, sub, err := r.s.read(ctx, id)
	gone := pipeline.KindOf(err) == pipeline.NotFound
	if err != nil && !gone {
		return err
	}
	if gone || i.Status == pipeline.InferenceStopped {
		return r.end(ctx, id, it, gone)
	}
	r.count(ctx, it, &i)
	applied := r.apply(ctx, it, i, sub)
	return errors.Join(applied, r.report(ctx, i, applied))
}

// read gives an inference and what it serves.
func (s *Service) read(ctx context.Context, id int64) (i pipeline.Inference, sub subject, err error) {
	sub, err = registry.Read(ctx, s.Store, func(tx *registry.Tx) (subject, error) {
		if i, err = tx.Inference(id); err != nil || i.Status == pipeline.InferenceStopped {
			return subject{}, err
		}
		return subjectOf(tx, i.Result)
	})
	return i, sub, err
}

// apply applies what differs from what was applied last. The Service first: a
// KafkaSource waits for a sink that is not there yet.
func (r *reconciler) apply(ctx context.Context, it *item, i pipeline.Inference, sub subject) error {
	it.name = i.Name
	want := r.s.service(i, sub)
	if it.service == nil || !reflect.DeepEqual(*it.service, want) {
		if err := r.s.Services.Apply(ctx, want); err != nil {
			return err
		}
		it.service = &want
	}
	if i.Delivery != pipeline.Source {
		return r.endSource(ctx, it)
	}
	source := r.s.source(i)
	if it.source == nil || !reflect.DeepEqual(*it.source, source) {
		if err := r.s.Sources.Apply(ctx, source); err != nil {
			return err
		}
		it.source, it.noted = &source, true
	}
	return nil
}

// end stops the records, then lets the replicas drain.
func (r *reconciler) end(ctx context.Context, id int64, it *item, gone bool) error {
	if err := r.endSource(ctx, it); err != nil {
		return err
	}
	if it.service != nil {
		if err := r.s.Services.Delete(ctx, it.name); err != nil {
			return err
		}
		it.service = nil
	}
	if gone {
		r.mu.Lock()
		delete(r.items, id)
		r.mu.Unlock()
	}
	return nil
}

func (r *reconciler) endSource(ctx context.Context, it *item) error {
	if it.source == nil && (it.noted || it.name == "") {
		return nil
	}
	if err := r.s.Sources.Delete(ctx, r.s.Namespace, it.name); err != nil {
		return err
	}
	it.source, it.noted = nil, true
	return nil
}

// report writes back how the inference stands, if that has changed. failed is
// why it could not be applied.
func (r *reconciler) report(ctx context.Context, was pipeline.Inference, failed error) error {
	st, err := r.s.Services.Status(ctx, was.Name)
	if err != nil && failed == nil {
		return err
	}
	now := standing(was, st, failed)
	if reflect.DeepEqual(now, was) {
		return nil
	}
	return r.s.Store.Do(ctx, func(tx *registry.Tx) error {
		i, err := tx.Inference(was.ID)
		if pipeline.KindOf(err) == pipeline.NotFound || err == nil && i.Status == pipeline.InferenceStopped {
			return nil
		}
		if err != nil {
			return err
		}
		i.Status, i.Ready, i.Wanted, i.URL, i.Reason = now.Status, now.Ready, now.Wanted, now.URL, now.Reason
		if err := tx.UpdateInference(&i); err != nil {
			return err
		}
		_, err = tell(tx, eventing.InferenceChanged, i)
		return err
	})
}

// standing is the inference with its state as the platform has it: running
// while any replica answers, failed once they keep failing and none does.
func standing(i pipeline.Inference, st platform.ServiceStatus, failed error) pipeline.Inference {
	i.Ready, i.Wanted, i.URL, i.Reason = st.Ready, max(st.Wanted, i.Wanted), st.URL, st.Failed
	if st.Wanted > 0 || st.Idle {
		i.Wanted = st.Wanted
	}
	if failed != nil {
		i.Reason = failed.Error()
	}
	switch {
	case i.Ready > 0 || st.Idle:
		i.Status = pipeline.InferenceRunning
	case i.Reason != "":
		i.Status = pipeline.InferenceFailed
	default:
		i.Status = pipeline.InferenceDeploying
	}
	return i
}
