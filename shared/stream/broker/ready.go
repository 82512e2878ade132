package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
)

// probeTopic is written to once at each start: Kafka says nowhere that it is
// ready. Its first group join makes the group coordinator's topic, which on a
// fresh broker takes seconds that would otherwise fall on the first consumer.
const probeTopic = "__kafkaml_ready"

// ready waits until b takes a record and its group coordinator answers.
func ready(ctx context.Context, b *Broker) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	transport := &kafka.Transport{MetadataTTL: 100 * time.Millisecond}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(b.Addr), Timeout: 10 * time.Second, Transport: transport}
	for _, probe := range []func(context.Context, *kafka.Client) error{probeConnect, probeProduce, probeGroup} {
		if err := poll(ctx, b, client, probe); err != nil {
			return err
		}
	}
	return nil
}

// poll repeats a probe until it succeeds, the broker ends or ctx does.
func poll(ctx context.Context, b *Broker, client *kafka.Client, probe func(context.Context, *kafka.Client) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx, client)
		if err == nil {
			return nil
		}
		select {
		case <-b.done:
			return b.err
		case <-ctx.Done():
			return fmt.Errorf("not ready in time: %w", err)
		case <-tick.C:
		}
	}
}

// probeConnect spares the client its own, longer, waits between attempts.
func probeConnect(ctx context.Context, client *kafka.Client) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", client.Addr.String())
	if err != nil {
		return err
	}
	return conn.Close()
}

func probeProduce(ctx context.Context, client *kafka.Client) error {
	created, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: probeTopic, NumPartitions: 1, ReplicationFactor: 1,
	}}})
	if err != nil {
		return err
	}
	if err := created.Errors[probeTopic]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return err
	}
	answer, err := client.Produce(ctx, &kafka.ProduceRequest{
		Topic: probeTopic, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("ready"))}),
	})
	if err != nil {
		return err
	}
	return answer.Error
}

func probeGroup(ctx context.Context, client *kafka.Client) error {
	coordinator, err := client.FindCoordinator(ctx, &kafka.FindCoordinatorRequest{Key: probeTopic, KeyType: kafka.CoordinatorKeyTypeConsumer})
	if err != nil {
		return err
	}
	if coordinator.Error != nil {
		return coordinator.Error
	}
	offsets, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: probeTopic, Topics: map[string][]int{probeTopic: {0}}})
	if err != nil {
		return err
	}
	return offsets.Error
}
