package deployinference

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	openTails     = 64               // at once
	tailBuffer    = 256              // predictions that wait for a slow client; more are left out
	tailHeartbeat = 15 * time.Second // between comments on a quiet stream
	tailPatience  = 10 * time.Second // a client that does not read for so long is dropped
	tailLast      = 200              // earlier predictions that may be asked for, of each partition
)

// tails bounds the open GET /inferences/{id}/predictions and ends them with
// their server.
type tails struct {
	open    chan struct{}
	ending  context.Context
	end     context.CancelFunc
	endOnce *sync.Once
}

func newTails() tails {
	t := tails{open: make(chan struct{}, openTails), endOnce: new(sync.Once)}
	t.ending, t.end = context.WithCancel(context.Background())
	return t
}

// predictions serves GET /inferences/{id}/predictions: the records of the
// output topic as Server-Sent Events, decoded, those that come and before them
// the ?last= of each partition. The id of a message is the position after it,
// "partition:offset,..."; the header Last-Event-ID or ?after= resumes there.
// What a slow client cannot take is left out and counted.
func (s *Service) predictions(w http.ResponseWriter, r *http.Request) {
	select {
	case s.tails.open <- struct{}{}:
		defer func() { <-s.tails.open }()
	default:
		door.Problem(w, &pipeline.Error{Kind: pipeline.Unavailable, Reason: fmt.Sprintf("%d streams are open", openTails), Hint: "close one"})
		return
	}
	i, err := s.inference(r)
	var from map[int]int64
	if err == nil {
		from, err = s.tailFrom(r, i.OutputTopic)
	}
	if err != nil {
		door.Problem(w, err)
		return
	}
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
		s.tails.endOnce.Do(func() { server.RegisterOnShutdown(s.tails.end) })
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.tails.ending, cancel)()
	t := &tail{w: w, c: http.NewResponseController(w), at: from, records: make(chan outcome, tailBuffer)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Accel-Buffering", "no")
	t.run(ctx, s.Cluster, i.OutputTopic)
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
	last := int64(0)
	if text := r.URL.Query().Get("last"); text != "" {
		if last, err = strconv.ParseInt(text, 10, 64); err != nil || last < 0 || last > tailLast {
			return nil, pipeline.Invalidf("last", "%q is not a number from 0 to %d", text, tailLast)
		}
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
	w       http.ResponseWriter
	c       *http.ResponseController
	at      map[int]int64 // the next offset of each partition
	records chan outcome
	left    atomic.Int64 // records left out since the last message
}

// run follows every partition until the client goes.
func (t *tail) run(ctx context.Context, cluster *stream.Cluster, topic string) {
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	for p, from := range t.at {
		following.Go(func() {
			defer cancel() // one that ends, ends all: the client comes again
			_ = cluster.Follow(ctx, topic, p, from, t.take)
		})
	}
	if t.write("id: %s\n\n", positionText(t.at)) != nil {
		return
	}
	beat := time.NewTicker(tailHeartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			err = t.write(": still here\n\n")
		case o := <-t.records:
			err = t.show(o)
		}
		if err != nil {
			return
		}
	}
}

// take hands a record on, or counts it where the client is behind.
func (t *tail) take(r stream.Record) error {
	select {
	case t.records <- outcomeOf(r):
	default:
		t.left.Add(1)
	}
	return nil
}

func (t *tail) show(o outcome) error {
	t.at[o.Partition] = o.Offset + 1
	body, err := json.Marshal(struct {
		outcome
		LeftOut int64 `json:"left_out,omitempty"` // records before this one that are not shown
	}{o, t.left.Swap(0)})
	if err != nil {
		return err
	}
	return t.write("id: %s\nevent: prediction\ndata: %s\n\n", positionText(t.at), body)
}

func (t *tail) write(format string, args ...any) error {
	_ = t.c.SetWriteDeadline(time.Now().Add(tailPatience)) // a recorder in a test has none
	if _, err := fmt.Fprintf(t.w, format, args...); err != nil {
		return err
	}
	if err := t.c.Flush(); err != nil {
		return err
	}
	return t.c.SetWriteDeadline(time.Now().Add(2 * tailHeartbeat))
}
