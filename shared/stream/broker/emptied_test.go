package broker_test

import (
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
)

// TestEmptiedPartitionGoesOn lets every record of a partition expire and starts
// the development broker twice more: no offset is given again.
func TestEmptiedPartitionGoesOn(t *testing.T) {
	dir := t.TempDir()
	add := func(c *stream.Cluster) int64 {
		t.Helper()
		base, err := c.Produce(t.Context(), "emptied", 0, []stream.Record{{Value: []byte("v"), Time: time.Now()}})
		if err != nil {
			t.Fatal(err)
		}
		return base
	}
	for start := range 3 {
		b, err := broker.Development(t.Context(), dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		c, err := stream.Dial(t.Context(), stream.Config{Brokers: []string{b.Addr}})
		if err != nil {
			t.Fatal(err)
		}
		switch start {
		case 0:
			fleeting(t, b, "emptied")
			add(c)
			untilEmpty(t, c, "emptied")
		case 2: // the second start had nothing to write
			if base := add(c); base != 1 {
				t.Errorf("the record after the first is at offset %d", base)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// fleeting makes a topic whose records expire at once.
func fleeting(t *testing.T, b *broker.Broker, topic string) {
	t.Helper()
	client := kafka.Client{Addr: kafka.TCP(b.Addr)}
	answer, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: topic, NumPartitions: 1, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "1"}},
	}}})
	if err == nil {
		err = answer.Errors[topic]
	}
	if err != nil {
		t.Fatal(err)
	}
}

// untilEmpty waits until the broker has looked for expired records.
func untilEmpty(t *testing.T, c *stream.Cluster, topic string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(2 * time.Minute); ; {
		first, next, err := c.Offsets(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		if next[0] > 0 && first[0] == next[0] {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("records %d to %d are still there", first[0], next[0])
		}
	}
}
