package deployinference

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
)

const (
	// reconcileEvery is the pause between two looks at all inferences.
	reconcileEvery = 500 * time.Millisecond
	// commandWait is how long a command waits until what it has ended is gone. In
	// a cluster replicas drain for half a minute: the loop sees to it.
	commandWait = 10 * time.Second
)

// reconciler brings what runs to what the rows say.
type reconciler struct {
	Deps
	wake    chan struct{}
	mu      sync.Mutex
	items   map[int64]*item
	adopted bool // by the loop alone
	// running owns what the loop has started: one inference that drains does not
	// hold up the others.
	running sync.WaitGroup
}

func newReconciler(deps Deps) *reconciler {
	return &reconciler{Deps: deps, wake: make(chan struct{}, 1), items: map[int64]*item{}}
}

// trigger makes the loop look at once.
func (r *reconciler) trigger() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run reconciles all inferences until ctx ends.
func (r *reconciler) run(ctx context.Context) {
	defer r.running.Wait()
	t := time.NewTicker(reconcileEvery)
	defer t.Stop()
	for {
		if err := r.reconcileAll(ctx); err != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "inferences were not looked at", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-r.wake:
		}
	}
}

// reconcileAll starts to reconcile every inference, and to end what has no row
// any more.
func (r *reconciler) reconcileAll(ctx context.Context) error {
	if err := r.adopt(ctx); err != nil {
		return err
	}
	ids, err := r.desired(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	for id := range r.items {
		ids[id] = true
	}
	r.mu.Unlock()
	for id := range maps.Keys(ids) {
		it := r.item(id)
		if !it.tryAcquire() { // it is being reconciled still: a Service drains for long
			continue
		}
		r.running.Go(func() {
			defer it.release()
			if err := r.reconcile(ctx, id, it); err != nil && ctx.Err() == nil {
				r.Log.WarnContext(ctx, "an inference was not reconciled", "inference", id, "error", err)
			}
		})
	}
	return nil
}

// reconcileNow is reconcile for a command, which does not wait for long.
func (r *reconciler) reconcileNow(ctx context.Context, id int64) error {
	short, cancel := context.WithTimeout(ctx, commandWait)
	defer cancel()
	it := r.item(id)
	if it.acquire(short) != nil {
		return ctx.Err()
	}
	defer it.release()
	if err := r.reconcile(short, id, it); short.Err() == nil || ctx.Err() != nil {
		return err
	}
	return nil
}

// adopt takes over, once, what a process before this one has left running, so
// that what was stopped or deleted in between is ended.
func (r *reconciler) adopt(ctx context.Context) error {
	if r.adopted {
		return nil
	}
	all, err := r.Services.Names(ctx)
	if err != nil {
		return fmt.Errorf("list the services: %w", err)
	}
	for id, names := range all {
		it := r.item(id)
		if err := it.acquire(ctx); err != nil {
			return err
		}
		it.names = names
		it.release()
	}
	r.adopted = true
	return nil
}

// desired gives the inferences that are to be served.
func (r *reconciler) desired(ctx context.Context) (map[int64]bool, error) {
	page, err := registry.Read(ctx, r.Store, func(tx *registry.Tx) (registry.Page[pipeline.Inference], error) {
		return tx.Inferences(registry.Query{})
	})
	ids := map[int64]bool{}
	for _, i := range page.Items {
		if i.Status != pipeline.InferenceStopped {
			ids[i.ID] = true
		}
	}
	return ids, err
}

func (r *reconciler) item(id int64) *item {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.items[id] == nil {
		r.items[id] = newItem()
	}
	return r.items[id]
}

// reconcile brings one inference in line with its row as it is now. The caller
// holds the item.
func (r *reconciler) reconcile(ctx context.Context, id int64, it *item) error {
	i, sub, astray, err := r.read(ctx, id)
	if astray && err == nil {
		if err := r.follow(ctx, id); err != nil {
			return err
		}
		i, sub, _, err = r.read(ctx, id)
	}
	gone := pipeline.KindOf(err) == pipeline.NotFound
	if err != nil && !gone {
		return err
	}
	if gone || i.Status == pipeline.InferenceStopped {
		return r.end(ctx, id, it, gone)
	}
	r.updatePartitions(ctx, it, &i)
	applied := r.apply(ctx, it, i, sub)
	return errors.Join(applied, r.report(ctx, it, i, applied))
}

// read reads an inference and, where it is to be served, of what; astray is whether
// it is to follow its alias first.
func (r *reconciler) read(ctx context.Context, id int64) (i pipeline.Inference, sub subject, astray bool, err error) {
	sub, err = registry.Read(ctx, r.Store, func(tx *registry.Tx) (sub subject, err error) {
		if i, err = tx.Inference(id); err != nil || i.Status == pipeline.InferenceStopped {
			return sub, err
		}
		if astray, err = strayed(tx, i); err != nil {
			return sub, err
		}
		if sub, err = subjectOf(tx, i.Result); err == nil && i.Challenger().Result != 0 {
			var second subject
			second, err = subjectOf(tx, i.Challenger().Result)
			sub.challenger = &second
		}
		return sub, err
	})
	return i, sub, astray, err
}

// apply applies what differs from what was applied last. The Service first: a
// KafkaSource waits for a sink that is not there yet. What serves under another
// name goes on until the new one is ready, in the same consumer group, so that
// records pass from one to the other.
func (r *reconciler) apply(ctx context.Context, it *item, i pipeline.Inference, sub subject) error {
	service := r.service(i, sub)
	if it.service == nil || !reflect.DeepEqual(*it.service, service) {
		if err := r.Services.Apply(ctx, service); err != nil {
			return err
		}
		it.service = &service
		if !slices.Contains(it.names, service.Name) {
			it.names = append(it.names, service.Name)
		}
	}
	if i.Delivery != pipeline.Source {
		if err := r.endSource(ctx, i.ID, it); err != nil {
			return err
		}
	}
	if len(it.names) > 1 {
		if st, err := r.Services.Status(ctx, service.Name); err != nil || st.Ready == 0 && !st.Idle {
			return err
		}
	}
	if err := r.applySource(ctx, it, i); err != nil {
		return err
	}
	return r.leave(ctx, i.ID, it, service.Name)
}

func (r *reconciler) applySource(ctx context.Context, it *item, i pipeline.Inference) error {
	source := r.source(i)
	if i.Delivery != pipeline.Source || it.source != nil && reflect.DeepEqual(*it.source, source) {
		return nil
	}
	if err := r.Sources.Apply(ctx, source); err != nil {
		return err
	}
	it.source, it.sourceKnown = &source, true
	return nil
}

// leave ends what serves an inference under other names than keep: an earlier
// version named it otherwise.
func (r *reconciler) leave(ctx context.Context, id int64, it *item, keep string) error {
	for _, name := range slices.Clone(it.names) {
		if name == keep {
			continue
		}
		if err := r.Sources.Delete(ctx, r.sourceNamed(name, id)); err != nil {
			return err
		}
		if err := r.Services.Delete(ctx, name, id); err != nil {
			return err
		}
		it.names = slices.DeleteFunc(it.names, func(n string) bool { return n == name })
	}
	return nil
}

// end stops the records, then lets the replicas drain.
func (r *reconciler) end(ctx context.Context, id int64, it *item, gone bool) error {
	if err := r.endSource(ctx, id, it); err != nil {
		return err
	}
	if err := r.leave(ctx, id, it, ""); err != nil {
		return err
	}
	it.service = nil
	if gone {
		r.mu.Lock()
		delete(r.items, id)
		r.mu.Unlock()
	}
	return nil
}

func (r *reconciler) endSource(ctx context.Context, id int64, it *item) error {
	if it.source == nil && it.sourceKnown {
		return nil
	}
	for _, name := range it.names {
		if err := r.Sources.Delete(ctx, r.sourceNamed(name, id)); err != nil {
			return err
		}
	}
	it.source, it.sourceKnown = nil, true
	return nil
}

// report writes back how the inference stands, if that has changed. failed is
// why it could not be applied.
func (r *reconciler) report(ctx context.Context, it *item, was pipeline.Inference, failed error) error {
	st, err := r.status(ctx, it, r.serviceName(was))
	if err != nil && failed == nil {
		return err
	}
	now := standing(was, st, failed)
	if reflect.DeepEqual(now, was) {
		return nil
	}
	return r.Store.Do(ctx, func(tx *registry.Tx) error {
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
		_, err = publish(tx, eventing.InferenceChanged, i)
		return err
	})
}

// status is how an inference's Service stands; until that is ready, how one stands
// that still serves under another name, with why the new one is not.
func (r *reconciler) status(ctx context.Context, it *item, name string) (platform.ServiceStatus, error) {
	st, err := r.Services.Status(ctx, name)
	if st.Ready > 0 || st.Idle {
		return st, err
	}
	for _, other := range it.names {
		if was, wasErr := r.Services.Status(ctx, other); other != name && wasErr == nil && (was.Ready > 0 || was.Idle) {
			was.Failed = st.Failed
			return was, err
		}
	}
	return st, err
}
