package cases

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

type streamRecord = stream.Record

// transactionRows are topics of exactly-once producers.
func transactionRows() []row {
	return []row{
		{id: "B25 110", right: "100 train", want: []string{"finished", "100 records"}, try: committed(110, 110)},
		{id: "B25 100", right: "100 train", want: []string{"finished", "100 records"}, try: committed(110, 100)},
		{id: "B25 three-part", right: "100 train", want: []string{"finished", "100 records"}, try: committed(0, 100)},
		{id: "B25 around the markers", right: "100 train", want: []string{"finished", "100 records"}, try: committed(10, 100)},
		{id: "B26 aborted", right: "refused: no committed records", want: []string{"rejected|failed", "abort|committed"}, try: aborted("%s:0:21:20", 20)},
		{id: "B26", right: "40 train", want: []string{"finished", "40 records"}, try: aborted("%s:0:0:63", 63)},
		{id: "B26 40", right: "40 train", want: []string{"finished", "40 records"}, try: aborted("%s:0:0:63", 40)},
		{id: "B27", right: "waits, or refused with the offset", want: []string{"rejected|failed", "transaction", "offset 20"}, try: func(a *attempt) string {
			topic := a.makeTopic(1)
			a.produce(topic, 0, somePoints(0, 20))
			c := a.transactional()
			a.begin(c, topic, somePoints(20, 20))
			said := a.trains(pointMessage(topic+":0:0:40", 40))
			a.finish(c, topic, kgo.TryAbort)
			return said
		}},
		{id: "B27 direct", right: "no prediction", want: []string{"1 predictions, 0 dead"}, try: openPredicted(pipeline.Direct)},
		{id: "B27 source", right: "no prediction", want: []string{"1 predictions, 0 dead"}, try: openPredicted(pipeline.Source)},
	}
}

// committed is a topic of ten transactions of ten records, each with its
// marker, announced as one range of some length, as three parts (0), or as a
// range for each (10).
func committed(length, total int) func(a *attempt) string {
	return func(a *attempt) string {
		topic := a.makeTopic(1)
		c := a.transactional()
		ranges := fmt.Sprintf("%s:0:0", topic)
		if length > 10 {
			ranges += fmt.Sprintf(":%d", length)
		}
		if length == 10 {
			ranges = ""
		}
		for n := range 10 {
			a.begin(c, topic, somePoints(10*n, 10))
			a.finish(c, topic, kgo.TryCommit)
			if length == 10 {
				ranges += fmt.Sprintf(",%s:0:%d:10", topic, 11*n)
			}
		}
		if length == 10 {
			ranges = ranges[1:]
		}
		return a.trains(pointMessage(ranges, total))
	}
}

// aborted is a topic of 20 committed, 20 aborted and 20 committed records.
func aborted(ranges string, total int) func(a *attempt) string {
	return func(a *attempt) string {
		topic := a.makeTopic(1)
		c := a.transactional()
		for n, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
			a.begin(c, topic, somePoints(20*n, 20))
			a.finish(c, topic, end)
		}
		return a.trains(pointMessage(fmt.Sprintf(ranges, topic), total))
	}
}

// openPredicted writes five records in a transaction that is aborted, and one
// without: only that is predicted.
func openPredicted(delivery pipeline.Delivery) func(a *attempt) string {
	return func(a *attempt) string {
		i := a.serve(a.trained(), delivery)
		c := a.transactional()
		a.begin(c, i.InputTopic, somePoints(0, 5))
		a.produce(i.InputTopic, 0, somePoints(5, 1))
		a.finish(c, i.InputTopic, kgo.TryAbort)
		return a.predicted(i, 1)
	}
}
