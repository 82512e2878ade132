package cases

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// whole is a record's value of one number of 8 bytes.
func whole(format string, n int64) []byte {
	switch format {
	case "JSON":
		return fmt.Appendf(nil, `{"x":%d,"y":0}`, n)
	case "AVRO":
		return binary.AppendVarint(nil, n)
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(n)) // #nosec G115 -- as it is
}

// configured makes a topic of a name with a configuration.
func (a *attempt) configured(name string, partitions int32, config map[string]*string) string {
	_, err := kadm.NewClient(a.kafka).CreateTopic(a.ctx, partitions, 1, config, name)
	a.must(err)
	a.must(a.cluster.EnsureTopic(a.ctx, name, int(partitions))) // waits until it is known
	return name
}

// transactional is a producer of transactions on a partition.
func (a *attempt) transactional() *kgo.Client {
	c, err := kgo.NewClient(kgo.SeedBrokers(a.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(fmt.Sprintf("%s-%d", a.topic, a.unique())))
	a.must(err)
	a.later(c.Close)
	return c
}

// begin opens a transaction with records on partition 0.
func (a *attempt) begin(c *kgo.Client, topic string, records []record) {
	a.must(c.BeginTransaction())
	var all []*kgo.Record
	for _, r := range records {
		all = append(all, &kgo.Record{Topic: topic, Key: r.key, Value: r.value})
	}
	a.must(c.ProduceSync(a.ctx, all...).FirstErr())
}

// finish ends a transaction and waits for its marker, which Kafka writes after
// it has answered.
func (a *attempt) finish(c *kgo.Client, topic string, commit kgo.TransactionEndTry) {
	before := a.next(topic)
	a.must(c.EndTransaction(a.ctx, commit))
	a.must(a.within(waitTime, func() (string, bool, error) { return "no marker", a.next(topic) > before, nil }))
}

// next is the offset that the next record of partition 0 gets.
func (a *attempt) next(topic string) int64 {
	_, next, err := a.cluster.Offsets(a.ctx, topic)
	a.must(err)
	return next[0]
}

// topicRows are topics as they are in real clusters.
func topicRows() []row {
	return slicesOf([]row{
		{id: "B28", right: "refused, with the first offset that is gone", want: []string{"failed|rejected", "offset 0", "compact"}, try: compacted},
		{id: "B24", right: "100 train", want: []string{"finished", "100 records"}, try: compressed},
		{id: "B31", right: "trains, predicts by both", want: []string{"finished", "5 records", "3 predictions, 0 dead letters: {", "AND 3 predictions, 0 dead"}, try: largeRecords},
		{id: "B32 four-part", right: "80 train", want: []string{"finished", "80 records"}, try: manyPartitions(true)},
		{id: "B32 three-part", right: "80 train", want: []string{"finished", "80 records"}, try: manyPartitions(false)},
		{id: "B33 dead letter", right: "told at the deployment", want: []string{"refused", "dead_letter_topic"}, try: longDeadLetter},
		{id: "B34 LogAppendTime", right: "20 train", want: []string{"finished", "20 records"}, try: func(a *attempt) string {
			kind := "LogAppendTime"
			topic := a.configured(a.topic, 1, map[string]*string{"message.timestamp.type": &kind})
			a.produce(topic, 0, somePoints(0, 20))
			return a.trains(pointMessage(topic+":0:0:20", 20))
		}},
		{id: "B34 nothing left", right: "all are gone, the log is empty", want: []string{"409|refused|conflict", "8"}, try: nothingLeft},
		{id: "B35", right: "409, with range and offset", want: []string{"resend refused", "message", "offset 10|before 10", "retry refused"}, try: deletedFirst},
		{id: "B36 MSK", right: "the port wants no SASL", want: []string{"takes no SASL", "!code 0"}, try: secured("KAFKA_SASL_MECHANISM=AWS_MSK_IAM", "AWS_ACCESS_KEY_ID=u", "AWS_SECRET_ACCESS_KEY=p")},
		{id: "B36 Kerberos", right: "refused at once, with the list", want: []string{"code", "SCRAM", "!code 0"}, try: secured("KAFKA_SASL_MECHANISM=GSSAPI", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p")},
		{id: "B36 OAUTHBEARER", right: "refused at once, with the variables of tokens", want: []string{"KAFKA_SASL_TOKEN_URL", "KAFKA_SASL_TOKEN_FILE", "!code 0"}, try: secured("KAFKA_SASL_MECHANISM=OAUTHBEARER", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p")},
		{id: "B37 TLS to plain", right: "the port speaks without TLS", want: []string{"TLS", "without TLS|KAFKA_TLS", "!: EOF"}, try: secured("KAFKA_TLS=true")},
		{id: "B37 SASL to plain", right: "the port wants no SASL", want: []string{"SASL", "KAFKA_SASL", "!Illegal SASL State"}, try: secured("KAFKA_SASL_MECHANISM=PLAIN", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p")},
	}, namedTopicRows(), transactionRows())
}

func compressed(a *attempt) string {
	topic := a.makeTopic(1)
	for i, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		c, err := kgo.NewClient(kgo.SeedBrokers(a.brokers...), kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		a.must(err)
		for _, r := range somePoints(20*i, 20) {
			a.must(c.ProduceSync(a.ctx, &kgo.Record{Topic: topic, Key: r.key, Value: r.value}).FirstErr())
		}
		c.Close()
	}
	return a.trains(pointMessage(topic+":0:0:100", 100))
}

func largeRecords(a *attempt) string {
	const source = "import keras\nmodel = keras.Sequential([keras.Input((1000, 1000, 4)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5)])\nmodel.compile('sgd', 'sparse_categorical_crossentropy')\n"
	most := "8388608"
	topic := a.configured(a.topic, 1, map[string]*string{"max.message.bytes": &most})
	var records []record
	for i := range 5 {
		records = append(records, record{key: []byte{byte(i)}, value: []byte(strings.Repeat(string(rune('a'+i)), 4_000_000))})
	}
	a.produce(topic, 0, records)
	d := a.deployed(source)
	a.announce(d, message{
		"topic": topic + ":0:0:5", "input_format": "RAW", "total_msg": 5, "validation_rate": 0, "test_rate": 0,
		"input_config": message{"data_type": "uint8", "data_reshape": "1000 1000 4", "label_type": "uint8", "label_reshape": ""},
	})
	r, said := a.result(d)
	if r.Status != pipeline.ResultFinished {
		return said
	}
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		i := a.serveAt(r, delivery, a.configured(fmt.Sprintf("%s-%s", a.topic, delivery), 1, map[string]*string{"max.message.bytes": &most}))
		said += " AND " + a.predict(i, records[:3]...)
	}
	return said
}

func manyPartitions(fourParts bool) func(a *attempt) string {
	return func(a *attempt) string {
		const partitions = 120
		topic := a.makeTopic(partitions)
		var ranges []string
		for p := range partitions {
			n := 0
			if p%3 == 0 {
				n = 2
				a.produce(topic, p, somePoints(p, n))
			}
			one := fmt.Sprintf("%s:%d:0", topic, p)
			if fourParts {
				one += fmt.Sprintf(":%d", n)
			}
			ranges = append(ranges, one)
		}
		return a.trains(pointMessage(strings.Join(ranges, ","), 80))
	}
}

func namedTopicRows() (all []row) {
	for i, name := range []string{"b33.a.b-c_d", "b33_A", strings.Repeat("b", 249), "x", "-b33"} {
		all = append(all, row{id: fmt.Sprintf("B33 name %d", i+1), right: "20 train", want: []string{"finished", "20 records"}, try: func(a *attempt) string {
			a.must(a.cluster.EnsureTopic(a.ctx, name, 1))
			a.produce(name, 0, somePoints(0, 20))
			return a.trains(pointMessage(name+":0:0:20", 20))
		}})
	}
	return all
}

func longDeadLetter(a *attempt) string {
	r := a.trained()
	_, err := client.Do[pipeline.Inference](a.ctx, a.client, a.client.DeployInference(pipeline.InferenceForm{
		Result: r.ID, Delivery: pipeline.Direct, Replicas: 1, InputTopic: strings.Repeat("d", 249), OutputTopic: a.topic + "-out",
	}))
	if err == nil {
		return "deployed"
	}
	return refusal(err)
}

// trainedOnce is a result of points, trained by the first row that asks for it.
type trainedOnce struct {
	once   sync.Once
	result pipeline.Result
	err    error
}

// trained is a result of points, which rows share that serve one.
func (a *attempt) trained() pipeline.Result {
	p := &a.product.points
	p.once.Do(func() {
		p.err = errors.New("points could not be trained") // where this row ends before it has a result
		topic := a.sent(20)
		d := a.deployed(points)
		a.announce(d, pointMessage(topic+":0:0:20", 20))
		var said string
		if p.result, said = a.result(d); p.result.Status == pipeline.ResultFinished {
			p.err = nil
		} else {
			p.err = fmt.Errorf("points: %s", said)
		}
	})
	a.must(p.err)
	return p.result
}

// compacted is a topic of which compaction took records.
func compacted(a *attempt) string {
	texts := []string{"compact", "100", "0.01", "0", "100", "delete"}
	topic := a.configured(a.topic, 1, map[string]*string{
		"cleanup.policy": &texts[0], "segment.ms": &texts[1], "min.cleanable.dirty.ratio": &texts[2], "min.compaction.lag.ms": &texts[3], "delete.retention.ms": &texts[4],
	})
	for range 3 {
		a.produce(topic, 0, somePoints(0, 20))
		rolled := time.NewTimer(150 * time.Millisecond) // older than a segment may be
		<-rolled.C
	}
	a.produce(topic, 0, somePoints(0, 20))
	a.must(a.within(waitTime, func() (string, bool, error) {
		held := 0
		err := a.cluster.Read(a.ctx, pipeline.Range{Topic: topic, Length: 80}, func(streamRecord) error { held++; return nil })
		return fmt.Sprintf("%d records are there", held), err != nil, nil
	}))
	_, err := kadm.NewClient(a.kafka).AlterTopicConfigs(a.ctx, []kadm.AlterConfig{{Name: "cleanup.policy", Value: &texts[5]}}, topic)
	a.must(err)
	return a.trains(pointMessage(topic+":0:0:80", 80))
}

// deleteBefore deletes the records of partition 0 before an offset.
func (a *attempt) deleteBefore(topic string, offset int64) {
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, offset, -1)
	_, err := kadm.NewClient(a.kafka).DeleteRecords(a.ctx, offsets)
	a.must(err)
}

func nothingLeft(a *attempt) string {
	topic := a.makeTopic(1)
	a.produce(topic, 0, somePoints(0, 8))
	d := a.deployed(points)
	a.announce(d, pointMessage(topic+":0:0:8", 8))
	r, _ := a.result(d)
	a.deleteBefore(topic, 8)
	return a.resend(r.Datasource, a.deployed(points))
}

// resend says what a datasource that is sent again is answered.
func (a *attempt) resend(datasource, deployment int64) string {
	_, err := client.Do[pipeline.Datasource](a.ctx, a.client, a.client.ResendDatasource(datasource, deployment))
	if err != nil {
		return "resend " + refusal(err)
	}
	_, said := a.result(deployment)
	return "resend taken; " + said
}

func deletedFirst(a *attempt) string {
	topic := a.makeTopic(1)
	a.produce(topic, 0, somePoints(0, 20))
	d := a.deployed(points)
	a.announce(d, pointMessage(topic+":0:0:20", 20))
	r, _ := a.result(d)
	bad := a.deployed(dense(3, 10, sparse)) // fails, and can be tried again
	a.announce(bad, pointMessage(topic+":0:0:20", 20))
	failed, _ := a.result(bad)
	a.deleteBefore(topic, 10)
	said := a.resend(r.Datasource, a.deployed(points)) + "; message " + a.trains(pointMessage(topic+":0:0:20", 20))
	_, err := client.Do[pipeline.Result](a.ctx, a.client, a.client.RetryResult(failed.ID))
	if err == nil {
		return said + "; retry taken"
	}
	return said + "; retry " + refusal(err)
}

// secured is a stream send with variables of another security than the broker's.
func secured(env ...string) func(a *attempt) string {
	return func(a *attempt) string {
		cmd := a.command("stream", "send", a.file("crlf.csv"), "--label", "y", "--topic", a.topic, "--predict", "--brokers", a.brokers[0])
		cmd.Env = append(cmd.Env, env...)
		out, _ := cmd.CombinedOutput() // its state says how it ended
		return fmt.Sprintf("code %d: %s", cmd.ProcessState.ExitCode(), out)
	}
}
