package stream_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

func at(topic string, partition int, offset, length int64) pipeline.Range {
	return pipeline.Range{Topic: topic, Partition: partition, Offset: offset, Length: length}
}

// admin asks for what the library that we use has no request for.
func admin(t *testing.T, c *stream.Cluster) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Config().Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// discard deletes the records of a partition before an offset, as a person
// does by hand.
func discard(t *testing.T, c *stream.Cluster, topic string, partition int32, before int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: before, LeaderEpoch: -1})
	answer, err := admin(t, c).DeleteRecords(t.Context(), offsets)
	if err == nil {
		err = answer.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// topicWith makes a topic with configuration.
func topicWith(t *testing.T, c *stream.Cluster, config map[string]string) string {
	t.Helper()
	name := streamtest.Name(t)
	if err := c.CreateTopic(t.Context(), name, 2, config); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestAvailable(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		forEver := topicWith(t, c, map[string]string{"retention.ms": "-1"})
		hour := topicWith(t, c, map[string]string{"retention.ms": "3600000", "retention.bytes": "1000000000"})
		compacted := topicWith(t, c, map[string]string{"cleanup.policy": "compact"})
		begun := time.Now().UTC().Truncate(time.Second)
		for _, topic := range []string{forEver, hour, compacted} {
			produce(t, c, topic, 0, numbered(100))
			produce(t, c, topic, 1, numbered(10))
		}
		discard(t, c, hour, 1, 4)
		emptied := topicWith(t, c, map[string]string{"retention.ms": "-1"})
		produce(t, c, emptied, 0, numbered(8))
		discard(t, c, emptied, 0, 8)
		anew := topicWith(t, c, nil)
		tests := map[string]struct {
			ranges  []pipeline.Range
			state   pipeline.RetentionState
			kind    pipeline.Kind // of the error
			until   bool
			mention string
		}{
			"kept for ever":       {[]pipeline.Range{at(forEver, 0, 0, 100), at(forEver, 1, 2, 3)}, pipeline.Available, "", false, ""},
			"kept for an hour":    {[]pipeline.Range{at(hour, 0, 10, 90), at(forEver, 0, 0, 100)}, pipeline.Available, "", true, "limited by size"},
			"the rest of it":      {[]pipeline.Range{at(hour, 1, 4, 6)}, pipeline.Available, "", true, "limited by size"},
			"partly gone":         {[]pipeline.Range{at(forEver, 0, 0, 100), at(hour, 1, 0, 10)}, pipeline.PartlyExpired, pipeline.Conflict, false, "partition 1, records 0 to 9: those before offset 4 have expired"},
			"one range gone":      {[]pipeline.Range{at(hour, 1, 0, 4), at(hour, 0, 0, 100)}, pipeline.PartlyExpired, pipeline.Conflict, false, "first available offset is 4"},
			"all gone":            {[]pipeline.Range{at(hour, 1, 0, 2), at(hour, 1, 2, 2)}, pipeline.Expired, pipeline.Conflict, false, "all have expired"},
			"nothing is left":     {[]pipeline.Range{at(emptied, 0, 2, 20)}, pipeline.Expired, pipeline.Conflict, false, "records 2 to 21: all have expired; the first available offset is 8"},
			"beyond the end":      {[]pipeline.Range{at(forEver, 1, 5, 6)}, pipeline.PartlyExpired, pipeline.Conflict, false, "the log ends before offset 10"},
			"far beyond the end":  {[]pipeline.Range{at(forEver, 1, 50, 6)}, pipeline.Expired, pipeline.Conflict, false, "the log ends before offset 10"},
			"made anew":           {[]pipeline.Range{at(anew, 0, 0, 1)}, pipeline.Expired, pipeline.Conflict, false, "the partition is empty, and nothing was ever written to it"},
			"no such partition":   {[]pipeline.Range{at(forEver, 7, 0, 1)}, pipeline.Expired, pipeline.Conflict, false, "no partition 7"},
			"no such topic":       {[]pipeline.Range{at("absent", 0, 0, 1)}, pipeline.Expired, pipeline.NotFound, false, "does not exist"},
			"compacted":           {[]pipeline.Range{at(compacted, 0, 0, 1)}, pipeline.Available, pipeline.Invalid, false, "compacted"},
			"an empty range only": {[]pipeline.Range{at("absent", 0, 0, 0)}, pipeline.Available, "", false, ""},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				got, err := c.Available(t.Context(), test.ranges)
				if got.State != test.state || (test.kind == "") != (err == nil) || err != nil && pipeline.KindOf(err) != test.kind {
					t.Errorf("got %+v, %v", got, err)
				}
				if !strings.Contains(got.Reason, test.mention) || test.mention == "" && got.Reason != "" {
					t.Errorf("reason %q", got.Reason)
				}
				if (got.Until != nil) != test.until || test.until && (got.Until.Before(begun.Add(time.Hour)) || got.Until.After(time.Now().Add(time.Hour))) {
					t.Errorf("until %v", got.Until)
				}
			})
		}
	})
}

// TestExpiryByAge waits until the broker itself has deleted what was too old.
func TestExpiryByAge(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		// Small segments: the broker deletes whole ones.
		topic := topicWith(t, c, map[string]string{"retention.ms": "60000", "segment.bytes": "1048576"})
		old := numbered(1000)
		for i := range old {
			old[i].Time, old[i].Value = time.Now().Add(-time.Hour), make([]byte, 500)
		}
		for range 4 {
			produce(t, c, topic, 0, old)
		}
		base := produce(t, c, topic, 0, numbered(10))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		for first := int64(0); first == 0; {
			offsets, _, err := c.Offsets(ctx, topic)
			if err != nil {
				t.Fatal(err)
			}
			first = offsets[0]
		}
		r := at(topic, 0, 0, base+10)
		got, err := c.Available(t.Context(), []pipeline.Range{r})
		if got.State != pipeline.PartlyExpired || !strings.Contains(got.Reason, "have expired (before about 20") {
			t.Errorf("got %+v", got)
		}
		var known *pipeline.Error
		if !errors.As(err, &known) || known.Field != "topic" || known.Hint == "" {
			t.Errorf("got %v", err)
		}
		if err := c.Read(t.Context(), r, func(stream.Record) error { return errors.New("a record was given") }); !errors.As(err, &known) || known.Kind != pipeline.Conflict {
			t.Errorf("read: %v", err)
		}
	})
}

func TestAvailableWithoutABroker(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 1)
	produce(t, c, topic, 0, numbered(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := c.Available(ctx, []pipeline.Range{at(topic, 0, 0, 1)})
	if got.State != pipeline.RetentionUnset || pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTopics(t *testing.T) {
	c := streamtest.Cluster(t)
	for _, name := range []string{"b", "a", "__internal"} {
		if _, err := admin(t, c).CreateTopic(t.Context(), 3, 1, nil, name); err != nil {
			t.Fatal(err)
		}
	}
	names, err := c.Topics(t.Context())
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if n, err := c.Partitions(t.Context(), "a"); n != 3 || err != nil {
		t.Errorf("%d partitions, %v", n, err)
	}
	if err := c.EnsureTopic(t.Context(), "a", 5); err != nil {
		t.Errorf("an existing topic: %v", err)
	}
	for _, bad := range []string{"", ".", "..", "a b", "a/b", "__internal", strings.Repeat("a", 250)} {
		if err := c.EnsureTopic(t.Context(), bad, 1); pipeline.KindOf(err) != pipeline.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestFollow(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 1)
		produce(t, c, topic, 0, numbered(10))
		enough := errors.New("enough")
		next := int64(5)
		err := c.Follow(t.Context(), topic, 0, next, func(r stream.Record) error {
			if r.Offset != next {
				t.Errorf("offset %d, want %d", r.Offset, next)
			}
			switch next++; next {
			case 10:
				produce(t, c, topic, 0, numbered(5)) // what comes later is followed
			case 15:
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			t.Errorf("got %v", err)
		}
	})
}
