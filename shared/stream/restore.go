package stream

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Origin says from where a handler has to read again to know what it knew when
// its offset was committed.
type Origin struct {
	From int64  // offset of the first record to read again
	By   string // who reads them, without blanks: to another reader From means nothing
}

// What the metadata of a committed offset may hold, which is free text: words
// that begin with these.
const (
	topicPrefix  = "topic-id:"
	originPrefix = "origin:" // then From, a colon and By
)

// metadata is the text that goes with a committed offset: which topic it is of,
// and its origin, if it has one.
func metadata(topicID string, o Origin) string {
	var words []string
	if topicID != "" { // else a broker that has no ids
		words = append(words, topicPrefix+topicID)
	}
	if o.By != "" {
		words = append(words, originPrefix+strconv.FormatInt(o.From, 10)+":"+o.By)
	}
	return strings.Join(words, " ")
}

// readMetadata reads what metadata wrote; what other programs wrote says nothing.
func readMetadata(text string) (topicID string, o Origin) {
	for word := range strings.FieldsSeq(text) {
		if id, ok := strings.CutPrefix(word, topicPrefix); ok {
			topicID = id
		}
		if at, ok := strings.CutPrefix(word, originPrefix); ok {
			from, by, _ := strings.Cut(at, ":")
			if n, err := strconv.ParseInt(from, 10, 64); err == nil && n >= 0 {
				o = Origin{n, by}
			}
		}
	}
	return topicID, o
}

// DoneFrom is Done for a handler that keeps something of the records before
// next: o is committed with next, so that whoever claims the partition there can
// read again what it takes.
func (c *Claim) DoneFrom(next int64, o Origin) {
	c.commits.add(partitionOf{c.Topic, c.Partition}, mark{next, o, &c.committed})
}

// Origin is what was committed with the offset that the claim began at; its By is
// empty where nothing was.
func (c *Claim) Origin() Origin { return c.origin }

// Start is the offset from which on the records of Fetch follow each other
// without loss: where the claim began, or where it went on after records that
// had expired before they were fetched. Those that Fetch has given meanwhile
// may lie before it.
func (c *Claim) Start() int64 { return c.start.Load() }

// Replay gives the records from an offset on up to where the claim began, for a
// handler that restores what it kept of them; to be called before the first
// Fetch. lost tells of offsets that hold no record any more: what retention has
// taken at the beginning, what compaction has in the middle. The records are
// valid until each returns, whose error ends the reading and is given back.
func (c *Claim) Replay(ctx context.Context, from int64, lost func(from, to int64), each func([]Record) error) error {
	stop, cluster := c.began, c.commits.cluster
	if from >= stop {
		return nil
	}
	cluster.lanes.Add(1)
	defer cluster.lanes.Add(-1)
	l := cluster.open(ctx, &lane{
		topic: c.Topic, partition: c.Partition, offset: from, stop: stop, limits: cluster.claimLimits,
		moved: func(ctx context.Context, _ int64) (int64, error) { return c.firstLeft(ctx, cluster, stop) },
	})
	defer l.close()
	for next := from; next < stop; next = l.Next() {
		records, err := l.Fetch(ctx)
		if errors.Is(err, errEnded) && ctx.Err() == nil {
			if next = l.past(next); next < stop {
				lost(next, stop)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.replayed(records, next, stop, lost, each); err != nil {
			return err
		}
	}
	return nil
}

// replayed hands records on, from one that should have the offset next on, in
// pieces between which some are lost.
func (l *lane) replayed(records []Record, next, stop int64, lost func(from, to int64), each func([]Record) error) error {
	begin, i := 0, 0
	for ; i < len(records) && records[i].Offset < stop; i++ {
		at := records[i].Offset
		if at != next {
			next = l.past(next)
		}
		if at > next {
			if i > begin {
				if err := each(records[begin:i]); err != nil {
					return err
				}
			}
			lost(next, at)
			begin = i
		}
		next = at + 1
	}
	if i == begin {
		return nil
	}
	return each(records[begin:i])
}

// firstLeft is where a replay goes on that retention has overtaken.
func (c *Claim) firstLeft(ctx context.Context, cluster *Cluster, stop int64) (int64, error) {
	if err := c.sameTopic(ctx, cluster); err != nil {
		return 0, err
	}
	first, _, err := cluster.offsetsOf(ctx, c.Topic, c.Partition)
	return min(first[c.Partition], stop), err
}

// Within is the offset of the first record that was written at most so long
// before the one that the claim began at, or, where that is still to come, before
// the last one.
func (c *Claim) Within(ctx context.Context, span time.Duration) (int64, error) {
	cluster := c.commits.cluster
	e, err := cluster.extent(ctx, c.Topic, c.Partition)
	if err != nil {
		return 0, err
	}
	end := e.stable[c.Partition]
	h, err := cluster.headAt(ctx, c.Topic, c.Partition, c.began, end)
	if err == nil && !h.found && c.began > e.first[c.Partition] {
		h, err = cluster.headAt(ctx, c.Topic, c.Partition, c.began-1, end)
	}
	if err != nil || !h.found {
		return e.first[c.Partition], unavailable("look up a time", err)
	}
	at, err := cluster.offsetsAt(ctx, c.Topic, []int{c.Partition}, h.written.Add(-span))
	return within(at[c.Partition], c.began), err
}
