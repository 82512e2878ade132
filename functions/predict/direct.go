package predict

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// direct is the delivery in which the process is a member of the inference's
// consumer group.
type direct struct {
	model   *model
	chunks  *chunks
	member  *member
	metrics *metrics
	log     *slog.Logger
	reader  string // see readerOf
	mu      sync.Mutex
	claims  map[int]*stream.Claim // by partition
}

// newDirect works for a member of the group.
func newDirect(m, second *model, out *writer, group *member) (*direct, error) {
	chunks, err := newChunks(m, second, out)
	return &direct{
		model: m, chunks: chunks, member: group, metrics: out.metrics, log: out.log, reader: readerOf(m.job),
		claims: map[int]*stream.Claim{},
	}, err
}

// run consumes until ctx ends, and returns when all work has ended. A broker
// that is away is waited for.
func (d *direct) run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { d.watchLag(ctx) })
	d.member.join(ctx)
	d.member.works(d.work)
	d.member.await()
}

// work predicts the records of one partition for as long as it is ours.
func (d *direct) work(ctx context.Context, claim *stream.Claim) error {
	log := d.log.With("topic", claim.Topic, "partition", claim.Partition)
	log.Info("partition claimed", "offset", claim.Next())
	defer log.Info("partition released")
	d.watch(claim)
	defer d.release(claim)
	h, err := d.hold(ctx, claim, log)
	if err != nil {
		return err
	}
	for {
		records, err := claim.Fetch(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		h.next(records)
		for len(records) > 0 {
			n, alone := d.together(records)
			if err := d.chunks.run(ctx, h, records[:n], alone); err != nil {
				return err
			}
			next := records[n-1].Offset + 1
			if records = records[n:]; len(records) == 0 {
				next = claim.Next() // past the markers of transactions
			}
			h.done(next)
			d.metrics.done(wayDirect, n, began)
		}
	}
}

// together is how many of the first records are predicted at once; a suspect is
// alone.
func (d *direct) together(records []stream.Record) (n int, alone bool) {
	n = len(records)
	for i := range d.chunks.sides {
		n = min(n, d.chunks.sides[i].predictor.Limit()) // which it learns as it predicts
	}
	if !d.model.suspects.Any() {
		return n, false
	}
	for i := range n {
		if alone, _ := d.model.suspects.Judge(&records[i]); alone {
			return max(i, 1), i == 0
		}
	}
	return n, false
}

// watch has the lag of a partition measured.
func (d *direct) watch(claim *stream.Claim) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.claims[claim.Partition] = claim
}

// release forgets a partition that is no longer ours.
func (d *direct) release(claim *stream.Claim) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.claims, claim.Partition)
	d.metrics.forget(claim.Partition)
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
		claims := maps.Clone(d.claims)
		d.mu.Unlock()
		if len(claims) == 0 {
			continue
		}
		_, ends, err := d.member.cluster.Readable(ctx, d.model.job.InputTopic)
		if err != nil {
			continue // the work itself says that the broker is away
		}
		for partition, claim := range claims {
			d.metrics.behind(partition, ends[partition]-claim.Committed())
		}
	}
}
