package stream_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// minutes produces a record at each of some minutes after base.
func minutes(t *testing.T, c *stream.Cluster, topic string, partition int, base time.Time, after ...int) {
	t.Helper()
	for _, m := range after {
		produce(t, c, topic, partition, []stream.Record{{Value: []byte{byte(m)}, Time: base.Add(time.Duration(m) * time.Minute)}})
	}
}

func TestBetween(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic, empty, base := streamtest.Topic(t, c, 4), streamtest.Topic(t, c, 2), time.Now().Add(-5*time.Hour).Truncate(time.Minute)
		minutes(t, c, topic, 0, base, 0, 10, 20, 30)
		minutes(t, c, topic, 1, base, 5, 15, 40, 25, 50) // its clock runs back once
		minutes(t, c, topic, 3, base, 60)
		x := streamtest.NewTransactions(t, c)
		x.Begin(topic, 0, []stream.Record{{Value: []byte{1}}})
		minute := func(m int) time.Time { return base.Add(time.Duration(m) * time.Minute) }
		var no time.Time
		for name, test := range map[string]struct {
			topic        string
			some         []int
			since, until time.Time
			want         []pipeline.Range
			refused      string
		}{
			"all":                 {topic, nil, no, no, []pipeline.Range{at(topic, 0, 0, 4), at(topic, 1, 0, 5), at(topic, 3, 0, 1)}, ""},
			"from a record on":    {topic, nil, minute(10), no, []pipeline.Range{at(topic, 0, 1, 3), at(topic, 1, 1, 4), at(topic, 3, 0, 1)}, ""},
			"from after a record": {topic, nil, minute(10).Add(time.Millisecond), no, []pipeline.Range{at(topic, 0, 2, 2), at(topic, 1, 1, 4), at(topic, 3, 0, 1)}, ""},
			"before a record":     {topic, nil, no, minute(20), []pipeline.Range{at(topic, 0, 0, 2), at(topic, 1, 0, 2)}, ""},
			"between":             {topic, nil, minute(10), minute(31), []pipeline.Range{at(topic, 0, 1, 3), at(topic, 1, 1, 1)}, ""},
			"one partition":       {topic, []int{1}, minute(45), no, []pipeline.Range{at(topic, 1, 4, 1)}, ""},
			"before all":          {topic, nil, no, minute(-1), nil, "holds no record until"},
			"after all":           {topic, nil, minute(61), no, nil, "its 10 records are from " + minute(0).UTC().Format(time.RFC3339)},
			"no such partition":   {topic, []int{4}, no, no, nil, "has no partition 4"},
			"an empty topic":      {empty, nil, no, no, nil, "holds no record"},
			"no topic":            {"none-" + topic, nil, minute(0), no, nil, "does not exist"},
		} {
			t.Run(name, func(t *testing.T) {
				got, err := c.Between(t.Context(), test.topic, test.some, test.since, test.until)
				if test.refused == "" {
					if err != nil || !cmp.Equal(got, test.want) {
						t.Errorf("%v, %v", got, err)
					}
				} else if err == nil || pipeline.KindOf(err) == pipeline.Unavailable || !strings.Contains(err.Error(), test.refused) {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
		_, err := c.Between(t.Context(), topic, []int{2}, no, no)
		if err == nil || !strings.Contains(err.Error(), "holds no record") {
			t.Errorf("an empty partition: %v", err)
		}
	})
}

// A time from which on records are gone is refused, with the one from which on
// they are kept; retention by age took nothing that is younger.
func TestBetweenIsKept(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		base := time.Now().Add(-5 * time.Hour).Truncate(time.Minute)
		for name, test := range map[string]struct {
			config  map[string]string
			since   time.Duration // after base
			refused bool
		}{
			"by size, before what is kept":  {map[string]string{"retention.bytes": "1000000"}, 0, true},
			"by size, within it":            {map[string]string{"retention.bytes": "1000000"}, 20 * time.Minute, false},
			"by age, younger than it":       {map[string]string{"retention.ms": "21600000"}, 0, false},
			"for ever, before what is kept": {map[string]string{"retention.ms": "-1"}, 10 * time.Minute, true},
		} {
			t.Run(name, func(t *testing.T) {
				topic := topicWith(t, c, test.config)
				minutes(t, c, topic, 0, base, 0, 10, 20, 30)
				discard(t, c, topic, 0, 2)
				got, err := c.Between(t.Context(), topic, nil, base.Add(test.since), time.Time{})
				kept := base.Add(20 * time.Minute).UTC().Format(time.RFC3339)
				if test.refused && (err == nil || !strings.Contains(err.Error(), "each partition is kept from "+kept+" on")) {
					t.Errorf("%v, %v", got, err)
				}
				if !test.refused && (err != nil || !cmp.Equal(got, []pipeline.Range{at(topic, 0, 2, 2)})) {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
	})
}
