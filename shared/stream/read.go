package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// readBytes is the size of a fetch for training: large, since the answer is
// read to its end and the next one comes meanwhile.
const readBytes = 10 << 20

const opRead = "read stream"

// Read gives each record of a range, in order, to each. It is exactly the
// range: a record that has expired, that is not there yet or that is missing in
// between is an error, where the library's own reader would skip it. Offsets of
// transactions' markers and of records that their transaction aborted are no
// records. Key, Value and Headers are valid only during the call; an error of
// each ends the read and is returned as it is.
//
// One answer is read ahead.
func (c *Cluster) Read(ctx context.Context, r pipeline.Range, each func(Record) error) error {
	if r.Length == 0 {
		return nil
	}
	if err := c.Settle(ctx, []pipeline.Range{r}); err != nil {
		return err
	}
	_, err := c.readRange(ctx, r, each)
	return err
}

// readRange reads a range that the log holds, and counts the records.
func (c *Cluster) readRange(ctx context.Context, r pipeline.Range, each func(Record) error) (n int64, err error) {
	s := c.strand(ctx, r, readLimits(1))
	defer s.close()
	for s.left() {
		records, err := s.read(ctx)
		if err != nil {
			return n, err
		}
		n += int64(len(records))
		for i := range records {
			if err := each(records[i]); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// readLimits are the limits of each of so many partitions that are read at once.
func readLimits(lanes int) limits {
	const least = 256 << 10
	return share(lanes, max(least, readBytes/int64(max(1, lanes))))
}

// strand reads one range, exactly.
type strand struct {
	pipeline.Range
	cluster *Cluster
	lane    *lane
	next    int64 // offset of the record to come
	fault   error // what follows the records that were given
}

func (c *Cluster) strand(ctx context.Context, r pipeline.Range, bounds limits) *strand {
	l := c.open(ctx, &lane{topic: r.Topic, partition: r.Partition, offset: r.Offset, stop: r.Offset + r.Length, limits: func() limits { return bounds }})
	return &strand{Range: r, cluster: c, lane: l, next: r.Offset}
}

func (s *strand) close() { s.lane.close() }

// left reports whether there are more records.
func (s *strand) left() bool { return s.next < s.Offset+s.Length }

// read waits for the next records, which are valid until the next call. There
// are none where the rest of the range holds none.
func (s *strand) read(ctx context.Context) ([]Record, error) {
	if s.fault != nil {
		return nil, s.fault
	}
	end := s.Offset + s.Length
	records, err := s.lane.Fetch(ctx)
	if errors.Is(err, errEnded) && ctx.Err() == nil { // what is left of the range is no records
		if s.next = s.lane.past(s.next); s.next < end {
			return nil, gap(s.Range, s.next, end)
		}
		return nil, nil
	}
	if err != nil {
		return nil, s.cluster.explain(ctx, s.Range, err)
	}
	for i := range records {
		if at := records[i].Offset; at != s.next {
			if s.next = s.lane.past(s.next); s.next >= end {
				return records[:i], nil
			}
			if at != s.next {
				if s.fault = gap(s.Range, s.next, at); i == 0 {
					return nil, s.fault
				}
				return records[:i], nil
			}
		}
		s.next++
		if s.next == end {
			return records[:i+1], nil
		}
	}
	s.next = s.lane.past(s.next)
	return records, nil
}

// explain says what an error of a fetch means for the range.
func (c *Cluster) explain(ctx context.Context, r pipeline.Range, err error) error {
	if errors.Is(err, kafka.OffsetOutOfRange) { // retention overtook us
		if err := c.within(ctx, []pipeline.Range{r}); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return unavailable(opRead, fmt.Errorf("%s: %w", rangeText(r), err))
}

func gap(r pipeline.Range, want, got int64) error {
	return &pipeline.Error{
		Op: opRead, Kind: pipeline.Conflict, Field: "topic",
		Reason: fmt.Sprintf("%s: no record at offset %d, the next is at %d", rangeText(r), want, got),
		Hint:   "compaction took the records: send the stream again, to a topic with cleanup.policy=delete",
	}
}

func rangeText(r pipeline.Range) string {
	return fmt.Sprintf("topic %s, partition %d, records %d to %d", r.Topic, r.Partition, r.Offset, r.Offset+r.Length-1)
}
