package control_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// legacyRecord is a record of testdata/legacy.json, see README.md there.
type legacyRecord struct {
	Topic      string
	Partition  int
	Offset     int64
	Key, Value string // hexadecimal
	Text       string // of control messages, in place of Value
}

func legacy(t testing.TB) (records []legacyRecord) {
	t.Helper()
	b, err := os.ReadFile("testdata/legacy.json")
	if err == nil {
		err = json.Unmarshal(b, &records)
	}
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func (r legacyRecord) record(t testing.TB) stream.Record {
	t.Helper()
	key, err := hex.DecodeString(r.Key)
	if err != nil {
		t.Fatal(err)
	}
	value, err := hex.DecodeString(r.Value)
	if err != nil {
		t.Fatal(err)
	}
	if r.Text != "" {
		value = []byte(r.Text)
	}
	return stream.Record{Key: key, Value: value}
}

// TestLegacyProducers puts what the original's producers wrote into a log, at
// the offsets at which they wrote it, and reads the streams that their control
// messages name.
func TestLegacyProducers(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		var streams []pipeline.Datasource
		written := map[string]map[int]int64{}
		for _, r := range legacy(t) {
			if r.Topic == "control" {
				rec := r.record(t)
				d, err := control.Parse(rec.Key, rec.Value)
				if err != nil {
					t.Fatalf("%s: %v", r.Text, err)
				}
				streams = append(streams, d)
				continue
			}
			if written[r.Topic] == nil {
				written[r.Topic] = map[int]int64{}
				if err := c.EnsureTopic(t.Context(), r.Topic, 2); err != nil {
					t.Fatal(err)
				}
			}
			if fill := r.Offset - written[r.Topic][r.Partition]; fill > 0 {
				produce(t, c, r.Topic, r.Partition, numbered(int(fill)))
			}
			produce(t, c, r.Topic, r.Partition, []stream.Record{r.record(t)})
			written[r.Topic][r.Partition] = r.Offset + 1
		}
		want := []struct {
			deployment int64
			ranges     []pipeline.Range
			x, y       []float32 // of all records, in order
		}{
			{1, []pipeline.Range{{Topic: "old", Offset: 11, Length: 4}}, seq(0, 1, 2, 3), []float32{0, 1, 2, 3}},
			{49, []pipeline.Range{{Topic: "raw", Offset: 11, Length: 2}, {Topic: "raw", Partition: 1, Offset: 3, Length: 3}}, seq(0, 3, 1, 2, 4), []float32{0, 3, 1, 2, 4}},
			{'7', []pipeline.Range{{Topic: "fresh", Length: 3}}, []float32{.5, 1.5, 2.5}, []float32{0, 1, 2}}, // deployment_id was given as text: one byte all the same
			{2, []pipeline.Range{{Topic: "avro", Offset: 11, Length: 3}}, []float32{0, -.5, 1.25, 1, -.5, 1.25, 2, -.5, 1.25}, []float32{0, 1, 0}},
		}
		if len(streams) != len(want) {
			t.Fatalf("%d control messages", len(streams))
		}
		for i, w := range want {
			if d := streams[i]; d.Deployment != w.deployment || !cmp.Equal(d.Ranges, w.ranges) {
				t.Errorf("deployment %d, ranges %+v; want %d, %+v", d.Deployment, d.Ranges, w.deployment, w.ranges)
				continue
			}
			x, y := train(t, c, streams[i], len(w.x)/len(w.y))
			if diff := cmp.Diff([][]float32{w.x, w.y}, [][]float32{x, y}); diff != "" {
				t.Errorf("deployment %d: %s", w.deployment, diff)
			}
		}
	})
}

// seq are the 2 x 3 samples that begin with the given numbers.
func seq(begins ...float32) (all []float32) {
	for _, b := range begins {
		all = append(all, b, b+1, b+2, b+3, b+4, b+5)
	}
	return all
}

// train reads a stream as a training does, for a model of n inputs and one
// output.
func train(t *testing.T, c *stream.Cluster, d pipeline.Datasource, n int) (x, y []float32) {
	t.Helper()
	shape := []int{n}
	if n == 1 {
		shape = nil
	}
	decoder, err := codec.New(d.InputFormat, d.InputConfig, codec.Binding{
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: shape}},
		Labels: []pipeline.Tensor{{Name: "y", DType: "float32"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	in, label := decoder.Inputs()[0], decoder.Labels()[0]
	xs, ys := make([]byte, in.Bytes()), make([]byte, label.Bytes())
	for _, r := range d.Ranges {
		if err := c.Read(t.Context(), r, func(r stream.Record) error {
			if err := decoder.Record([][]byte{xs}, [][]byte{ys}, r.Key, r.Value); err != nil {
				return err
			}
			x, y = append(x, float32s(t, in.DType, xs)...), append(y, float32s(t, label.DType, ys)...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return x, y
}
