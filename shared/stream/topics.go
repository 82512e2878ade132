package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// EnsureTopic makes a topic where there is none, with the cluster's default
// replication, and waits until it can be written to. An existing topic is left
// as it is, whatever its partitions.
func (c *Cluster) EnsureTopic(ctx context.Context, topic string, partitions int) error {
	return c.CreateTopic(ctx, topic, partitions, nil)
}

const opCreate = "create topic"

// CreateTopic is EnsureTopic with topic configuration ("retention.ms": ...) for
// a topic that it makes.
func (c *Cluster) CreateTopic(ctx context.Context, topic string, partitions int, config map[string]string) error {
	if err := pipeline.ValidateTopic("topic", topic); err != nil {
		return err
	}
	if n, err := c.Partitions(ctx, topic); err == nil && n > 0 {
		return nil
	}
	request := kafka.TopicConfig{Topic: topic, NumPartitions: max(1, partitions), ReplicationFactor: -1}
	for name, value := range config {
		request.ConfigEntries = append(request.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	answer, err := c.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{request}})
	if err != nil {
		return unavailable(opCreate, err)
	}
	if err := answer.Errors[topic]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		if refusal := denied(opCreate, fmt.Errorf("%s: %w", topic, err)); refusal != nil {
			refusal.Field = "topic"
			return refusal
		}
		return &pipeline.Error{Op: opCreate, Kind: pipeline.Unavailable, Field: "topic", Err: fmt.Errorf("%s: %w", topic, err)}
	}
	return c.await(ctx, topic, func(n int) bool { return n > 0 })
}

// GrowTopic gives a topic more partitions, up to so many in all, and waits
// until they can be written to.
func (c *Cluster) GrowTopic(ctx context.Context, topic string, partitions int) error {
	const op = "grow topic"
	answer, err := c.client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: int32(partitions)}}, // #nosec G115 -- Kafka's partitions are int32
	})
	if err != nil {
		return unavailable(op, err)
	}
	if err := answer.Errors[topic]; err != nil {
		return &pipeline.Error{Op: op, Kind: pipeline.Invalid, Field: "partitions", Err: fmt.Errorf("%s: %w", topic, err)}
	}
	return c.await(ctx, topic, func(n int) bool { return n >= partitions })
}

// await waits until the number of partitions with a leader satisfies enough.
func (c *Cluster) await(ctx context.Context, topic string, enough func(partitions int) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := c.Partitions(ctx, topic)
		if err == nil && enough(n) {
			return nil
		}
		select {
		case <-ctx.Done():
			return unavailable("await topic "+topic, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// Partitions is how many partitions a topic has; NotFound where there is no
// such topic.
func (c *Cluster) Partitions(ctx context.Context, topic string) (int, error) {
	known, err := c.partitions(ctx, topic)
	return len(known), err
}

// partitions asks the library, which knows the topics as of up to two seconds
// ago. Before a topic is said not to exist, the broker itself is asked: it may
// have been made a moment ago, by a producer that sends to it already.
func (c *Cluster) partitions(ctx context.Context, topic string) ([]kafka.Partition, error) {
	known, err := c.knownPartitions(ctx, topic)
	if pipeline.KindOf(err) != pipeline.NotFound {
		return known, err
	}
	if err := c.refresh(ctx); err != nil {
		return nil, err
	}
	return c.knownPartitions(ctx, topic)
}

// metadataTries is how often the library is asked again that gave up: it waits
// five seconds for a connection, which a machine that is very busy may take.
const metadataTries = 3

func (c *Cluster) knownPartitions(ctx context.Context, topic string) ([]kafka.Partition, error) {
	const op = "look up topic"
	ask := &kafka.MetadataRequest{Topics: []string{topic}}
	answer, err := c.client.Metadata(ctx, ask)
	for n := 0; n < metadataTries && errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil; n++ {
		answer, err = c.client.Metadata(ctx, ask)
	}
	if err != nil {
		return nil, unavailable(op, err)
	}
	for _, t := range answer.Topics {
		if t.Name != topic {
			continue
		}
		if errors.Is(t.Error, kafka.UnknownTopicOrPartition) {
			return nil, noTopic(op, topic)
		}
		if t.Error != nil {
			return nil, unavailable(op, t.Error)
		}
		for _, p := range t.Partitions {
			if p.Error != nil {
				return nil, unavailable(op, fmt.Errorf("%s, partition %d: %w", topic, p.ID, p.Error))
			}
		}
		return t.Partitions, nil
	}
	return nil, noTopic(op, topic)
}
