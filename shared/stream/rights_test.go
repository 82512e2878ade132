package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A Kafka with ACLs: the rights that docs/kubernetes.md lists are enough, and what is
// missing is said, with the right that is to be given.
func TestRights(t *testing.T) {
	s := streamtest.NewGuarded(t)
	c, err := stream.Dial(t.Context(), s.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const topic, group = "payments", "kafkaml-readers"
	lacks := func(err error, right, of string) {
		t.Helper()
		var known *pipeline.Error
		if !errors.As(err, &known) || known.Kind != pipeline.Unavailable || !strings.Contains(known.Message(), of) || !strings.Contains(known.Message(), "give this user of Kafka no "+right) ||
			!strings.Contains(known.Hint, "have "+right+" on the ") {
			t.Errorf("%v\nhint: %s, want one for %s on %s", err, hintOf(known), right, of)
		}
	}
	produceOne := func() error {
		_, err := c.Produce(t.Context(), topic, 0, numbered(1))
		return err
	}
	available := func() (pipeline.Retention, error) {
		return c.Available(t.Context(), []pipeline.Range{{Topic: topic, Length: 1}})
	}
	join := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return c.Consume(ctx, stream.GroupConfig{ID: group, Topics: []string{topic}}, func(ctx context.Context, claim *stream.Claim) error {
			records, err := claim.Fetch(ctx)
			if err == nil && len(records) != 1 {
				err = fmt.Errorf("%d records", len(records))
			}
			claim.Done(claim.Next())
			return err
		})
	}
	lacks(c.EnsureTopic(t.Context(), topic, 1), "CREATE", topic)
	s.Allow(t, kmsg.ACLResourceTypeTopic, topic, kmsg.ACLOperationCreate, kmsg.ACLOperationDescribe)
	if err := c.EnsureTopic(t.Context(), topic, 1); err != nil {
		t.Fatal(err)
	}
	lacks(produceOne(), "WRITE", topic)
	s.Allow(t, kmsg.ACLResourceTypeTopic, topic, kmsg.ACLOperationWrite)
	if err := produceOne(); err != nil {
		t.Fatal(err)
	}
	_, err = c.Compacted(t.Context(), topic)
	lacks(err, "DESCRIBE_CONFIGS", topic)
	read := func() error {
		return c.Read(t.Context(), pipeline.Range{Topic: topic, Length: 1}, func(stream.Record) error { return nil })
	}
	lacks(read(), "READ", topic)
	// Whether the stream is there cannot be said, which holds up nobody.
	if r, err := available(); err != nil || r.State != pipeline.RetentionUnset || !strings.Contains(r.Reason, "no DESCRIBE_CONFIGS on the topic") {
		t.Errorf("%+v, %v", r, err)
	}
	s.Allow(t, kmsg.ACLResourceTypeTopic, topic, kmsg.ACLOperationRead)
	if err := read(); err != nil {
		t.Error(err)
	}
	if r, err := available(); err != nil || r.State != pipeline.RetentionUnset || !strings.Contains(r.Reason, "no DESCRIBE_CONFIGS") {
		t.Errorf("%+v, %v", r, err)
	}
	if all, err := c.AboutAll(t.Context(), []string{topic}); err != nil || all[0].Offsets() != 1 || !all[0].Unseen {
		t.Errorf("%+v, %v", all, err)
	}
	if ranges, err := c.Between(t.Context(), topic, nil, time.Now().Add(-time.Hour), time.Time{}); err != nil || len(ranges) != 1 {
		t.Errorf("%+v, %v", ranges, err)
	}
	s.Allow(t, kmsg.ACLResourceTypeTopic, topic, kmsg.ACLOperationDescribeConfigs)
	if r, err := available(); err != nil || r.State != pipeline.Available {
		t.Errorf("%+v, %v", r, err)
	}
	lacks(join(), "READ", group)
	_, err = c.Committed(t.Context(), group, topic)
	lacks(err, "DESCRIBE", group)
	s.Allow(t, kmsg.ACLResourceTypeGroup, group, kmsg.ACLOperationRead)
	if err := join(); err != nil {
		t.Error(err)
	}
	_, err = c.Partitions(t.Context(), "another")
	var known *pipeline.Error
	if !errors.As(err, &known) || known.Kind != pipeline.NotFound || !strings.Contains(known.Hint, "that the user of Kafka may see") {
		t.Errorf("%v, hint %s", err, hintOf(known))
	}
}
