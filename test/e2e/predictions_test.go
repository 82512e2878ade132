package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// prediction is one record of an output topic.
type prediction struct {
	id      string // of its event: the same for the same input record
	key     string
	headers map[string]string
	values  []float64
}

// read gives all records of a topic.
func read(t testing.TB, c *stream.Cluster, topic string) (all []stream.Record) {
	t.Helper()
	first, next, err := c.Offsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for p := range next {
		r := pipeline.Range{Topic: topic, Partition: p, Offset: first[p], Length: next[p] - first[p]}
		err := c.Read(t.Context(), r, func(r stream.Record) error {
			r.Key, r.Value, r.Headers = slices.Clone(r.Key), slices.Clone(r.Value), slices.Clone(r.Headers)
			for i := range r.Headers {
				r.Headers[i].Value = slices.Clone(r.Headers[i].Value)
			}
			all = append(all, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// count is how many records a topic holds, by partition.
func count(t testing.TB, c *stream.Cluster, topic string) map[int]int64 {
	t.Helper()
	_, next, err := c.Offsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func total(counts map[int]int64) (sum int64) {
	for n := range maps.Values(counts) {
		sum += n
	}
	return sum
}

// predictions reads an output topic.
func predictions(t testing.TB, c *stream.Cluster, topic string) (all []prediction) {
	t.Helper()
	for _, r := range read(t, c, topic) {
		p := prediction{key: string(r.Key), headers: headersOf(r)}
		p.id = p.headers["ce_id"]
		var value struct{ Values []float64 }
		if err := json.Unmarshal(r.Value, &value); err != nil || p.id == "" {
			t.Fatalf("%s:%d:%d is no prediction: %v: %s", r.Topic, r.Partition, r.Offset, err, r.Value)
		}
		p.values = value.Values
		all = append(all, p)
	}
	return all
}

func headersOf(r stream.Record) map[string]string {
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	return headers
}

// undecodable is the value of the records that no model can read.
const undecodable = "three"

// inputs are the records of a topic that can be predicted, by the id that their
// predictions have.
func inputs(t testing.TB, c *stream.Cluster, inference int64, topic string) map[string]stream.Record {
	t.Helper()
	all := map[string]stream.Record{}
	for _, r := range read(t, c, topic) {
		if string(r.Value) != undecodable {
			all[fmt.Sprintf("%d:%s:%d:%d", inference, topic, r.Partition, r.Offset)] = r
		}
	}
	return all
}

// everyRecord waits until each record of the input topic has its prediction,
// wants no other, and gives how many came more than once.
func everyRecord(t testing.TB, c *stream.Cluster, inference int64, input, output string) (repeated int) {
	t.Helper()
	want := inputs(t, c, inference, input)
	var came map[string]int
	within(t, waitTime, "a prediction for every record", func() (string, bool) {
		if total(count(t, c, output)) < int64(len(want)) {
			return fmt.Sprintf("%d of %d", total(count(t, c, output)), len(want)), false
		}
		came = map[string]int{}
		for _, p := range predictions(t, c, output) {
			came[p.id]++
		}
		return fmt.Sprintf("%d of %d", len(came), len(want)), len(came) >= len(want)
	})
	for id, n := range came {
		if _, ok := want[id]; !ok {
			t.Fatalf("prediction %s is of no record", id)
		}
		delete(want, id)
		repeated += n - 1
	}
	if len(want) > 0 {
		t.Errorf("no prediction: %v", slices.Sorted(maps.Keys(want)))
	}
	return repeated
}

// floats are values as a RAW record holds them, point the other way round.
func floats(values []float32) (raw []byte) {
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

func point(raw []byte) (values []float32) {
	for ; len(raw) >= 4; raw = raw[4:] {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return values
}

// close32 reports whether two predictions are the same but for rounding.
func close32(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) < 1e-5 })
}

// send produces records to one partition of a topic.
func send(t testing.TB, c *stream.Cluster, topic string, partition int, records ...stream.Record) {
	t.Helper()
	for i := range records {
		records[i].Time = time.Now()
	}
	if _, err := c.Produce(t.Context(), topic, partition, records); err != nil {
		t.Fatal(err)
	}
}
