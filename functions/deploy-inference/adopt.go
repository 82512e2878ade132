package deployinference

import (
	"context"
	"fmt"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// adopt takes over, once, what a process before this one has left running, so
// that what was stopped or deleted in between is ended.
func (r *reconciler) adopt(ctx context.Context) error {
	if r.adopted {
		return nil
	}
	names, err := r.s.Services.Names(ctx)
	if err != nil {
		return fmt.Errorf("list the services: %w", err)
	}
	for id, name := range names {
		it := r.item(id)
		it.mu.Lock()
		it.name, it.service = name, &platform.Service{Name: name} // like none that is wanted
		it.mu.Unlock()
	}
	r.adopted = true
	return nil
}

// countEvery is the pause between two looks at how many partitions an input
// topic has.
const countEvery = 10 * time.Second

// count takes over how many partitions the input topic has by now: there is a
// consumer for each. While Kafka is away it stays as it was.
func (r *reconciler) count(ctx context.Context, it *item, i *pipeline.Inference) {
	if !r.s.PerPartition || i.Delivery != pipeline.Source || time.Since(it.counted) < countEvery {
		return
	}
	it.counted = time.Now()
	n, err := r.s.Topics.Partitions(ctx, i.InputTopic)
	if err != nil || n == i.Partitions {
		return
	}
	err = r.s.Store.Do(ctx, func(tx *registry.Tx) error {
		now, err := tx.Inference(i.ID)
		if err != nil {
			return err
		}
		now.Partitions = n
		if err := tx.UpdateInference(&now); err != nil {
			return err
		}
		*i = now
		_, err = tell(tx, eventing.InferenceChanged, now)
		return err
	})
	if err != nil {
		r.s.Log.WarnContext(ctx, "the partitions of an input topic were not taken over", "inference", i.ID, "error", err)
	}
}

// patience is how long a command waits until what it has ended is gone. In a
// cluster replicas drain for half a minute: the reconciler sees to it.
const patience = 10 * time.Second

// settleNow is settle for a command, which does not wait for long.
func (r *reconciler) settleNow(ctx context.Context, id int64) error {
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	it := r.item(id)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !it.mu.TryLock() {
		select {
		case <-short.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	defer it.mu.Unlock()
	if err := r.settle(short, id, it); short.Err() == nil || ctx.Err() != nil {
		return err
	}
	return nil
}
