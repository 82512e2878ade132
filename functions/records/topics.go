package records

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	topicsDefault = 50
	topicsMost    = 200
)

// Topic is a row of GET /topics.
type Topic struct {
	Name       string `json:"name"`
	Partitions int    `json:"partitions" description:"0 where it cannot be looked up just now"`
	Offsets    int64  `json:"offsets" description:"that it holds: its records, and what transactions leave between them"`
	Retention  string `json:"retention" description:"how long records stay: 7 days, for ever, unknown"`
	Compacted  bool   `json:"compacted,omitempty" description:"records vanish from its middle, so that no stream can be announced of it"`
}

func topicOf(a stream.About) Topic {
	t := Topic{Name: a.Name, Partitions: a.Partitions, Offsets: a.Offsets(), Compacted: a.Compacted, Retention: "for ever"}
	switch {
	case a.Unseen || a.Partitions == 0:
		t.Retention = "unknown"
	case a.Retention > 0:
		t.Retention = spanOf(a.Retention)
	}
	return t
}

// spanOf is a time as people say it: 7 days, 36 hours.
func spanOf(d time.Duration) string {
	const day = 24 * time.Hour
	var text, unit string
	switch {
	case d%day == 0:
		text, unit = strconv.Itoa(int(d/day)), "day"
	case d%time.Hour == 0:
		text, unit = strconv.Itoa(int(d/time.Hour)), "hour"
	default:
		return d.String()
	}
	if text != "1" {
		unit += "s"
	}
	return text + " " + unit
}

// listTopics serves GET /topics: those whose name contains ?q=, in the order of
// their names, which the role may read. The control topic is none of them: no
// model trains on it.
func (s *Service) listTopics(w http.ResponseWriter, r *http.Request) {
	limit, err := door.Number(r, "limit", topicsDefault, 1, topicsMost)
	if err != nil {
		door.Problem(w, err)
		return
	}
	page, err := s.topics(r.Context(), r.URL.Query().Get("q"), r.URL.Query().Get("after"), limit)
	if err != nil {
		door.Problem(w, err)
		return
	}
	door.WriteJSON(w, page)
}

func (s *Service) topics(ctx context.Context, q, after string, limit int) (page registry.Page[Topic], err error) {
	names, err := s.Cluster.Topics(ctx)
	if err != nil {
		return page, err
	}
	q = strings.ToLower(q)
	who := identity.Of(ctx)
	names = slices.DeleteFunc(names, func(name string) bool {
		return name == s.ControlTopic || name <= after || !strings.Contains(strings.ToLower(name), q) || s.MayRead.Allow(who, "topic", name) != nil
	})
	if len(names) > limit {
		names = names[:limit]
		page.Next = names[limit-1]
	}
	all, err := s.Cluster.AboutAll(ctx, names)
	page.Items = make([]Topic, len(all))
	for i, a := range all {
		page.Items[i] = topicOf(a)
	}
	return page, err
}

// about looks up a topic that a person names.
func (s *Service) about(ctx context.Context, name string) (stream.About, error) {
	if err := pipeline.ValidateTopic("topic", name); err != nil {
		return stream.About{}, err
	}
	if name == s.ControlTopic {
		return stream.About{}, pipeline.Invalidf("topic", "%s holds no records to train on", name).WithHint("name a topic of data")
	}
	if err := s.MayRead.Allow(identity.Of(ctx), "topic", name); err != nil {
		return stream.About{}, err
	}
	return s.Cluster.About(ctx, name)
}

// newestOf gives the newest records of each partition to each, at most so many
// in all. What compaction or a transaction left no record of is passed over.
func (s *Service) newestOf(ctx context.Context, a stream.About, most int64, each func(stream.Record) error) error {
	share := max(1, most/int64(max(1, a.Partitions)))
	for p := range a.Partitions {
		n := min(share, a.Next[p]-a.First[p])
		if n <= 0 {
			continue
		}
		err := s.Cluster.Read(ctx, pipeline.Range{Topic: a.Name, Partition: p, Offset: a.Next[p] - n, Length: n}, each)
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil && pipeline.KindOf(err) != pipeline.Conflict {
			return err
		}
	}
	return nil
}
