package streamtest

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Anew deletes a topic and makes it again.
func Anew(t testing.TB, c *stream.Cluster, topic string, partitions int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Config().Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).DeleteTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	for { // the broker answers before it is gone
		_, err := c.Partitions(t.Context(), topic)
		if pipeline.KindOf(err) == pipeline.NotFound && err != nil {
			break
		}
	}
	if err := c.EnsureTopic(t.Context(), topic, partitions); err != nil {
		t.Fatal(err)
	}
}
