package train

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/schemas/schemastest"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(streamtest.Main(m))
	}
	if err := trainHere(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The schemas that wrote one stream, one after the other: the second has more
// fields, which no model takes, the third another order and wider types.
const (
	plantsV1 = `{"type":"record","name":"Plant","namespace":"farm","fields":[{"name":"a","type":"float"},{"name":"b","type":"float"},{"name":"c","type":"float"},{"name":"y","type":"int"}]}`
	plantsV2 = `{"type":"record","name":"Plant","namespace":"farm","fields":[{"name":"a","type":"float"},{"name":"b","type":["null","float"]},
		{"name":"site","type":{"type":"record","name":"Site","fields":[{"name":"name","type":"string"},{"name":"near","type":["null","Site"],"default":null}]}},
		{"name":"tags","type":{"type":"map","values":"string"}},{"name":"c","type":"float"},{"name":"y","type":"int"},
		{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"},"default":0}]}`
	plantsV3 = `{"type":"record","name":"Plant","namespace":"farm","fields":[{"name":"y","type":"long"},{"name":"c","type":"double"},
		{"name":"note","type":"string","default":""},{"name":"b","type":"float"},{"name":"a","type":"float"}]}`
	classKey = `{"type":"record","name":"Class","fields":[{"name":"y","type":"int"}]}`
)

// plants are rows of three numbers and a class.
func plants(n int) (rows [][3]float32, classes []byte) {
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		x := [3]float32{random.Float32(), random.Float32(), random.Float32()}
		class := byte(0)
		if x[0] > x[1] {
			class = 1
		}
		rows, classes = append(rows, x), append(classes, class)
	}
	return rows, classes
}

// plantBatches are the rows as a third of each schema.
func plantBatches(rows [][3]float32, classes []byte) []schemastest.Batch {
	batches := []schemastest.Batch{
		{Schema: plantsV1, KeySchema: classKey}, {Schema: plantsV2, KeySchema: classKey}, {Schema: plantsV3, KeySchema: classKey},
	}
	for i, x := range rows {
		value := map[string]any{"a": x[0], "b": x[1], "c": x[2], "y": classes[i]}
		b := &batches[i*3/len(rows)]
		if b.Schema == plantsV2 {
			value["site"] = map[string]any{"name": "north", "near": map[string]any{"name": "south", "near": nil}}
			value["tags"], value["at"] = map[string]string{"kind": "tree"}, 1_700_000_000_000
		}
		b.Records = append(b.Records, schemastest.Record{Key: map[string]any{"y": classes[i]}, Value: value})
	}
	return batches
}

// The plants of Protobuf: the second schema is another file's message, the second
// of its own, with more fields at other numbers.
const (
	protoV1 = `syntax = "proto3"; package farm; message Plant { float a = 1; float b = 2; float c = 3; int32 y = 4; }`
	protoV2 = `syntax = "proto3"; package farm; import "farm/site.proto"; import "google/protobuf/timestamp.proto";
		message Other { int32 z = 1; }
		message Plant { Site site = 1; map<string, string> tags = 2; google.protobuf.Timestamp at = 3; float c = 17; double b = 18; float a = 300; Class y = 5; }
		enum Class { FERN = 0; TREE = 1; }`
	siteProto = `syntax = "proto3"; package farm; message Site { string name = 1; Site near = 2; }`
)

func protoBatches(rows [][3]float32, classes []byte) []schemastest.Batch {
	batches := []schemastest.Batch{
		{Format: "PROTOBUF", Schema: protoV1, Message: "farm.Plant"},
		{Format: "PROTOBUF", Schema: protoV2, Message: "farm.Plant", References: []schemastest.Reference{{Name: "farm/site.proto", Schema: siteProto}}},
	}
	for i, x := range rows {
		value := map[string]any{"a": x[0], "b": x[1], "c": x[2], "y": classes[i]}
		b := &batches[i*2/len(rows)]
		if b.Schema == protoV2 {
			value["site"] = map[string]any{"name": "north", "near": map[string]any{"name": "south"}}
			value["tags"], value["at"] = map[string]string{"kind": "tree"}, "2024-05-06T07:08:09Z"
		}
		b.Records = append(b.Records, schemastest.Record{Value: value})
	}
	return batches
}

func jsonBatches(rows [][3]float32, classes []byte) []schemastest.Batch {
	b := schemastest.Batch{Format: "JSON", Schema: `{"type":"object","title":"Plant","properties":{"a":{"type":"number"},"b":{"type":"number"},"c":{"type":"number"},"y":{"type":"integer"}}}`}
	for i, x := range rows {
		b.Records = append(b.Records, schemastest.Record{Value: map[string]any{"a": x[0], "b": x[1], "c": x[2], "y": classes[i]}})
	}
	return []schemastest.Batch{b}
}

// trained is the hash of the weights that a stream trains.
func (r *rig) trained(t *testing.T, format pipeline.Format, config, topic string, n int) string {
	t.Helper()
	r.Job.InputFormat, r.Job.InputConfig = format, json.RawMessage(config)
	r.Job.Ranges = []pipeline.Range{{Topic: topic, Length: int64(n)}}
	r.ends = nil
	if err := Run(t.Context(), r.Config); err != nil || !slices.Equal(r.ends, []string{eventing.TrainingFinished}) {
		t.Fatalf("%s %s: ended by %v, %v", format, config, r.ends, err)
	}
	return r.outcome.Lineage.WeightsHash
}

// bare sends the rows in a format of our own.
func (r *rig) bare(t *testing.T, format pipeline.Format, config string, rows [][3]float32, classes []byte) (topic string) {
	t.Helper()
	encoder, err := codec.NewEncoder(format, json.RawMessage(config))
	if err != nil {
		t.Fatal(err)
	}
	var records []stream.Record
	for i, x := range rows {
		value, err := encoder.Sample(nil, codec.Array{DType: codec.Float32, Data: packed(t, x)})
		if err != nil {
			t.Fatal(err)
		}
		key, err := encoder.Label(nil, codec.Array{DType: codec.Uint8, Data: classes[i : i+1]})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, stream.Record{Key: key, Value: value})
	}
	topic = streamtest.Topic(t, r.cluster, 1)
	if _, err := r.cluster.Produce(t.Context(), topic, 0, records); err != nil {
		t.Fatal(err)
	}
	return topic
}

// The same numbers train the same weights, whether they come as RAW, as AVRO, or
// from a schema registry whose schema changes in the middle of the stream.
func TestTrainingFromASchemaRegistry(t *testing.T) {
	r := newRig(t)
	r.cluster = streamtest.Kafka(t)
	r.Kafka = r.cluster.Config()
	url := schemastest.Registry(t)
	r.Schemas = schemas.Config{URLs: []string{url}}
	const n = 60
	rows, classes := plants(n)
	raw := string(r.Job.InputConfig)
	want := r.trained(t, pipeline.RAW, raw, r.bare(t, pipeline.RAW, raw, rows, classes), n)
	const avro = `{"data_scheme":{"type":"record","name":"x","fields":[{"name":"a","type":"float"},{"name":"b","type":"float"},{"name":"c","type":"float"}]},"label_scheme":` + classKey + `}`
	if got := r.trained(t, pipeline.AVRO, avro, r.bare(t, pipeline.AVRO, avro, rows, classes), n); got != want {
		t.Errorf("bare AVRO trains %s, RAW %s", got, want)
	}
	topic := streamtest.Topic(t, r.cluster, 1)
	way := schemastest.NewCable(t, url)
	r.Schemas.URLs[0] = way.URL
	way.Cut(math.MaxInt64)
	r.hear = func(p pipeline.Progress) { // the first training waits until it has said so
		if p.Stage == pipeline.StageRegistryAway {
			way.Cut(0)
		}
	}
	schemastest.Produce(t, r.Kafka.Brokers, url, topic, plantBatches(rows, classes)...)
	for _, config := range []string{
		`{"data_fields":["a","b","c"]}`,
		`{"data_fields":"a, b, c","label_field":"y"}`,
		`{"framing":"confluent","data_scheme":{"type":"record","name":"x","fields":[{"name":"a","type":"float"},{"name":"b","type":"float"},{"name":"c","type":"double"}]},"label_scheme":` + classKey + `}`,
		`{"inputs":["a","b","c"],"label":"y","where":"value.c >= 0.0"}`,
		`{"inputs":["a","b","c"],"label":{"from":"key","path":"y"}}`,
		`{"inputs":["a","b","c"],"framing":"confluent","data_scheme":{"type":"record","name":"x","fields":[{"name":"a","type":"float"},{"name":"b","type":"float"},{"name":"c","type":"double"}]},"label_scheme":` + classKey + `}`,
	} {
		if got := r.trained(t, pipeline.AVRO, config, topic, n); got != want {
			t.Errorf("from the registry, %s trains %s, RAW %s", config, got, want)
		}
	}
	if way.Refused() == 0 {
		t.Error("the training did not wait for the registry")
	}
	r.refuses(t, topic, n)
	r.otherFormats(t, url, want, rows, classes)
}

// otherFormats holds that records of Protobuf and of JSON Schema train the same
// weights, by names and by paths.
func (r *rig) otherFormats(t *testing.T, url, want string, rows [][3]float32, classes []byte) {
	t.Helper()
	for format, batches := range map[pipeline.Format][]schemastest.Batch{pipeline.PROTOBUF: protoBatches(rows, classes), pipeline.JSON: jsonBatches(rows, classes)} {
		topic := streamtest.Topic(t, r.cluster, 1)
		schemastest.Produce(t, r.Kafka.Brokers, url, topic, batches...)
		if got := r.trained(t, format, `{"data_fields":["a","b","c"],"label_field":"y"}`, topic, len(rows)); got != want {
			t.Errorf("from the registry, %s trains %s, RAW %s", format, got, want)
		}
		const mapped = `{"inputs":["a","b",{"path":"c"}],"label":"y"}`
		if got := r.trained(t, format, mapped, topic, len(rows)); got != want {
			t.Errorf("from the registry, %s by path trains %s, RAW %s", format, got, want)
		}
	}
}

// refuses holds that a record which names no schema of the registry fails a
// training by its place, as does one that is not framed.
func (r *rig) refuses(t *testing.T, topic string, n int) {
	t.Helper()
	for i, wrong := range []struct{ value, reason string }{
		{"\x00\x00\x0f\x42\x3f\x02", "knows no schema 999999"}, {`{"a": 1}`, "is not framed by a schema registry"},
	} {
		at, err := r.cluster.Produce(t.Context(), topic, 0, []stream.Record{{Value: []byte(wrong.value)}})
		if err != nil {
			t.Fatal(err)
		}
		r.Job.Ranges = []pipeline.Range{{Topic: topic, Length: int64(n)}, {Topic: topic, Offset: at, Length: 1}}
		if err := Run(t.Context(), r.Config); err == nil {
			t.Fatal("no error")
		}
		if place := fmt.Sprintf("[0]@%d: ", n+i); !strings.Contains(r.outcome.Reason, place) || !strings.Contains(r.outcome.Reason, wrong.reason) || r.outcome.Hint == "" {
			t.Errorf("%q; hint %q", r.outcome.Reason, r.outcome.Hint)
		}
	}
}
