package e2e

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	pace   = 50 * time.Millisecond // between two batches of a flow
	gentle = 5                     // records of a batch, unless more are asked for
)

// flow is an inference under load: records that are sent all the time, and the
// predictions that come of them. What it keeps of a record is a bit.
type flow struct {
	t         *testing.T
	c         *stream.Cluster
	inference pipeline.Inference
	batch     atomic.Int64 // records of a batch

	mu     sync.Mutex
	acked  int                         // records that the broker has confirmed
	came   map[int][]uint64            // by partition, a bit for each offset that was predicted
	again  int                         // predictions that came once more, under the same id
	last   map[int]time.Time           // by partition, when the last prediction came
	silent time.Duration               // the longest time without one, in a partition
	sent   map[int]map[int64]time.Time // by partition and offset, when a sample of the records was sent
	delays []time.Duration             // of the sample, from sent to seen
}

// newFlow deploys r between two topics of two partitions each.
func newFlow(t *testing.T, m *machine, c *stream.Cluster, r pipeline.Result, delivery pipeline.Delivery) *flow {
	t.Helper()
	in, out := "flow-in-"+string(delivery), "flow-out-"+string(delivery)
	kept := map[string]string{"retention.bytes": "536870912", "segment.bytes": "67108864"} // an hour of load is 25 GB
	for _, topic := range []string{in, out} {
		if err := c.CreateTopic(t.Context(), topic, 2, kept); err != nil {
			t.Fatal(err)
		}
	}
	id := m.created("inferences", "create", "--result", strconv.FormatInt(r.ID, 10), "--delivery", string(delivery), "--replicas", "2",
		"--input-topic", in, "--output-topic", out, "--watch")
	f := &flow{
		t: t, c: c, inference: jsonOf[pipeline.Inference](m, "inferences", "show", id),
		came: map[int][]uint64{}, last: map[int]time.Time{}, sent: map[int]map[int64]time.Time{0: {}, 1: {}},
	}
	f.batch.Store(gentle)
	return f
}

// run sends and watches until ctx ends.
func (f *flow) run(ctx context.Context) {
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() { f.send(ctx) })
	both.Go(func() { f.watch(ctx) })
}

// send writes a batch at a time, to each partition in turn. What it is not told
// to have been written, the log may hold or not: the log says.
func (f *flow) send(ctx context.Context) {
	samples, _ := points(100)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		batch := make([]stream.Record, f.batch.Load())
		now := time.Now()
		for i := range batch {
			batch[i] = stream.Record{Value: floats(samples[(n+i)%len(samples)]), Time: now}
		}
		p := n % 2
		base, err := f.c.Produce(ctx, f.inference.InputTopic, p, batch)
		if err != nil {
			continue
		}
		f.mu.Lock()
		f.acked += len(batch)
		f.sent[p][base] = now
		f.mu.Unlock()
	}
}

// watch reads the output topic as it grows.
func (f *flow) watch(ctx context.Context) {
	read := map[int]int64{}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, next, err := f.c.Offsets(ctx, f.inference.OutputTopic)
		if err != nil {
			continue // the broker is what fails just now
		}
		for p, end := range next {
			if end == read[p] {
				continue
			}
			r := pipeline.Range{Topic: f.inference.OutputTopic, Partition: p, Offset: read[p], Length: end - read[p]}
			err := f.c.Read(ctx, r, func(r stream.Record) error {
				read[p] = r.Offset + 1
				return f.see(headersOf(r)["ce_id"])
			})
			if err != nil {
				break
			}
		}
	}
}

// see notes a prediction.
func (f *flow) see(id string) error {
	parts := strings.Split(id, ":")
	if len(parts) != 4 {
		return fmt.Errorf("%q is the id of no prediction", id)
	}
	p, err := strconv.Atoi(parts[2])
	if err != nil {
		return err
	}
	o, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := int(o/64) + 1 - len(f.came[p]); n > 0 {
		f.came[p] = append(f.came[p], make([]uint64, n)...)
	}
	word, bit := &f.came[p][o/64], uint64(1)<<(o%64)
	if *word&bit != 0 {
		f.again++
		return nil
	}
	*word |= bit
	now := time.Now()
	if last := f.last[p]; !last.IsZero() {
		f.silent = max(f.silent, now.Sub(last))
	}
	f.last[p] = now
	if at, ok := f.sent[p][o]; ok {
		delete(f.sent[p], o)
		f.delays = append(f.delays, time.Since(at))
	}
	return nil
}

// ends gives the end of the input topic, asking until the broker answers.
func (f *flow) ends() (next map[int]int64) {
	f.t.Helper()
	within(f.t, waitTime, "the end of "+f.inference.InputTopic, func() (string, bool) {
		var err error
		_, next, err = f.c.Offsets(f.t.Context(), f.inference.InputTopic)
		return fmt.Sprint(err), err == nil
	})
	return next
}

// settle waits until each record that the input topic holds now has been
// predicted, and gives how many they are, how many of those that the broker had
// confirmed the topic lacks, and how many predictions have come again.
func (f *flow) settle() (records, lost, again int) {
	f.t.Helper()
	f.mu.Lock()
	acked := f.acked
	f.mu.Unlock()
	ends := f.ends()
	records = int(total(ends))
	within(f.t, waitTime, "the predictions of "+f.inference.InputTopic, func() (string, bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		missing := 0
		for p, end := range ends {
			missing += int(end) - before(f.came[p], end)
		}
		again = f.again
		return fmt.Sprintf("%d of %d are missing", missing, records), missing == 0
	})
	return records, max(0, acked-records), again
}

// before counts the bits of the offsets before end.
func before(came []uint64, end int64) (n int) {
	for i, word := range came {
		if rest := end - int64(64*i); rest <= 0 {
			break
		} else if rest < 64 {
			word &= 1<<rest - 1
		}
		n += bits.OnesCount64(word)
	}
	return n
}

// silence gives the longest time without a prediction since it was asked last.
func (f *flow) silence() (longest time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	longest, f.silent = f.silent, 0
	return longest
}

// percentile gives the delay that a share of the sample did not exceed, and
// begins a new sample.
func (f *flow) percentile(share float64) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.Sorted(slices.Values(f.delays))
	f.delays = nil
	if len(all) == 0 {
		return 0
	}
	return all[int(share*float64(len(all)-1))]
}
