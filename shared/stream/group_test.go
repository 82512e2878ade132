package stream_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// tally counts what a group was given, by partition and offset.
type tally struct {
	sync.Mutex
	seen map[[2]int64]int
}

func (c *tally) add(records []stream.Record) (total int) {
	c.Lock()
	defer c.Unlock()
	for _, r := range records {
		c.seen[[2]int64{int64(r.Partition), r.Offset}]++
	}
	return len(c.seen)
}

func TestGroupGoesOnWhereItCommitted(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		const partitions, each = 3, 50
		topic := streamtest.Topic(t, c, partitions)
		config := stream.GroupConfig{ID: streamtest.Name(t), Topics: []string{topic}}
		count := tally{seen: map[[2]int64]int{}}
		for round := 1; round <= 2; round++ {
			for p := range partitions {
				produce(t, c, topic, p, numbered(each))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			err := c.Consume(ctx, config, func(ctx context.Context, claim *stream.Claim) error {
				for {
					records, err := claim.Fetch(ctx)
					if err != nil {
						return err
					}
					total := count.add(records)
					claim.Done(claim.Next())
					if total == round*partitions*each {
						cancel()
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if len(count.seen) != round*partitions*each {
				t.Fatalf("round %d: %d records were seen", round, len(count.seen))
			}
		}
		for at, times := range count.seen {
			if times != 1 {
				t.Errorf("record %v was given %d times", at, times)
			}
		}
	})
}

func TestConsumeReturnsTheHandlersError(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 2)
		broken := errors.New("broken")
		config := stream.GroupConfig{ID: streamtest.Name(t), Topics: []string{topic}}
		err := c.Consume(t.Context(), config, func(ctx context.Context, claim *stream.Claim) error {
			if claim.Partition == 1 {
				return broken
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
}

func TestGroupSharesPartitions(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 2)
		config := stream.GroupConfig{ID: streamtest.Name(t), Topics: []string{topic}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		var members sync.WaitGroup
		var mu sync.Mutex
		held := map[int]map[int]bool{0: {}, 1: {}} // by member
		for member := range 2 {
			members.Go(func() {
				if err := c.Consume(ctx, config, func(ctx context.Context, claim *stream.Claim) error {
					mu.Lock()
					held[member][claim.Partition] = true
					if len(held[0]) == 1 && len(held[1]) == 1 {
						cancel()
					}
					mu.Unlock()
					<-ctx.Done()
					mu.Lock()
					delete(held[member], claim.Partition)
					mu.Unlock()
					return nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
		members.Wait()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Error("the members never held a partition each")
		}
	})
}

func TestLastCommitWhileLeaving(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 1)
		config := stream.GroupConfig{ID: streamtest.Name(t), Topics: []string{topic}}
		for round := range int64(2) {
			base := produce(t, c, topic, 0, numbered(10))
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			if err := c.Consume(ctx, config, func(ctx context.Context, claim *stream.Claim) error {
				records, err := claim.Fetch(ctx)
				if err != nil {
					return err
				}
				if records[0].Offset != base || len(records) != 10 {
					t.Errorf("round %d: %d records from offset %d on", round, len(records), records[0].Offset)
				}
				cancel()
				<-ctx.Done()
				claim.Done(claim.Next())
				return nil
			}); err != nil {
				t.Error(err)
			}
			cancel()
		}
	})
}

// A topic that comes into being later is consumed from its first record.
func TestGroupWaitsForItsTopic(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		topic := streamtest.Name(t)
		config := stream.GroupConfig{ID: streamtest.Name(t), Topics: []string{topic}}
		ended := make(chan error, 1)
		count := tally{seen: map[[2]int64]int{}}
		go func() {
			ended <- c.Consume(ctx, config, func(ctx context.Context, claim *stream.Claim) error {
				for {
					records, err := claim.Fetch(ctx)
					if err != nil {
						return err
					}
					if count.add(records) == 10 {
						cancel()
					}
				}
			})
		}()
		select {
		case err := <-ended:
			t.Fatalf("ended without its topic: %v", err)
		case <-time.After(300 * time.Millisecond): // it has looked, and waits
		}
		if err := c.EnsureTopic(t.Context(), topic, 2); err != nil {
			t.Fatal(err)
		}
		produce(t, c, topic, 0, numbered(5))
		produce(t, c, topic, 1, numbered(5))
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if len(count.seen) != 10 {
			t.Errorf("%d of 10 records were seen", len(count.seen))
		}
	})
}

// A topic that is deleted under its consumers stays deleted, although the broker
// makes topics for producers, and is consumed again once there is a new one.
func TestGroupDoesNotMakeItsTopicAgain(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		topic := streamtest.Topic(t, c, 2)
		produce(t, c, topic, 0, numbered(1))
		seen, waiting := make(chan int, 10), &mention{text: "waiting for the topic", said: make(chan struct{})}
		config := stream.GroupConfig{ID: streamtest.Name(t), Topics: []string{topic}, Log: slog.New(slog.NewTextHandler(waiting, nil))}
		var member sync.WaitGroup
		member.Go(func() {
			for ctx.Err() == nil { // as the dispatcher and predict do
				_ = c.Consume(ctx, config, func(ctx context.Context, claim *stream.Claim) error {
					for {
						records, err := claim.Fetch(ctx)
						if err != nil {
							return err
						}
						seen <- len(records)
					}
				})
			}
		})
		defer member.Wait()
		defer cancel()
		<-seen
		if _, err := admin(t, c).DeleteTopics(ctx, topic); err != nil {
			t.Fatal(err)
		}
		<-waiting.said
		if n, err := c.Partitions(ctx, topic); pipeline.KindOf(err) != pipeline.NotFound {
			t.Fatalf("the topic is there again, with %d partitions: %v", n, err)
		}
		if err := c.EnsureTopic(ctx, topic, 3); err != nil {
			t.Fatal(err)
		}
		produce(t, c, topic, 2, numbered(7))
		if n := <-seen; n != 7 {
			t.Errorf("%d records of the new topic were seen", n)
		}
	})
}

// mention is a log that waits for a text.
type mention struct {
	text string
	once sync.Once
	said chan struct{}
}

func (m *mention) Write(p []byte) (int, error) {
	if strings.Contains(string(p), m.text) {
		m.once.Do(func() { close(m.said) })
	}
	return len(p), nil
}

// What the partitions of a process hold together is bounded, whatever their
// number and however large the batches are, and every record comes.
func TestManyPartitionsStayWithinTheirMemory(t *testing.T) {
	const partitions, each, size = 200, 2, 600
	c := streamtest.Kafka(t)
	topic := streamtest.Topic(t, c, partitions)
	batch := make([]stream.Record, 1000)
	for i := range batch {
		batch[i] = stream.Record{Value: make([]byte, size)}
	}
	for p := range partitions {
		for range each {
			produce(t, c, topic, p, batch)
		}
	}
	const total = partitions * each * 1000
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var seen, fetching atomic.Int64
	all := make(chan struct{})
	var before, full runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	config := stream.GroupConfig{ID: streamtest.Name(t), Topics: []string{topic}}
	err := c.Consume(ctx, config, func(ctx context.Context, claim *stream.Claim) error {
		for first := true; ; first = false {
			records, err := claim.Fetch(ctx)
			if err != nil {
				return err
			}
			if first { // every partition holds records before the first gives some back
				if fetching.Add(1) == partitions {
					runtime.GC()
					runtime.ReadMemStats(&full)
					close(all)
				}
				select {
				case <-all:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if seen.Add(int64(len(records))) == total {
				cancel()
			}
		}
	})
	if err != nil || seen.Load() != total {
		t.Fatalf("%d of %d records, %v", seen.Load(), total, err)
	}
	const allowed = 80 << 20 // 64 MiB, and what connections and goroutines take
	if used := int64(full.HeapAlloc) - int64(before.HeapAlloc); used > allowed {
		t.Errorf("%d MiB are held while all partitions wait", used>>20)
	}
	for deadline := time.Now().Add(2 * time.Minute); c.SlotsInUse() > 0; <-time.After(10 * time.Millisecond) { // fetches that were cut off end beside
		if time.Now().After(deadline) {
			t.Fatalf("%d slots were not given back", c.SlotsInUse())
		}
	}
}
