//go:build ignore

// Topic makes topics of two partitions whose records are kept for ever:
//
//	go run topic.go BROKER NAME...
package main

import (
	"context"
	"errors"
	"log"
	"os"

	"github.com/segmentio/kafka-go"
)

func main() {
	var topics []kafka.TopicConfig
	for _, name := range os.Args[2:] {
		topics = append(topics, kafka.TopicConfig{
			Topic: name, NumPartitions: 2, ReplicationFactor: 1,
			ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "-1"}},
		})
	}
	client := kafka.Client{Addr: kafka.TCP(os.Args[1])}
	answer, err := client.CreateTopics(context.Background(), &kafka.CreateTopicsRequest{Topics: topics})
	if err == nil {
		for _, refused := range answer.Errors {
			err = errors.Join(err, refused)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
}
