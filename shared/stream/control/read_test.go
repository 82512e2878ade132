package control_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A stream of transactions is announced by the number of its offsets, or of its
// records.
func TestReadTransactions(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 3)
		x := streamtest.NewTransactions(t, c)
		for range 4 {
			x.Send(topic, 0, numbered(6), true) // 6 and a marker
		}
		x.Send(topic, 0, numbered(3), false) // 28 to 30, marker 31
		produce(t, c, topic, 1, numbered(5))
		x.Begin(topic, 2, numbered(2)) // 0, 1
		for name, test := range map[string]struct {
			ranges, total string
			want          []pipeline.Range
			refused       string
		}{
			"its offsets":             {"%[1]s:0:0:28", "28", []pipeline.Range{at(topic, 0, 0, 28)}, ""},
			"its records":             {"%[1]s:0:0:28", "24", []pipeline.Range{at(topic, 0, 0, 28)}, ""},
			"records up to an end":    {"%[1]s:0:7:28", "18", []pipeline.Range{at(topic, 0, 7, 21)}, ""},
			"with what was aborted":   {"%[1]s:0:0:32,%[1]s:1:0:5", "29", []pipeline.Range{at(topic, 0, 0, 32), at(topic, 1, 0, 5)}, ""},
			"to the end":              {"%[1]s:0:14,%[1]s:1:1", "16", []pipeline.Range{at(topic, 0, 14, 18), at(topic, 1, 1, 4)}, ""},
			"to the end, uncounted":   {"%[1]s:0:28,%[1]s:1:0", "null", []pipeline.Range{at(topic, 0, 28, 4), at(topic, 1, 0, 5)}, ""},
			"more than is committed":  {"%[1]s:0:0:28", "25", nil, "25 records are announced, but of those in the ranges 24 are committed"},
			"fewer than is committed": {"%[1]s:0:0:28", "23", nil, "the ranges hold 28"},
			"nothing but aborted":     {"%[1]s:0:28:3", "3", nil, "none of them is committed"},
			"an open transaction":     {"%[1]s:0:0:28,%[1]s:2:0:2", "30", nil, "partition 2, records 0 to 1: a transaction is open from offset 0 on"},
			"open, to the end":        {"%[1]s:2:0,%[1]s:1:0", "null", []pipeline.Range{at(topic, 1, 0, 5)}, ""},
		} {
			t.Run(name, func(t *testing.T) {
				d, err := announced(t, c, fmt.Sprintf(test.ranges, topic), test.total, test.want, test.refused)
				if err == nil && test.total != "null" && fmt.Sprint(d.TotalMsg) != test.total {
					t.Errorf("%+v", d)
				}
			})
		}
	})
}

// announced reads a control message of ranges and their number of records, and
// wants the ranges that are stored, or an error that mentions why it is refused.
func announced(t *testing.T, c *stream.Cluster, ranges, total string, want []pipeline.Range, refused string) (pipeline.Datasource, error) {
	t.Helper()
	d, err := control.Read(t.Context(), c, []byte{1}, []byte(message(fmt.Sprintf("topic=%q", ranges), "total_msg="+total)), nil)
	switch {
	case refused == "" && (err != nil || !cmp.Equal(d.Ranges, want)),
		refused != "" && (err == nil || pipeline.KindOf(err) == pipeline.Unavailable || !strings.Contains(err.Error(), refused)):
		t.Errorf("%+v, %v", d, err)
	}
	return d, err
}

// Partitions that are empty add nothing to a stream that goes to the end.
func TestReadEmptyPartitions(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 4)
	produce(t, c, topic, 1, numbered(3))
	produce(t, c, topic, 3, numbered(2))
	for name, test := range map[string]struct {
		ranges  string
		want    []pipeline.Range
		refused string
	}{
		"some":              {"%[1]s:0:0,%[1]s:1:0,%[1]s:2:0,%[1]s:3:2", []pipeline.Range{at(topic, 1, 0, 3)}, ""},
		"beside four parts": {"%[1]s:0:0,%[1]s:1:1:2", []pipeline.Range{at(topic, 1, 1, 2)}, ""},
		"all":               {"%[1]s:0:0,%[1]s:3:2", nil, "hold no record as of now"},
		"beyond the end":    {"%[1]s:1:0,%[1]s:3:4", nil, "partition 3 ends at offset 2: there is nothing from offset 4 on"},
		"no partition":      {"%[1]s:1:0,%[1]s:4:0", nil, "has no partition 4: they are 0 to 3"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := announced(t, c, fmt.Sprintf(test.ranges, topic), "null", test.want, test.refused)
			if err != nil && pipeline.KindOf(err) != pipeline.Invalid {
				t.Error(err)
			}
		})
	}
}

// A value that is no object is told by its looks, at the deployment that its key
// names.
func TestParseWhatIsNoObject(t *testing.T) {
	utf16 := func(mark string, s string) (b []byte) {
		b = []byte(mark)
		for _, c := range s {
			b = append(b, byte(c), 0)
		}
		return b
	}
	for name, test := range map[string]struct {
		value   []byte
		mention string
	}{
		"nothing":       {nil, "no value (a tombstone)"},
		"empty":         {[]byte(" "), "it is empty"},
		"null":          {[]byte("null"), "it is null"},
		"a list":        {[]byte(`["t:0:0:10"]`), `it is ["t:0:0:10"]`},
		"single quotes": {[]byte(`{'topic': 't:0:0:1'}`), "single quotes"},
		"cut":           {[]byte(message()[:30]), "ends too early, after 30 bytes"},
		"NaN":           {[]byte(`{"topic":"t:0:0:1","seed":NaN}`), "at byte 26 there is NaN, which JSON does not have"},
		"UTF-16":        {utf16("\xff\xfe", message()), "UTF-16"},
		"two":           {[]byte(message() + message()), `there is "{`},
		"bytes":         {[]byte{0, 0, 0, 0, 7, 2}, "at byte 0 there is"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := control.Parse([]byte("42"), test.value)
			if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), test.mention) || strings.Contains(err.Error(), "invalid character") {
				t.Errorf("%v", err)
			}
			if d.Deployment != 42 {
				t.Errorf("kept for deployment %d", d.Deployment)
			}
		})
	}
	if d, err := control.Parse([]byte{7}, append([]byte("\xef\xbb\xbf"), message()...)); err != nil || d.Deployment != 7 || d.Origin.Key != "07" {
		t.Errorf("after a byte order mark: %+v, %v", d, err)
	}
	if d, _ := control.Parse([]byte{7}, []byte(message("deployment_id=9"))); d.Deployment != 9 || d.Origin.Key != "" {
		t.Errorf("named by its value: %+v", d)
	}
	for _, member := range []string{"topic=5", "topic=[1]", "description={}", "shuffle=1"} {
		if _, err := control.Parse([]byte{7}, []byte(message(member))); err == nil || strings.Contains(err.Error(), "unmarshal") {
			t.Errorf("%s: %v", member, err)
		}
	}
}

// Topics that are bounded by times become ranges of offsets once, and are kept
// with what they were looked up by.
func TestReadTimes(t *testing.T) {
	c := streamtest.Cluster(t)
	one, two := streamtest.Topic(t, c, 2), streamtest.Topic(t, c, 1)
	now := time.Now()
	for partition := range 2 {
		for _, hours := range []int{50, 20, 3} {
			produce(t, c, one, partition, []stream.Record{{Value: []byte("v"), Time: now.Add(time.Duration(-hours) * time.Hour)}})
		}
	}
	produce(t, c, two, 0, numbered(4))
	var day pipeline.Datasource
	for name, test := range map[string]struct {
		topic   string
		members []string
		want    []pipeline.Range
		refused string
	}{
		"one day":             {one, []string{`since="1d"`}, []pipeline.Range{at(one, 0, 1, 2), at(one, 1, 1, 2)}, ""},
		"a time until a time": {one, []string{fmt.Sprintf("since=%d", now.Add(-60*time.Hour).UnixMilli()), fmt.Sprintf("until=%q", now.Add(-10*time.Hour).Format(time.RFC3339))}, []pipeline.Range{at(one, 0, 0, 2), at(one, 1, 0, 2)}, ""},
		"one partition":       {"[" + one + ":1]", []string{`since="last 4 hours"`}, []pipeline.Range{at(one, 1, 2, 1)}, ""},
		"several topics":      {one + "," + two, []string{`since="4h"`, "total_msg=6"}, []pipeline.Range{at(one, 0, 2, 1), at(one, 1, 2, 1), at(two, 0, 0, 4)}, ""},
		"all":                 {two, []string{`since="earliest"`}, []pipeline.Range{at(two, 0, 0, 4)}, ""},
		"of an online sink":   {two, []string{"incremental=true"}, nil, "online sinks"},
		"of an older one":     {two, nil, nil, "online sinks"},
		"with offsets":        {one + ":0:0", []string{`since="1d"`}, nil, "names its own offsets"},
		"twice":               {one + "," + one + ":1", []string{`since="1d"`}, nil, "named twice"},
		"the wrong way":       {one, []string{`since="1d"`, `until="2d"`}, nil, "is not before until"},
		"in the future":       {one, []string{`until="2099-01-01"`}, nil, "lies in the future"},
		"in seconds":          {one, []string{fmt.Sprintf("since=%d", now.Unix())}, nil, "not a time in milliseconds"},
		"no time":             {one, []string{`since="yesterday"`}, nil, "not a time"},
		"no text":             {one, []string{`since={}`}, nil, "is not a time"},
		"nothing in it":       {one, []string{`since="1h"`}, nil, "holds no record"},
		"one of two empty":    {two + "," + one, []string{`since="1h"`}, nil, "topic " + one + " holds no record"},
		"another number":      {one, []string{`since="1d"`, "total_msg=9"}, nil, "the ranges hold 4"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := control.Read(t.Context(), c, []byte{1}, []byte(message(append(test.members, fmt.Sprintf("topic=%q", test.topic))...)), nil)
			if test.refused != "" {
				if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), test.refused) || len(d.Ranges) > 0 && d.Ranges[0].Partition < 0 {
					t.Errorf("%+v, %v", d, err)
				}
				return
			}
			if err != nil || !cmp.Equal(d.Ranges, test.want) || d.Asked == nil || d.Asked.Topic == "" {
				t.Fatalf("%+v, %v", d, err)
			}
			if name == "one day" {
				day = d
			}
		})
	}
	produce(t, c, one, 0, numbered(1)) // what comes later is not in it
	key, value, err := control.MessageFor(day, 2).Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := control.Read(t.Context(), c, key, value, nil)
	if err != nil || !cmp.Equal(again.Ranges, day.Ranges) || !cmp.Equal(again.Asked, day.Asked) || !again.SameStream(day) {
		t.Errorf("sent again: %+v, %v", again, err)
	}
}
