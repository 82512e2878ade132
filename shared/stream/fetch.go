package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// room bounds what a fetch brings, in bytes.
type room struct {
	most int64 // asked for; one record batch comes whole even if larger
	hold int64 // kept in memory, where one record is kept even if larger
	even int64 // up to here memory is taken with some to spare
	// slots are where an answer may lie that is larger than hold, see slotBytes.
	slots chan []byte
}

// fetchTime bounds one fetch, of which longPoll may pass in waiting.
const fetchTime = 30 * time.Second

// fetch fills a with the records from l.offset on, none if there are none yet.
// Failures that may pass are tried again for a while.
func (l *lane) fetch(ctx context.Context, a *answer, r room) error {
	return persist(ctx, func() error {
		return l.cluster.current(ctx, func() error { return l.fetchOnce(ctx, a, r) })
	}, passing)
}

func (l *lane) fetchOnce(ctx context.Context, a *answer, r room) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	a.reset()
	request := newFetchRequest(ctx, l, r)
	request.into, *a = *a, answer{} // a request that was given up may write to it yet
	message, err := l.cluster.transport.RoundTrip(ctx, l.cluster.client.Addr, request)
	if err != nil {
		request.giveUp()
		return err
	}
	got, ok := message.(*fetchAnswer)
	if !ok {
		return fmt.Errorf("a fetch is answered by a %T", message)
	}
	*a = got.answer
	if got.failure != 0 {
		return got.failure
	}
	l.offset = got.next
	return nil
}

// patience is how long something is tried again while the broker cannot be
// reached or has no leader for the partition.
const patience = time.Minute

// persist repeats try while its error may pass, with growing waits, until
// patience or ctx ends.
func persist(ctx context.Context, try func() error, passes func(error) bool) error {
	return persistFor(ctx, patience, try, passes)
}

// persistFor is persist with another patience.
func persistFor(ctx context.Context, patience time.Duration, try func() error, passes func(error) bool) error {
	giveUp := time.Now().Add(patience)
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := try()
		if err == nil || !passes(err) || ctx.Err() != nil || time.Now().After(giveUp) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// passing reports whether an error may go away by itself: anything that is no
// answer of the broker, and its answers that say so.
func passing(err error) bool {
	var known *pipeline.Error
	var answer kafka.Error
	switch {
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &answer):
		return answer.Temporary() && answer != kafka.UnknownTopicOrPartition
	case errors.Is(err, protocol.ErrNoTopic), errors.Is(err, protocol.ErrNoPartition):
		return false
	}
	return true
}

// Unreached reports whether a server could not be connected to, or did not answer
// in time, in contrast to one that refuses us.
func Unreached(err error) bool {
	var broken *net.OpError
	return errors.As(err, &broken) || errors.Is(err, context.DeadlineExceeded)
}

// forever is an offset that is never reached.
const forever = int64(1) << 62
