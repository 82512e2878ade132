package deployinference

import (
	"context"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// countEvery is the pause between two looks at how many partitions an input
// topic has.
const countEvery = 10 * time.Second

// updatePartitions stores how many partitions the input topic has by now, as
// there is to be a consumer for each. While Kafka is away it stays as it was.
func (r *reconciler) updatePartitions(ctx context.Context, it *item, i *pipeline.Inference) {
	if !r.PerPartition || i.Delivery != pipeline.Source || time.Since(it.counted) < countEvery {
		return
	}
	it.counted = time.Now()
	n, err := r.Topics.Partitions(ctx, i.InputTopic)
	if err != nil || n == i.Partitions {
		return
	}
	err = r.Store.Do(ctx, func(tx *registry.Tx) error {
		now, err := tx.Inference(i.ID)
		if err != nil {
			return err
		}
		now.Partitions = n
		if err := tx.UpdateInference(&now); err != nil {
			return err
		}
		*i = now
		_, err = publish(tx, eventing.InferenceChanged, now)
		return err
	})
	if err != nil {
		r.Log.WarnContext(ctx, "the partitions of an input topic were not stored", "inference", i.ID, "error", err)
	}
}
