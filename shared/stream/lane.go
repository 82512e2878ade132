package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// lane reads one partition ahead of its consumer: two answers at most, of which
// the consumer has one. Together they hold no more than limits allows, with few
// exceptions: one record that is larger, what answersTooLarge says, and what
// lies in a slot.
type lane struct {
	cluster   *Cluster
	topic     string
	partition int
	stop      int64 // the offset to end at
	limits    func() limits
	// moved gives the offset to go on from where the log no longer holds the next
	// one; nil where that is an error.
	moved  func(ctx context.Context, next int64) (int64, error)
	full   chan *answer
	free   chan *answer
	cancel context.CancelFunc
	done   chan struct{}

	// Of the goroutine that fetches, which belongs to whoever opened the lane.
	offset int64     // to ask for
	idle   []*answer // to fill
	lent   int64     // bytes that the consumer's answer holds
	last   int64     // bytes that the last answer took
	growth float64   // of the last answer, see answer.growth

	// Of the consumer.
	decoder decoder
	current *answer
	next    int64  // the offset after the records that were handed out
	skips   []span // of the answers so far, from the last call of past on
}

// limits bound the memory of a lane, in bytes.
type limits struct {
	hold    int64       // by answers
	most    int64       // of one fetch
	decoded int64       // by Records beside what they point to
	slots   chan []byte // for answers that hold has no room for; nil: none
}

// memoryOfLanes is what all partitions that a process reads at once take
// together, in bytes: three quarters of it answers, the rest what they are
// decoded to.
const memoryOfLanes = 64 << 20

// share divides memoryOfLanes by a number of lanes.
func share(lanes int, most int64) limits {
	const mostDecoded = 512 << 10 // more would not be near the processor
	each := memoryOfLanes / int64(max(1, lanes))
	hold := each / 4 * 3
	return limits{hold: hold, most: min(most, hold/2), decoded: min(each/4, mostDecoded)}
}

// open begins to read a partition. Of the lane, topic, partition, offset, stop,
// limits and moved are set.
func (c *Cluster) open(ctx context.Context, l *lane) *lane {
	ctx, l.cancel = context.WithCancel(ctx)
	l.cluster, l.decoder, l.next = c, decoder{topic: l.topic, partition: l.partition}, l.offset
	l.idle = []*answer{{}, {}}
	l.full, l.free, l.done = make(chan *answer), make(chan *answer, 2), make(chan struct{})
	go func() {
		defer close(l.done)
		defer close(l.full)
		l.run(ctx)
	}()
	return l
}

func (l *lane) run(ctx context.Context) {
	for l.offset < l.stop {
		a, r, err := l.place(ctx)
		if err != nil {
			return
		}
		a.err = l.fetch(ctx, a, r)
		if l.moved != nil && errors.Is(a.err, kafka.OffsetOutOfRange) {
			l.offset, a.err = l.moved(ctx, l.offset)
		}
		l.lent, l.last, l.growth = a.share(), a.size(), a.growth()
		failed := a.err != nil
		select {
		case <-ctx.Done():
			a.reset()
			return
		case l.full <- a: // from here on the consumer's
		}
		if failed {
			return
		}
	}
}

// place waits for an answer to fill, and, where there are no slots, for the
// other one as well where what that one holds leaves too little room.
func (l *lane) place(ctx context.Context) (*answer, room, error) {
	for {
		now := l.limits()
		enough := max(now.hold/4, min(l.last, now.hold))
		switch {
		case len(l.idle) == 2:
			a := l.pick(now.hold)
			return a, l.room(now, now.hold-int64(cap(l.idle[0].memory)), 2), nil
		case len(l.idle) == 1 && (now.slots != nil || now.hold-l.lent >= enough):
			a := l.idle[0]
			l.idle = l.idle[:0]
			return a, l.room(now, max(now.hold-l.lent, now.hold/4), 1), nil
		}
		select {
		case <-ctx.Done():
			return nil, room{}, ctx.Err()
		case a := <-l.free:
			l.idle = append(l.idle, a)
		}
	}
}

// pick takes the idle answer with the larger memory, and gives the other's up
// where both would be too much.
func (l *lane) pick(hold int64) *answer {
	a, other := l.idle[0], l.idle[1]
	if cap(a.memory) < cap(other.memory) {
		a, other = other, a
	}
	if int64(cap(other.memory))+l.last > hold {
		other.memory = nil
	}
	l.idle = append(l.idle[:0], other)
	return a
}

// room is how much the next fetch may bring, of so many that share the bytes.
func (l *lane) room(now limits, hold, sharing int64) room {
	const least = 4 << 10
	whole := hold / sharing
	if now.slots != nil {
		whole = slotBytes
	}
	most := min(now.most, int64(float64(whole)/(1+l.growth))-answerHeader)
	return room{most: max(least, most), hold: hold, even: now.hold / 2, slots: now.slots}
}

// answerHeader is more than an answer takes beside its records.
const answerHeader = 512

var errEnded = errors.New("the partition was read to where it was to end")

// Fetch waits for the next records, at least one. They are valid until the next
// call; their keys, values and headers lie in memory that is used again. It
// fails with errEnded after the last record and after an error.
func (l *lane) Fetch(ctx context.Context) ([]Record, error) {
	l.next = l.past(l.next)
	for {
		if l.current != nil {
			records, err := l.decoder.decode(l.limits().decoded)
			if err != nil {
				return nil, l.explain(err)
			}
			if len(records) > 0 {
				l.next = records[len(records)-1].Offset + 1
				return records, nil
			}
			l.decoder.forget()
			l.current.reset()
			l.free <- l.current // never blocks: it has room for both answers
			l.current = nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case a, ok := <-l.full:
			if !ok {
				return nil, errEnded
			}
			if a.err != nil {
				return nil, l.explain(a.err)
			}
			l.current = a
			for _, s := range a.skips {
				l.skips = appendSpan(l.skips, s)
			}
			l.decoder.begin(a)
		}
	}
}

// explain says what could not be read.
func (l *lane) explain(err error) error {
	gone := errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, kafka.UnknownTopicOrPartition)
	err = unavailable("read records", fmt.Errorf("topic %s, partition %d: %w", l.topic, l.partition, err))
	var told *pipeline.Error
	if gone && errors.As(err, &told) && told.Hint == "" {
		told.Hint = "the topic was deleted, or made anew, while it was read: send the stream again"
	}
	return err
}

// Next is the offset after the last record that Fetch handed out, and after what
// is no record behind it.
func (l *lane) Next() int64 {
	l.next = l.past(l.next)
	return l.next
}

// close ends the goroutine and waits for it. What Fetch gave is no longer valid.
func (l *lane) close() {
	l.cancel()
	<-l.done
	if l.current != nil {
		l.current.reset()
	}
}
