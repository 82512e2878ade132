package records

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	openTails  = 64  // at once
	tailBuffer = 256 // predictions that wait for a slow client; more are left out
	tailLast   = 200 // earlier predictions that may be asked for, of each partition
)

// predictions serves GET /inferences/{id}/predictions: the records of the
// output topic as Server-Sent Events, decoded, those that come and before them
// the ?last= of each partition. The id of a message is the position after it,
// "partition:offset,..."; the header Last-Event-ID or ?after= resumes there.
// What a slow client cannot take is left out and counted.
func (s *Service) predictions(w http.ResponseWriter, r *http.Request) {
	i, err := s.inference(r)
	if err == nil {
		err = s.MayRead.Allow(identity.Of(r.Context()), "id", i.OutputTopic)
	}
	var from map[int]int64
	if err == nil {
		from, err = s.tailFrom(r, i.OutputTopic)
	}
	if err != nil {
		door.Problem(w, err)
		return
	}
	t := &tail{at: from, records: make(chan outcome, tailBuffer)}
	err = s.tails.Serve(w, r, stream.PositionText(from), func(ctx context.Context, to *door.EventStream) error {
		return t.run(ctx, to, s.Cluster, i.OutputTopic)
	})
	if err != nil {
		s.Log.InfoContext(r.Context(), "stream of predictions ended", "inference", i.ID, "error", err)
	}
}

// tailFrom is where the tail of each partition begins.
func (s *Service) tailFrom(r *http.Request, topic string) (map[int]int64, error) {
	first, next, err := s.Cluster.Offsets(r.Context(), topic)
	if err != nil {
		return nil, err
	}
	after := r.Header.Get("Last-Event-ID")
	if after == "" {
		after = r.URL.Query().Get("after")
	}
	last, err := door.Number(r, "last", 0, 0, int64(tailLast))
	if err != nil {
		return nil, err
	}
	from := map[int]int64{}
	for p := range next {
		from[p] = max(first[p], next[p]-last)
	}
	resumed, err := stream.Positions(after)
	for p, offset := range resumed {
		if _, ok := from[p]; ok && offset <= next[p] {
			from[p] = max(first[p], offset)
		}
	}
	return from, err
}

// tail is one open stream.
type tail struct {
	at      map[int]int64 // the next offset of each partition
	records chan outcome
	left    atomic.Int64 // records left out since the last message
}

// run follows every partition until the client goes or one cannot be followed.
func (t *tail) run(ctx context.Context, to *door.EventStream, cluster *stream.Cluster, topic string) error {
	following, ctx := errgroup.WithContext(ctx)
	for p, from := range t.at {
		following.Go(func() error { return cluster.Follow(ctx, topic, p, from, t.add) })
	}
	following.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case o := <-t.records:
				if err := t.send(to, o); err != nil {
					return err
				}
			}
		}
	})
	return following.Wait()
}

// add hands a record on, or counts it where the client is behind.
func (t *tail) add(r stream.Record) error {
	select {
	case t.records <- outcomeOf(r):
	default:
		t.left.Add(1)
	}
	return nil
}

func (t *tail) send(to *door.EventStream, o outcome) error {
	t.at[o.Partition] = o.Offset + 1
	body, err := json.Marshal(struct {
		outcome
		LeftOut int64 `json:"left_out,omitempty"` // records before this one that are not shown
	}{o, t.left.Swap(0)})
	if err != nil {
		return err
	}
	return to.Send(stream.PositionText(t.at), "prediction", body)
}
