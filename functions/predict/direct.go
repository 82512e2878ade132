package predict

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// direct is the delivery in which the process is a member of the inference's
// consumer group.
type direct struct {
	model   *model
	chunks  *chunks
	cluster *stream.Cluster
	metrics *metrics
	log     *slog.Logger
	group   string
	joined  atomic.Bool
	mu      sync.Mutex
	next    map[int]int64 // by claimed partition: the offset after the last record that is committed
}

func newDirect(m *model, out *writer, c *stream.Cluster) (*direct, error) {
	chunks, err := newChunks(m, out)
	d := &direct{model: m, chunks: chunks, cluster: c, metrics: out.metrics, log: out.log, group: m.job.Group, next: map[int]int64{}}
	if d.group == "" {
		d.group = pipeline.InferenceGroup(out.envelope.Inference())
	}
	return d, err
}

// rejoinPause is how long the group is left alone after it failed.
const rejoinPause = 2 * time.Second

// run consumes until ctx ends, and returns when all work has ended. A broker
// that is away is waited for.
func (d *direct) run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { d.watchLag(ctx) })
	for ctx.Err() == nil {
		d.joined.Store(true)
		err := d.cluster.Consume(ctx, stream.GroupConfig{ID: d.group, Topics: []string{d.model.job.InputTopic}, Log: d.log}, d.work)
		d.joined.Store(false)
		if ctx.Err() != nil {
			return
		}
		d.log.Error("the consumer group failed; joining again", "group", d.group, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(rejoinPause):
		}
	}
}

// work predicts the records of one partition for as long as it is ours.
func (d *direct) work(ctx context.Context, claim *stream.Claim) error {
	log := d.log.With("topic", claim.Topic, "partition", claim.Partition)
	log.Info("partition claimed", "offset", claim.Next())
	defer log.Info("partition released")
	d.setNext(claim.Partition, claim.Next())
	defer d.release(claim.Partition)
	committer := commitFrom(ctx, claim, log, func(next int64) { d.setNext(claim.Partition, next) })
	defer committer.close()
	for {
		records, err := claim.Fetch(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		for len(records) > 0 {
			n := min(len(records), d.model.predictor.Limit())
			if err := d.chunks.run(ctx, claim.Partition, records[:n], log); err != nil {
				return err
			}
			committer.mark(records[n-1].Offset + 1)
			d.metrics.done(wayDirect, n, began)
			records = records[n:]
		}
	}
}

// setNext notes how far the work on a partition is committed.
func (d *direct) setNext(partition int, next int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next[partition] = next
}

// release forgets a partition that is no longer ours.
func (d *direct) release(partition int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.next, partition)
	d.metrics.forget(partition)
}

// lagEvery is how often the ends of the claimed partitions are looked up.
const lagEvery = 5 * time.Second

// watchLag measures the lag of the claimed partitions until ctx ends.
func (d *direct) watchLag(ctx context.Context) {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.mu.Lock()
		next := maps.Clone(d.next)
		d.mu.Unlock()
		if len(next) == 0 {
			continue
		}
		_, ends, err := d.cluster.Offsets(ctx, d.model.job.InputTopic)
		if err != nil {
			continue // the work itself says that the broker is away
		}
		for partition, at := range next {
			d.metrics.behind(partition, ends[partition]-at)
		}
	}
}
