package records

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
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
	err = s.tails.Serve(w, r, positionText(from), func(ctx context.Context, to *door.EventStream) error {
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
	resumed, err := positions(after)
	for p, offset := range resumed {
		if _, ok := from[p]; ok && offset <= next[p] {
			from[p] = max(first[p], offset)
		}
	}
	return from, err
}

// positions reads "partition:offset,..."; "" has none.
func positions(text string) (map[int]int64, error) {
	at := map[int]int64{}
	if text == "" {
		return at, nil
	}
	for entry := range strings.SplitSeq(text, ",") {
		p, offset, _ := strings.Cut(entry, ":")
		partition, err := strconv.Atoi(p)
		next, err2 := strconv.ParseInt(offset, 10, 64)
		if err != nil || err2 != nil || partition < 0 || next < 0 {
			return nil, pipeline.Invalidf("after", "%q is not a position", text).WithHint("give the id of a message of this stream")
		}
		at[partition] = next
	}
	return at, nil
}

func positionText(at map[int]int64) string {
	var b strings.Builder
	for k, p := range slices.Sorted(maps.Keys(at)) {
		if k > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d:%d", p, at[p])
	}
	return b.String()
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
	return to.Send(positionText(t.at), "prediction", body)
}
