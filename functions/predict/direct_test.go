package predict

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// produce writes n records of the model words, numbered by their keys from
// start on, over the partitions; every 50th has a word that the graph refuses,
// and every 50th is too short.
func produce(t testing.TB, c *stream.Cluster, topic string, partitions, start, n int) {
	t.Helper()
	byPartition := make([][]stream.Record, partitions)
	for i := start; i < start+n; i++ {
		v := value(t, "words", codec.Int32, i%5)
		switch i % 50 {
		case 7:
			binary.LittleEndian.PutUint32(v, 99)
		case 33:
			v = v[:3]
		}
		p := i % partitions
		byPartition[p] = append(byPartition[p], stream.Record{
			Key: fmt.Append(nil, i), Value: v, Headers: []stream.Header{{Key: "n", Value: fmt.Append(nil, i)}},
		})
	}
	for p, records := range byPartition {
		if _, err := c.Produce(t.Context(), topic, p, records); err != nil {
			t.Fatal(err)
		}
	}
}

// poisoned returns how many of the records [0, n) of produce are at fault.
func poisoned(n int) int64 {
	bad := int64(0)
	for i := range n {
		if i%50 == 7 || i%50 == 33 {
			bad++
		}
	}
	return bad
}

// checkOutputs holds the outputs of records [0, n) against Keras: each there,
// those of one id the same.
func checkOutputs(t testing.TB, outputs []stream.Record, n int) {
	t.Helper()
	values, numbers := map[string]string{}, map[int]bool{}
	for _, out := range outputs {
		h := headersOf(out)
		var i int
		if _, err := fmt.Sscan(string(out.Key), &i); err != nil || h["n"] != string(out.Key) {
			t.Fatalf("key %q, headers %v", out.Key, h)
		}
		near(t, "words", i%5, out.Value)
		if was, ok := values[h["ce_id"]]; ok && was != string(out.Value) {
			t.Errorf("id %s has two values", h["ce_id"])
		}
		values[h["ce_id"]], numbers[i] = string(out.Value), true
	}
	if len(numbers) != n-int(poisoned(n)) || len(values) != len(numbers) {
		t.Errorf("%d records have outputs under %d ids, want %d", len(numbers), len(values), n-int(poisoned(n)))
	}
}

func directJob(t testing.TB, c *stream.Cluster, partitions int) pipeline.PredictJob {
	job := newJob(t, c, "words", partitions)
	job.Delivery = pipeline.Direct
	return job
}

func TestDirect(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		const n, partitions = 3000, 3
		job := directJob(t, c, partitions)
		produce(t, c, job.InputTopic, partitions, 0, n)
		stop := consumeUntilEnd(t, start(t, c, "words", job))
		outputs := await(t, c, job.OutputTopic, n-poisoned(n))
		checkOutputs(t, outputs, n)
		last := map[int]int{}
		for _, out := range outputs { // in order, each in the partition of its record
			var i int
			if _, err := fmt.Sscan(string(out.Key), &i); err != nil {
				t.Fatal(err)
			}
			if i%partitions != out.Partition || i < last[out.Partition] {
				t.Fatalf("record %d after %d in partition %d", i, last[out.Partition], out.Partition)
			}
			last[out.Partition] = i
		}
		for _, l := range await(t, c, job.DeadLetter, poisoned(n)) {
			if h := headersOf(l); h[pipeline.HeaderSourceTopic] != job.InputTopic || h[pipeline.HeaderError] == "" || h["n"] != string(l.Key) {
				t.Errorf("headers of a dead letter: %v", h)
			}
		}
		// A member that left in order has committed: the next repeats nothing.
		stop()
		produce(t, c, job.InputTopic, partitions, n, 500)
		consumeUntilEnd(t, start(t, c, "words", job))
		outputs = await(t, c, job.OutputTopic, n+500-poisoned(n+500))
		if int64(len(outputs)) != n+500-poisoned(n+500) {
			t.Errorf("%d outputs after a restart in order", len(outputs))
		}
		checkOutputs(t, outputs, n+500)
	})
}

// Members come and go while records flow: none is lost.
func TestDirectRebalances(t *testing.T) {
	c := streamtest.Kafka(t)
	const rounds, each, partitions = 8, 500, 4
	job := directJob(t, c, partitions)
	consumeUntilEnd(t, start(t, c, "words", job))
	for round := range rounds {
		produce(t, c, job.InputTopic, partitions, round*each, each)
		switch round {
		case 1, 4:
			stop := consumeUntilEnd(t, start(t, c, "words", job))
			defer stop()
		case 3, 6:
			consumeUntilEnd(t, start(t, c, "words", job))() // came and went
		}
	}
	n := rounds * each
	deadline := time.Now().Add(5 * time.Minute)
	for {
		outputs := await(t, c, job.OutputTopic, int64(n)-poisoned(n))
		distinct := map[string]bool{}
		for _, out := range outputs {
			distinct[string(out.Key)] = true
		}
		if len(distinct) == n-int(poisoned(n)) || time.Now().After(deadline) {
			checkOutputs(t, outputs, n)
			return
		}
		<-time.After(50 * time.Millisecond)
	}
}

// A partition without records and a replica without a partition do no harm, and
// one record arrives soon.
func TestDirectWithLittleTraffic(t *testing.T) {
	c := streamtest.Kafka(t)
	job := directJob(t, c, 1)
	s := start(t, c, "words", job)
	consumeUntilEnd(t, s)
	consumeUntilEnd(t, start(t, c, "words", job)) // more replicas than partitions
	url := serveHTTP(t, s).URL
	for i := range 5 {
		began := time.Now()
		if _, err := c.Produce(t.Context(), job.InputTopic, 0, []stream.Record{{Key: fmt.Append(nil, i), Value: value(t, "words", codec.Int32, i)}}); err != nil {
			t.Fatal(err)
		}
		await(t, c, job.OutputTopic, int64(i+1))
		t.Logf("%v from produce to output", time.Since(began))
	}
	resp, err := http.Get(url + "/health/readiness")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("readiness %d", resp.StatusCode)
	}
}

// A prediction that the broker finds too large is a dead letter, not a stop.
func TestPredictionTooLarge(t *testing.T) {
	c := streamtest.Kafka(t)
	job := directJob(t, c, 1)
	job.OutputTopic = streamtest.Name(t)
	if err := c.CreateTopic(t.Context(), job.OutputTopic, 1, map[string]string{"max.message.bytes": "400"}); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 500)
	var records []stream.Record
	for i := range 4 {
		r := stream.Record{Key: fmt.Append(nil, i), Value: value(t, "words", codec.Int32, i)}
		if i == 2 {
			r.Headers = []stream.Header{{Key: "big", Value: []byte(big)}}
		}
		records = append(records, r)
	}
	if _, err := c.Produce(t.Context(), job.InputTopic, 0, records); err != nil {
		t.Fatal(err)
	}
	s := start(t, c, "words", job)
	consumeUntilEnd(t, s)
	if got := await(t, c, job.OutputTopic, 3); len(got) != 3 {
		t.Errorf("%d outputs", len(got))
	}
	letters := await(t, c, job.DeadLetter, 1)
	if !strings.Contains(headersOf(letters[0])[pipeline.HeaderError], "larger") {
		t.Errorf("dead letter: %v", headersOf(letters[0]))
	}
	// By the door too.
	r := stream.Record{
		Topic: job.InputTopic, Offset: 9, Time: time.Now(), Value: value(t, "words", codec.Int32, 1),
		Headers: []stream.Header{{Key: "big", Value: []byte(big)}},
	}
	if status, e := post(t, serveHTTP(t, s).URL, eventing.FromRecord(r, "/x", eventing.KeyByteArray)); status != http.StatusOK || e.Type() != eventing.PredictionRejected {
		t.Errorf("%d %s", status, e.Type())
	}
}

// floats is a RAW record.
func floats(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// The log names the first record that is not predicted, also where none is, and says
// why in words and what to do.
func TestDeadLettersInTheLog(t *testing.T) {
	good, unknown := value(t, "words", codec.Int32, 1), bytes.Repeat([]byte{99, 0, 0, 0}, 4)
	for name, test := range map[string]struct {
		records   [][]byte
		of        int
		offset    int64
		why, hint string
	}{
		"one cannot be read":   {[][]byte{good, []byte("abc"), good}, 3, 1, "has 3 bytes", "reads files of text"},
		"the model takes none": {[][]byte{unknown, unknown}, 2, 0, "= 99 is not in [0, 10) (layer embedding", "ids and classes count from 0"},
	} {
		t.Run(name, func(t *testing.T) {
			c := streamtest.Kafka(t)
			job := directJob(t, c, 1)
			records := make([]stream.Record, len(test.records))
			for i, v := range test.records {
				records[i].Value = v
			}
			if _, err := c.Produce(t.Context(), job.InputTopic, 0, records); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			config := Config{Job: job, Log: slog.New(slog.NewJSONHandler(&log, nil))}
			s, err := openService(tensorflow.Framework{}, config, modelDir(t, "words"), c)
			if err != nil {
				t.Fatal(err)
			}
			stop := consumeUntilEnd(t, s)
			await(t, c, job.DeadLetter, 1)
			stop()
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(log.String()) {
				var entry struct {
					Msg, First string
					Of         int
					Offset     int64
				}
				if err := json.Unmarshal([]byte(line), &entry); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				if entry.Msg == "records go to the dead-letter topic" {
					if entry.Of != test.of || entry.Offset != test.offset || !strings.Contains(entry.First, test.why) || !strings.Contains(entry.First, test.hint) {
						t.Errorf("said %s", line)
					}
					return
				}
			}
			t.Errorf("the log does not say that a record went to the dead-letter topic:\n%s", log.String())
		})
	}
}
