package deployinference

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// item is what this process has applied of one inference. Who reconciles the
// inference holds the item from acquire or tryAcquire until release; the
// members below lock belong to the holder.
type item struct {
	lock *semaphore.Weighted // of one: a mutex that can be waited for with a context

	names       []string              // of the Services and KafkaSources that there may be
	service     *platform.Service     // nil: not applied
	source      *eventing.KafkaSource // nil: none, or one of a process before this one
	sourceKnown bool                  // source is all that there is
	counted     time.Time             // when the partitions were looked at last
}

func newItem() *item { return &item{lock: semaphore.NewWeighted(1)} }

// acquire waits until nobody holds the item, or until ctx ends.
func (it *item) acquire(ctx context.Context) error { return it.lock.Acquire(ctx, 1) }

func (it *item) tryAcquire() bool { return it.lock.TryAcquire(1) }

func (it *item) release() { it.lock.Release(1) }
