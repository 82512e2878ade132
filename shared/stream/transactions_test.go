package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// offsetsRead gives the offsets of the records of a stream.
func offsetsRead(t *testing.T, c *stream.Cluster, ranges ...pipeline.Range) (offsets []int64, err error) {
	t.Helper()
	err = c.ReadAll(t.Context(), ranges, pipeline.OrderTime, func(r stream.Record) error {
		if string(r.Value) == "never" {
			t.Errorf("record %d was aborted", r.Offset)
		}
		offsets = append(offsets, r.Offset)
		return nil
	})
	return offsets, err
}

// run is the numbers from one up to another, which it does not hold.
func run(from, to int64) (all []int64) {
	for ; from < to; from++ {
		all = append(all, from)
	}
	return all
}

func never(n int) []stream.Record {
	records := numbered(n)
	for i := range records {
		records[i].Value = []byte("never")
	}
	return records
}

// What transactions committed is the stream; their markers and what they aborted
// are no records, and no gap.
func TestTransactions(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 2)
		x := streamtest.NewTransactions(t, c)
		x.Send(topic, 0, numbered(7), true)  // 0 to 6, marker 7
		x.Send(topic, 0, never(5), false)    // 8 to 12, marker 13
		produce(t, c, topic, 0, numbered(3)) // 14 to 16
		x.Send(topic, 0, never(2), false)    // 17, 18, marker 19
		x.Send(topic, 0, numbered(4), true)  // 20 to 23, marker 24
		x.Send(topic, 1, never(6), false)    // 0 to 5, marker 6
		x.Send(topic, 1, numbered(2), true)  // 7, 8, marker 9
		for name, test := range map[string]struct {
			ranges []pipeline.Range
			want   []int64
		}{
			"all":                    {[]pipeline.Range{at(topic, 0, 0, 25)}, slices.Concat(run(0, 7), run(14, 17), run(20, 24))},
			"begins at a marker":     {[]pipeline.Range{at(topic, 0, 7, 10)}, run(14, 17)},
			"begins in what is void": {[]pipeline.Range{at(topic, 0, 10, 5)}, []int64{14}},
			"ends in what is void":   {[]pipeline.Range{at(topic, 0, 5, 6)}, []int64{5, 6}},
			"void and not":           {[]pipeline.Range{at(topic, 0, 8, 4), at(topic, 0, 21, 2)}, []int64{21, 22}},
			"partitions":             {[]pipeline.Range{at(topic, 0, 17, 8), at(topic, 1, 0, 10)}, slices.Concat(run(20, 24), run(7, 9))},
			"a void partition":       {[]pipeline.Range{at(topic, 1, 0, 7), at(topic, 0, 20, 5)}, run(20, 24)},
		} {
			t.Run(name, func(t *testing.T) {
				got, err := offsetsRead(t, c, test.ranges...)
				slices.Sort(got)
				slices.Sort(test.want)
				if err != nil || !slices.Equal(got, test.want) {
					t.Errorf("%v, want %v, %v", got, test.want, err)
				}
				if r, err := c.Available(t.Context(), test.ranges); err != nil || r.State != pipeline.Available {
					t.Errorf("available: %+v, %v", r, err)
				}
				if n, err := c.Count(t.Context(), test.ranges, 1000); n != int64(len(test.want)) || err != nil {
					t.Errorf("%d records, %v", n, err)
				}
			})
		}
		void := []pipeline.Range{at(topic, 0, 8, 6), at(topic, 1, 0, 7)}
		if r, err := c.Available(t.Context(), void); err == nil || !strings.Contains(err.Error(), "records 8 to 13: none of them is committed") || r.State != pipeline.Available {
			t.Errorf("all aborted: %+v, %v", r, err)
		}
	})
}

// Transactions of several producers overlap in one partition.
func TestTransactionsOverlap(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 1)
		x, y := streamtest.NewTransactions(t, c), streamtest.NewTransactions(t, c)
		x.Begin(topic, 0, never(3))     // 0 to 2
		y.Begin(topic, 0, numbered(2))  // 3, 4
		x.Write(never(2))               // 5, 6
		y.End(true)                     // 7
		y.Begin(topic, 0, never(1))     // 8
		x.End(false)                    // 9
		x.Begin(topic, 0, numbered(10)) // 10 to 19
		y.End(false)                    // 20
		x.End(true)                     // 21
		got, err := offsetsRead(t, c, at(topic, 0, 0, 22))
		if want := slices.Concat(run(3, 5), run(10, 20)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, want %v, %v", got, want, err)
		}
	})
}

// A stream that a transaction has yet to commit is waited for, then refused; what
// lies before it is read.
func TestOpenTransaction(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 1)
		produce(t, c, topic, 0, numbered(4))
		x := streamtest.NewTransactions(t, c)
		x.Begin(topic, 0, numbered(5)) // 4 to 8
		for range 2 {
			_, err := c.Available(t.Context(), []pipeline.Range{at(topic, 0, 0, 9)})
			if err == nil || !strings.Contains(err.Error(), "a transaction is open from offset 4 on") || pipeline.KindOf(err) != pipeline.Conflict {
				t.Fatalf("available: %v", err)
			}
		}
		if got, err := offsetsRead(t, c, at(topic, 0, 0, 4)); err != nil || len(got) != 4 {
			t.Errorf("before it: %v, %v", got, err)
		}
		if _, next, err := c.Readable(t.Context(), topic); err != nil || next[0] != 4 {
			t.Errorf("readable up to %d, %v", next[0], err)
		}
		got, err := offsetsRead(t, c, at(topic, 0, 0, 9))
		if len(got) > 0 || err == nil || !strings.Contains(err.Error(), "a transaction is open from offset 4 on") {
			t.Errorf("while it is open: %v, %v", got, err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			x.End(true)
		}()
		if got, err := offsetsRead(t, c, at(topic, 0, 0, 9)); err != nil || len(got) != 9 {
			t.Errorf("after it: %v, %v", got, err)
		}
		<-ended
	})
}

// A group gets what is committed, in its time, and commits past the markers.
func TestGroupReadsCommitted(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic, group := streamtest.Topic(t, c, 1), streamtest.Name(t)
		x := streamtest.NewTransactions(t, c)
		x.Send(topic, 0, never(3), false)   // 0 to 2, marker 3
		x.Send(topic, 0, numbered(2), true) // 4, 5, marker 6
		x.Begin(topic, 0, never(2))         // 7, 8
		var got []int64
		next := int64(0)
		err := c.Consume(t.Context(), stream.GroupConfig{ID: group, Topics: []string{topic}}, func(ctx context.Context, claim *stream.Claim) error {
			for len(got) < 5 {
				records, err := claim.Fetch(ctx)
				if err != nil {
					return err
				}
				for _, r := range records {
					got = append(got, r.Offset)
				}
				if next = claim.Next(); next == 7 {
					x.End(false)                        // marker 9
					x.Send(topic, 0, numbered(3), true) // 10 to 12, marker 13
				}
				claim.Done(next)
			}
			return nil
		})
		if want := []int64{4, 5, 10, 11, 12}; err != nil || !slices.Equal(got, want) || next != 14 {
			t.Errorf("%v up to %d, want %v, %v", got, next, want, err)
		}
		if committed, err := c.Committed(t.Context(), group, topic); err != nil || committed[0] != 14 {
			t.Errorf("committed %v, %v", committed, err)
		}
	})
}

// timeToCompact is how long the broker's cleaner may take.
const timeToCompact = 5 * time.Minute

// What compaction took is a gap also between transactions.
func TestGapBesideTransactions(t *testing.T) {
	c := streamtest.Kafka(t)
	topic := topicWith(t, c, map[string]string{
		"cleanup.policy": "compact", "segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0", "segment.ms": "100",
	})
	x := streamtest.NewTransactions(t, c)
	same := []stream.Record{{Key: []byte("k"), Value: []byte("old")}, {Key: []byte("k"), Value: []byte("new")}}
	x.Send(topic, 0, same, true) // 0, 1, marker 2
	ctx, cancel := context.WithTimeout(t.Context(), timeToCompact)
	defer cancel()
	enough := errors.New("enough")
	for end := int64(3); ; end++ {
		var first int64 = -1
		err := c.Read(ctx, at(topic, 0, 0, 3), func(r stream.Record) error {
			first = r.Offset
			return enough
		})
		if err != nil && strings.Contains(err.Error(), "no record at offset 0, the next is at 1") {
			return
		}
		if !errors.Is(err, enough) || first != 0 {
			t.Fatalf("record %d, %v", first, err)
		}
		produce(t, c, topic, 0, []stream.Record{{Key: fmt.Append(nil, end), Value: []byte("rolls the segment")}})
	}
}
