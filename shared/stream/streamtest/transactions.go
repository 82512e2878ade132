package streamtest

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// Transactions is a transactional producer, as Flink, Kafka Streams or an
// exactly-once connector is one. The library that we read and write with has
// none.
type Transactions struct {
	t         testing.TB
	cluster   *stream.Cluster
	client    *kgo.Client
	topic     string // that the transaction writes to
	partition int
}

// NewTransactions is a producer of transactions, which ends with the test.
func NewTransactions(t testing.TB, c *stream.Cluster) *Transactions {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Config().Brokers...), kgo.TransactionalID(Name(t)), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &Transactions{t: t, cluster: c, client: client}
}

// Begin starts a transaction and writes records to its one partition.
func (x *Transactions) Begin(topic string, partition int, records []stream.Record) {
	x.t.Helper()
	if err := x.client.BeginTransaction(); err != nil {
		x.t.Fatal(err)
	}
	x.topic, x.partition = topic, partition
	x.Write(records)
}

// Write adds records to the transaction that is open.
func (x *Transactions) Write(records []stream.Record) {
	x.t.Helper()
	var all []*kgo.Record
	for _, r := range records {
		one := &kgo.Record{Topic: x.topic, Partition: int32(x.partition), Key: r.Key, Value: r.Value, Timestamp: r.Time} // #nosec G115 -- of a test
		for _, h := range r.Headers {
			one.Headers = append(one.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		all = append(all, one)
	}
	if err := x.client.ProduceSync(context.Background(), all...).FirstErr(); err != nil {
		x.t.Fatal(err)
	}
}

// End commits the transaction, or aborts it, and waits for the marker: Kafka
// writes it after it has answered.
func (x *Transactions) End(commit bool) {
	x.t.Helper()
	before := x.end()
	if err := x.client.EndTransaction(context.Background(), kgo.TransactionEndTry(commit)); err != nil {
		x.t.Fatal(err)
	}
	for x.end() == before {
	}
}

// end is the offset that the next record of the partition will get.
func (x *Transactions) end() int64 {
	x.t.Helper()
	_, next, err := x.cluster.Offsets(context.Background(), x.topic)
	if err != nil {
		x.t.Fatal(err)
	}
	return next[x.partition]
}

// Send writes records to a partition in a transaction of their own.
func (x *Transactions) Send(topic string, partition int, records []stream.Record, commit bool) {
	x.t.Helper()
	x.Begin(topic, partition, records)
	x.End(commit)
}
