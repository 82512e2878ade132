package deployinference

import (
	"context"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// deliveryOf is the delivery of an input_config unless another is said: windows
// need direct.
func deliveryOf(i pipeline.Inference) pipeline.Delivery {
	if features.Windowed(i.InputConfig) {
		return pipeline.Direct
	}
	return pipeline.Source
}

// checkDelivery refuses windows by a delivery that knows no records before one.
func checkDelivery(i *pipeline.Inference, w *features.Window) error {
	if w == nil || i.Delivery != pipeline.Source {
		return nil
	}
	return pipeline.Invalidf("delivery", "a prediction takes a window of %d records, and source hands each record to any replica, which does not know the records before it", w.Size).
		WithHint("take direct: each replica keeps the last records of the partitions that it reads")
}

// checkPartitions refuses an input topic whose partitions, each of which makes
// windows of its own, cannot give those that the result was trained on, and warns
// of one that may not.
func (d Deps) checkPartitions(ctx context.Context, i *pipeline.Inference, of subject, w *features.Window) error {
	if w == nil {
		return nil
	}
	n, err := d.Topics.Partitions(ctx, i.InputTopic)
	switch {
	case pipeline.KindOf(err) == pipeline.NotFound && err != nil:
		n = i.MaxReplicas // it is to be made
	case err != nil:
		return err
	default:
		if err := d.checkKept(ctx, i.InputTopic, w); err != nil {
			return err
		}
	}
	return suits(i, of, w, n)
}

// suits is checkPartitions of an input topic of n partitions.
func suits(i *pipeline.Inference, of subject, w *features.Window, n int) error {
	if w == nil || n < 2 {
		return nil
	}
	const one = "or take an input topic of one partition, with max_replicas 1"
	trained := of.result.Split
	switch {
	case w.Whole():
		return pipeline.Invalidf("input_topic", "all records are one sequence, as the window says no by, and %s has %d partitions, whose order among each other is not kept", i.InputTopic, n).
			WithHint(`say what tells sequences apart ("by") and train with that, ` + one)
	case trained != nil && trained.Windows != nil && trained.Windows.Spread > 0:
		return pipeline.Invalidf("input_topic", "%s has %d partitions, each of which makes windows of its own, and result %d was trained on windows over partitions: the records of %d keys lay in several", i.InputTopic, n, i.Result, trained.Windows.Spread).
			WithHint("give the records the key that by names, so that those of a key lie in one partition, and train on them, " + one)
	case !w.ByKey():
		i.Warnings = append(i.Warnings, fmt.Sprintf("windows are by a field, and %s has %d partitions: records of one value that lie in several make windows of their own there. Give the records that value as their key", i.InputTopic, n))
	}
	return nil
}

// checkKept refuses a topic that keeps but the newest record of a key.
func (d Deps) checkKept(ctx context.Context, topic string, w *features.Window) error {
	compacted, err := d.Topics.Compacted(ctx, topic)
	if err != nil || !compacted {
		return err
	}
	return pipeline.Invalidf("input_topic", "%s is compacted, which takes records from the middle of a sequence, and a prediction takes a window of %d", topic, w.Size).
		WithHint("take a topic with cleanup.policy=delete")
}
