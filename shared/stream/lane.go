package stream

import (
	"context"
	"errors"
	"fmt"
)

// lane reads one partition ahead of its consumer: two answers at most, of which
// the consumer has one. Together they hold no more than limits allows, with few
// exceptions: one record that is larger, and what answersTooLarge says.
type lane struct {
	fetcher fetcher
	stop    int64 // the offset to end at
	limits  func() limits
	full    chan *answer
	free    chan *answer
	cancel  context.CancelFunc
	done    chan struct{}

	// Of the goroutine that fetches, which belongs to whoever opened the lane.
	idle   []*answer // to fill
	lent   int64     // bytes that the consumer's answer holds
	last   int64     // bytes that the last answer took
	growth float64   // of the last answer, see answer.growth

	// Of the consumer.
	decoder decoder
	current *answer
	skips   []span // of the answers so far, from the last call of past on
}

// limits bound the memory of a lane, in bytes.
type limits struct {
	hold    int64 // by answers
	most    int64 // of one fetch
	decoded int64 // by Records beside what they point to
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

// open begins to read a partition at an offset. With stop, it ends there.
func (c *Cluster) open(ctx context.Context, topic string, partition int, offset, stop int64, limits func() limits) *lane {
	ctx, cancel := context.WithCancel(ctx)
	l := &lane{
		fetcher: fetcher{cluster: c, topic: topic, partition: partition, next: offset}, stop: stop, limits: limits,
		full: make(chan *answer), free: make(chan *answer, 2), idle: []*answer{{}, {}}, cancel: cancel, done: make(chan struct{}),
		decoder: decoder{topic: topic, partition: partition},
	}
	go func() {
		defer close(l.done)
		defer close(l.full)
		l.run(ctx)
	}()
	return l
}

func (l *lane) run(ctx context.Context) {
	for l.fetcher.next < l.stop {
		a, r, err := l.place(ctx)
		if err != nil {
			return
		}
		a.err = l.fetcher.fetch(ctx, a, r)
		l.lent, l.last, l.growth = a.size(), a.size(), a.growth()
		select {
		case <-ctx.Done():
			return
		case l.full <- a:
		}
		if a.err != nil {
			return
		}
	}
}

// place waits for an answer to fill, and for the other one as well where what
// that one holds leaves too little room.
func (l *lane) place(ctx context.Context) (*answer, room, error) {
	for {
		now := l.limits()
		enough := max(now.hold/4, min(l.last, now.hold))
		switch {
		case len(l.idle) == 2:
			a := l.pick(now.hold)
			return a, l.room(now, now.hold-int64(cap(l.idle[0].memory)), 2), nil
		case len(l.idle) == 1 && now.hold-l.lent >= enough:
			a := l.idle[0]
			l.idle = l.idle[:0]
			return a, l.room(now, now.hold-l.lent, 1), nil
		}
		select {
		case <-ctx.Done():
			return nil, room{}, ctx.Err()
		case a := <-l.free:
			a.reset()
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
	most := min(now.most, int64(float64(hold/sharing)/(1+l.growth))-answerHeader)
	return room{most: max(least, most), hold: hold, even: now.hold / 2}
}

// answerHeader is more than an answer takes beside its records.
const answerHeader = 512

var errEnded = errors.New("the lane has come to its end")

// next waits for the next records, at least one. They are valid until the next
// call; their keys, values and headers lie in memory that is used again.
// errEnded after the last record and after an error.
func (l *lane) next(ctx context.Context) ([]Record, error) {
	for {
		if l.current != nil {
			records, err := l.decoder.decode(l.limits().decoded)
			if err != nil {
				return nil, fmt.Errorf("read records of topic %s, partition %d: %w", l.decoder.topic, l.decoder.partition, err)
			}
			if len(records) > 0 {
				return records, nil
			}
			l.decoder.forget()
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
				return nil, a.err
			}
			l.current = a
			for _, s := range a.skips {
				l.skips = appendSpan(l.skips, s)
			}
			l.decoder.begin(a)
		}
	}
}

// close ends the goroutine and waits for it.
func (l *lane) close() {
	l.cancel()
	<-l.done
}
