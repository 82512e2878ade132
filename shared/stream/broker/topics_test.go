package broker_test

import (
	"errors"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Producers make their topic by writing to it: those that ask the broker for
// that, and those of Kafka before 0.11, which could not ask it for anything else.
func TestTopicsAreMadeByWriting(t *testing.T) {
	old := kversion.Stable()
	old.SetMaxKeyVersion(int16(kmsg.Metadata), 1)
	producers := map[string]func(t *testing.T, addr, topic string) error{
		"kafka-go": writeByKafkaGo,
		"franz-go": func(t *testing.T, addr, topic string) error { return writeByFranz(t, addr, topic) },
		"old": func(t *testing.T, addr, topic string) error {
			return writeByFranz(t, addr, topic, kgo.MaxVersions(old))
		},
	}
	for name, start := range brokers(t) {
		t.Run(name, func(t *testing.T) {
			b, err := start(t.Context(), t.TempDir(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			c, err := stream.Dial(t.Context(), stream.Config{Brokers: []string{b.Addr}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for producer, write := range producers {
				if n, err := c.Partitions(t.Context(), producer); pipeline.KindOf(err) != pipeline.NotFound {
					t.Fatalf("%s: %d partitions before the first record, %v", producer, n, err)
				}
				if err := write(t, b.Addr, producer); err != nil {
					t.Fatalf("%s: %v", producer, err)
				}
				if _, next, err := c.Offsets(t.Context(), producer); err != nil || len(next) != 1 || next[0] != 1 {
					t.Errorf("%s: the topic ends at %v, %v", producer, next, err)
				}
				if err := write(t, b.Addr, badName); err == nil {
					t.Errorf("%s: a topic of a bad name was made", producer)
				}
			}
			if n, err := c.Partitions(t.Context(), "asked-for"); pipeline.KindOf(err) != pipeline.NotFound {
				t.Errorf("a topic that was only asked for: %d partitions, %v", n, err)
			}
		})
	}
}

// badName is no name for a topic.
const badName = "no/name"

// writeByKafkaGo tries as its documentation asks: until the broker has made the
// topic it answers that there is none.
func writeByKafkaGo(t *testing.T, addr, topic string) (err error) {
	w := &kafka.Writer{Addr: kafka.TCP(addr), Topic: topic, AllowAutoTopicCreation: true, RequiredAcks: kafka.RequireAll}
	tries := 600
	if topic == badName {
		tries = 3
	}
	for range tries {
		if err = w.WriteMessages(t.Context(), kafka.Message{Value: []byte("v")}); err == nil {
			return w.Close()
		}
		<-time.After(100 * time.Millisecond)
	}
	return errors.Join(err, w.Close())
}

func writeByFranz(t *testing.T, addr, topic string, more ...kgo.Opt) error {
	client, err := kgo.NewClient(append(more, kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(3))...)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("v")}).FirstErr()
}
