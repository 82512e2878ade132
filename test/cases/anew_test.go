package cases

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func kafkaRecord(topic string, r record) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: r.key, Value: r.value}
}

// deleteTopic deletes a topic and waits until it is gone: the broker answers
// before that, and its records can be read for a moment longer.
func (a *attempt) deleteTopic(topic string) {
	_, err := kadm.NewClient(a.kafka).DeleteTopic(a.ctx, topic)
	a.must(err)
	a.must(a.within(waitTime, func() (string, bool, error) {
		_, err := a.cluster.Partitions(a.ctx, topic)
		return "the topic is still there", pipeline.KindOf(err) == pipeline.NotFound && err != nil, nil
	}))
}

// makeAnew deletes a topic and makes it again.
func (a *attempt) makeAnew(topic string) {
	ctx := a.ctx
	a.deleteTopic(topic)
	a.must(a.within(waitTime, func() (string, bool, error) {
		_, err := kadm.NewClient(a.kafka).CreateTopic(ctx, 1, 1, nil, topic)
		return fmt.Sprint(err), err == nil, nil
	}))
	a.must(a.cluster.EnsureTopic(ctx, topic, 1))
	a.must(a.within(waitTime, func() (string, bool, error) {
		_, next, err := a.cluster.Offsets(a.ctx, topic)
		return "the old log is still there", err == nil && next[0] == 0, nil
	}))
}

// madeAnewRows are topics that are deleted and made again.
func madeAnewRows() []row {
	return []row{
		{id: "X3 data topic", right: "refused: the topic was made anew", want: []string{"resend refused", "made anew|made again|another"}, try: func(a *attempt) string {
			topic := a.sent(4)
			d := a.deployed(points)
			a.announce(d, pointMessage(topic+":0:0:4", 4))
			r, _ := a.result(d)
			a.makeAnew(topic)
			a.produceAnew(topic, somePoints(10, 4))
			return a.resend(r.Datasource, a.deployed(points))
		}},
		{id: "X3 deleted", right: "does not exist", want: []string{"does not exist|was deleted"}, try: func(a *attempt) string {
			topic := a.sent(4)
			d := a.deployed(points)
			a.announce(d, pointMessage(topic+":0:0:4", 4))
			r, _ := a.result(d)
			a.deleteTopic(topic)
			return a.resend(r.Datasource, a.deployed(points))
		}},
		{id: "D10", right: "predicts again", want: []string{"5 predictions, 0 dead letters", "10 predictions"}, try: func(a *attempt) string {
			i := a.serve(a.trained(), pipeline.Direct)
			said := a.predict(i, somePoints(0, 5)...)
			a.makeAnew(i.InputTopic)
			a.produceAnew(i.InputTopic, somePoints(0, 5))
			return said + "; " + a.predicted(i, 10)
		}},
	}
}

// produceAnew writes to a topic that was made anew, with a client that has not
// known the one before.
func (a *attempt) produceAnew(topic string, records []record) {
	c, err := kgo.NewClient(kgo.SeedBrokers(a.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	a.must(err)
	defer c.Close()
	for _, r := range records {
		a.must(c.ProduceSync(a.ctx, kafkaRecord(topic, r)).FirstErr())
	}
}

// deliveryRows are records that are predicted, or are not.
func deliveryRows() []row {
	all := []row{
		{id: "D12 direct", right: "all headers, in order", want: []string{"ce-id=x", "Ünicode=ü", "empty=", "twice=1", "twice=2"}, try: headers(pipeline.Direct)},
		{id: "D12 source", right: "all headers, or the record is asked for them", want: []string{"empty=", "twice=1", "twice=2"}, try: headers(pipeline.Source)},
		{id: "D18", right: "20000 epochs, paged", want: []string{"finished", "20000 epochs"}, long: true, try: func(a *attempt) string {
			m, err := a.model("", points)
			a.must(err)
			d, err := a.deployment(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf("epochs=20000"), Engine: "graph"})
			a.must(err)
			a.announce(d.ID, pointMessage(a.sent(4)+":0:0:4", 4))
			r, said := a.result(d.ID)
			epochs, err := a.client.Epochs(a.ctx, r.ID, 0)
			a.must(err)
			return fmt.Sprintf("%d epochs %s", len(epochs), said)
		}},
		{id: "X9 served NaN", right: "refused, or warned of", want: []string{"failed|NaN"}, try: func(a *attempt) string {
			r, said := a.stream("b11-null", points)
			if r.Status != pipeline.ResultFinished {
				return said
			}
			i := a.serve(r, pipeline.Direct)
			return fmt.Sprintf("served: %s %s; %s", i.Status, i.Reason, said)
		}},
	}
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		all = append(all, row{id: "B29 " + string(delivery), right: "two dead letters", want: []string{"4 predictions, 2 dead letters", "tombstone|no value|0 bytes|is empty"}, try: func(a *attempt) string {
			records := somePoints(0, 4)
			return a.predict(a.serve(a.trained(), delivery), append(records, record{key: []byte{1}}, record{key: []byte{1}, value: []byte{}})...)
		}}, row{id: "D11 " + string(delivery), right: "the rest is predicted", want: []string{"4 predictions, 1 dead letters", "5 bytes"}, try: func(a *attempt) string {
			return a.predict(a.serve(a.trained(), delivery), append(somePoints(0, 2), append([]record{{value: []byte("three")}}, somePoints(2, 2)...)...)...)
		}})
	}
	return append(all, row{id: "B10 predicted", right: "a dead letter that names NaN", want: []string{"1 predictions, 1 dead letters", "NaN"}, try: func(a *attempt) string {
		r, said := a.stream("json/b0-plain", points)
		if r.Status != pipeline.ResultFinished {
			return said
		}
		return a.predict(a.serve(r, pipeline.Direct), record{value: []byte(`{"t": NaN, "h": 1}`)}, record{value: []byte(`{"t": 1, "h": 1}`)})
	}}, row{id: "X2", right: "failed, with what is gone", want: []string{"failed|rejected", "offset|gone|expired"}, try: func(a *attempt) string {
		topic := a.sent(8)
		a.deleteBefore(topic, 4)
		return a.trains(pointMessage(topic+":0:0:8", 8))
	}})
}

// headers gives the headers of a prediction, as they were written to its record.
func headers(delivery pipeline.Delivery) func(a *attempt) string {
	return func(a *attempt) string {
		i := a.serve(a.trained(), delivery)
		r := kafkaRecord(i.InputTopic, point(1))
		for _, h := range []string{"ce-id=x", "Ünicode=ü", "empty=", "twice=1", "twice=2", "bytes=\xff\x80"} {
			name, value, _ := strings.Cut(h, "=")
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
		}
		a.must(a.kafka.ProduceSync(a.ctx, r).FirstErr())
		said := a.predicted(i, 1)
		for _, o := range append(a.read(i.OutputTopic), a.read(i.DeadLetter)...) {
			for _, h := range o.Headers {
				said += fmt.Sprintf(" %s=%s", h.Key, strings.ToValidUTF8(string(h.Value), "?"))
			}
		}
		return said
	}
}
