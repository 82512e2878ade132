package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// A cluster that is dialled by one broker tells of all.
func TestBrokers(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	want := slices.Sorted(slices.Values(fake.ListenAddrs()))
	c, err := stream.Dial(t.Context(), stream.Config{Brokers: want[:1]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if got, err := c.Brokers(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// What is said of a broker that is away is no name of a library's function, and has
// a way out.
func TestUnavailable(t *testing.T) {
	away := errors.New("dial tcp 127.0.0.1:9092: connect: connection refused")
	for name, test := range map[string]struct {
		cause error
		says  string
		hint  bool
	}{
		"away":            {fmt.Errorf("kafka.(*Client).CreateTopics: %w", away), away.Error(), true},
		"of a partition":  {fmt.Errorf("topic t, partition 0: kafka.(*Client).Fetch: %w", away), "topic t, partition 0: " + away.Error(), true},
		"soon back":       {kafka.LeaderNotAvailable, kafka.LeaderNotAvailable.Error(), true},
		"refused":         {kafka.InvalidTopic, kafka.InvalidTopic.Error(), false}, // by a broker that runs
		"no right":        {fmt.Errorf("t: %w", kafka.TopicAuthorizationFailed), "t: the brokers give this user of Kafka no DESCRIBE on the topic", true},
		"no right of all": {kafka.ClusterAuthorizationFailed, "the brokers give this user of Kafka no DESCRIBE on the cluster", true},
		"another login":   {fmt.Errorf("kafka.(*Client).Metadata: %w", kafka.SASLAuthenticationFailed), "the brokers do not take this user of Kafka, or what it shows (SASL)", true},
		"none left":       {kafka.BrokerNotAvailable, "no broker can be used now: none answers, or none takes this user of Kafka", true},
		"nobody asks now": {context.Canceled, context.Canceled.Error(), false},
	} {
		err := stream.Unavailable("look up topics", test.cause)
		var e *pipeline.Error
		if !errors.As(err, &e) || e.Error() != "look up topics: "+test.says || !errors.Is(err, test.cause) || (e.Hint != "") != test.hint {
			t.Errorf("%s: %v; %+v", name, err, e)
		}
	}
}
