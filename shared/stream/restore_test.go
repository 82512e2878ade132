package stream_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// claimed has a group of a topic of one partition work on it until work returns.
func claimed(t *testing.T, c *stream.Cluster, topic string, work func(context.Context, *stream.Claim) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	err := c.Consume(ctx, stream.GroupConfig{ID: topic, Topics: []string{topic}}, work)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// replayed is what a claim gives again from an offset on: offsets, and in
// brackets those that are lost.
func replayed(ctx context.Context, claim *stream.Claim, from int64) (all string, err error) {
	err = claim.Replay(ctx, from, func(from, to int64) { all += fmt.Sprintf("[%d %d) ", from, to) }, func(records []stream.Record) error {
		for _, r := range records {
			all += fmt.Sprint(r.Offset, " ")
		}
		return nil
	})
	return all, err
}

// What a member commits with an offset is what the next one reads again: the
// committed records from there on, without those that have gone meanwhile.
func TestReplay(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic, base := streamtest.Topic(t, c, 1), time.Now().Add(-time.Hour).Truncate(time.Minute)
		x := streamtest.NewTransactions(t, c)
		minutes(t, c, topic, 0, base, 0, 1, 2, 3)
		x.Send(topic, 0, never(3), false) // 4 to 6, marker 7
		minutes(t, c, topic, 0, base, 8, 9, 10, 11)
		anything := stream.Origin{From: 1, By: "a-reader"}
		expect := func(name string, origin stream.Origin, from int64, want string, then func(*stream.Claim)) {
			t.Helper()
			claimed(t, c, topic, func(ctx context.Context, claim *stream.Claim) error {
				if claim.Origin() != origin {
					t.Errorf("%s: the origin is %+v, want %+v", name, claim.Origin(), origin)
				}
				got, err := replayed(ctx, claim, from)
				if err == nil && got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
				if then != nil {
					then(claim)
				}
				return err
			})
		}
		expect("nothing is committed", stream.Origin{}, 0, "", func(claim *stream.Claim) {
			for claim.Next() < 12 {
				if _, err := claim.Fetch(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			claim.DoneFrom(12, anything)
		})
		if committed, err := c.Committed(t.Context(), topic, topic); err != nil || committed[0] != 12 {
			t.Errorf("committed %v %v", committed, err)
		}
		within := func(claim *stream.Claim, want map[time.Duration]int64) {
			for span, at := range want {
				if got, err := claim.Within(t.Context(), span); err != nil || got != at {
					t.Errorf("within %s: from %d on, want %d, %v", span, got, at, err)
				}
			}
		}
		expect("from the origin on", anything, 1, "1 2 3 8 9 10 11 ", nil)
		expect("from within what was aborted", anything, 5, "8 9 10 11 ", nil)
		minutes(t, c, topic, 0, base, 12, 13)
		discard(t, c, topic, 0, 9)
		expect("some have expired", anything, 1, "[1 9) 9 10 11 ", func(claim *stream.Claim) {
			within(claim, map[time.Duration]int64{0: 12, 90 * time.Second: 11, time.Hour: 9})
			if claim.Start() != 12 {
				t.Errorf("it began at %d", claim.Start())
			}
		})
		discard(t, c, topic, 0, 13)
		expect("all have expired", stream.Origin{}, 1, "[1 13) ", func(claim *stream.Claim) {
			if claim.Start() != 13 {
				t.Errorf("it began at %d", claim.Start())
			}
			claim.Done(14)
		})
		expect("no origin is committed", stream.Origin{}, 13, "13 ", func(claim *stream.Claim) {
			within(claim, map[time.Duration]int64{0: 13, time.Hour: 13}) // there is no next record
			claim.DoneFrom(14, anything)
		})
		streamtest.Anew(t, c, topic, 1)
		produce(t, c, topic, 0, numbered(20))
		expect("of a topic made anew", stream.Origin{}, 0, "", nil)
	})
}

// A member that retention overtakes while it fetches is told where it went on.
func TestStartMovesWithRetention(t *testing.T) {
	c := streamtest.Kafka(t)
	const n, left = 160, 150
	topic := streamtest.Topic(t, c, 1)
	large := make([]stream.Record, 20)
	for i := range large {
		large[i].Value = make([]byte, 256<<10) // more in all than is fetched ahead
	}
	for range n / len(large) {
		produce(t, c, topic, 0, large)
	}
	claimed(t, c, topic, func(ctx context.Context, claim *stream.Claim) error {
		next := int64(0)
		for next < n {
			records, err := claim.Fetch(ctx)
			if err != nil {
				return err
			}
			if next == 0 {
				discard(t, c, topic, 0, left)
			}
			if at := records[0].Offset; at != next && (at != left || claim.Start() != left) {
				t.Errorf("record %d after %d; it says %d", at, next, claim.Start())
			}
			next = claim.Next()
		}
		if claim.Start() != left {
			t.Errorf("it went on at %d", claim.Start())
		}
		return nil
	})
}

// Offsets keep what they were committed with: also what earlier versions and
// other programs wrote is read as what it says.
func TestMetadata(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "{0 }",
		"topic-id:AbC_-1":                 "AbC_-1 {0 }",
		"topic-id:AbC_-1 origin:12:f00":   "AbC_-1 {12 f00}",
		"origin:0:f00":                    "{0 f00}",
		"origin:-1:f00 topic-id:x":        "x {0 }",
		"origin:many topic-id:x":          "x {0 }",
		"a consumer of somebody's, at 12": "{0 }",
	} {
		id, origin := stream.ReadMetadata(text)
		got := fmt.Sprint(origin)
		if id != "" {
			got = id + " " + got
		}
		if got != want {
			t.Errorf("%q is read as %s, want %s", text, got, want)
		}
		if written := stream.Metadata(id, origin); slices.Contains([]string{"", "topic-id:AbC_-1", "topic-id:AbC_-1 origin:12:f00"}, text) && written != text {
			t.Errorf("%q is written as %q", text, written)
		}
	}
}
