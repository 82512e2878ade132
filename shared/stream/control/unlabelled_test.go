package control_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// Records without labels are found as Kafka-ML's producers announce them, by offsets
// after the last record, and as our own messages do, by lengths. What cannot be used is
// said, and the stream taken all the same.
func TestReadUnlabelled(t *testing.T) {
	c := streamtest.Cluster(t)
	labelled, more := streamtest.Topic(t, c, 1), streamtest.Topic(t, c, 2)
	produce(t, c, labelled, 0, numbered(20))
	produce(t, c, more, 0, numbered(30))
	for name, test := range map[string]struct {
		topic, total string // of the stream
		unlabelled   string
		members      []string
		want         []pipeline.Range
		refused      string
	}{
		"Kafka-ML, a topic that was empty": {"%s:0:0:20", "20", "%s:0:10:30,%[1]s:1:0:0", nil, []pipeline.Range{at(more, 0, 10, 20)}, ""},
		"Kafka-ML, a topic that was not":   {"%s:0:5:20", "15", "%s:0:10:30", nil, []pipeline.Range{at(more, 0, 10, 20)}, ""},
		"lengths, as the stream's":         {"%s:0:5:15", "15", "%s:0:10:15", nil, []pipeline.Range{at(more, 0, 10, 15)}, ""},
		"lengths, as they sum up":          {"%s:0:0:20", "20", "%s:0:10:15", []string{"unsupervised_msg=15"}, []pipeline.Range{at(more, 0, 10, 15)}, ""},
		"to the end":                       {"%s:0:0:20", "20", "%s:0:4", nil, []pipeline.Range{at(more, 0, 4, 26)}, ""},
		"a topic":                          {"%s:0:0:20", "20", "%s", nil, []pipeline.Range{at(more, 0, 0, 30)}, ""},
		"empty":                            {"%s:0:0:20", "20", "%s:1:0", nil, nil, "hold no record"},
		"beyond the end":                   {"%s:0:0:20", "20", "%s:0:25:40", nil, nil, "the log ends before"},
		"no offset":                        {"%s:0:0:20", "20", "%s:0:x:40", nil, nil, "names no offset"},
		"a topic that there is not":        {"%s:0:0:20", "20", "%s-none", nil, nil, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			members := append([]string{
				fmt.Sprintf("topic=%q", fmt.Sprintf(test.topic, labelled)), "total_msg=" + test.total,
				fmt.Sprintf("unsupervised_topic=%q", fmt.Sprintf(test.unlabelled, more)),
			}, test.members...)
			d, err := control.Read(t.Context(), c, []byte{1}, []byte(message(members...)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, d.Unlabelled()); diff != "" {
				t.Error(diff)
			}
			why := d.Unsupervised.Rejected
			if (why != nil) != (test.refused != "") || why != nil && (why.Field != "unsupervised_topic" || !strings.Contains(why.Reason, test.refused)) {
				t.Fatalf("rejected: %+v", why)
			}
			_, value, err := control.MessageFor(d, 2).Encode()
			if err != nil {
				t.Fatal(err)
			}
			again, err := control.Read(t.Context(), c, nil, value, nil)
			if diff := cmp.Diff(test.want, again.Unlabelled()); diff != "" || err != nil {
				t.Errorf("sent again: %v\n%s", err, diff)
			}
		})
	}
}
