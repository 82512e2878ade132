package predict

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/schemas/schemastest"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// framedInputs are the first inputs of the model small as records of two schemas
// of a registry, one of them in another order, and the two that are wrong.
func framedInputs(t *testing.T, c *stream.Cluster, registry, topic string) {
	t.Helper()
	m := tensorflowtest.Load(t, "small")
	batches := []schemastest.Batch{
		{Schema: `{"type":"record","name":"R","fields":[{"name":"a","type":"float"},{"name":"b","type":"float"},{"name":"c","type":"float"}]}`},
		{Schema: `{"type":"record","name":"R","fields":[{"name":"c","type":["null","double"]},{"name":"more","type":"string","default":"no"},{"name":"a","type":"float"},{"name":"b","type":"double"}]}`},
	}
	for i := range batches {
		x := tensorflowtest.Flat(t, m.Inputs[m.Export.Inputs[0].Name][i])
		batches[i].Records = []schemastest.Record{{Value: map[string]any{"a": x[0], "b": x[1], "c": x[2]}}}
	}
	schemastest.Produce(t, c.Config().Brokers, registry, topic, batches...)
	wrong := []stream.Record{{Value: []byte{0, 0, 15, 66, 63, 2}}, {Value: []byte(`{"a": 1}`)}}
	if _, err := c.Produce(t.Context(), topic, 0, wrong); err != nil {
		t.Fatal(err)
	}
}

// Records of a schema registry are predicted, by both deliveries; while the
// registry is away they wait and none is lost to the dead letters, where those go
// that are at fault.
func TestPredictionsFromASchemaRegistry(t *testing.T) {
	c := streamtest.Kafka(t)
	registry := schemastest.Registry(t)
	way := schemastest.NewCable(t, registry)
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		t.Run(string(delivery), func(t *testing.T) {
			job := newJob(t, c, "small", 1)
			job.Delivery, job.InputFormat, job.InputConfig = delivery, pipeline.AVRO, json.RawMessage(`{"data_fields":["a","b","c"]}`)
			framedInputs(t, c, registry, job.InputTopic)
			config := Config{Job: job, Log: logTo(t), Schemas: schemas.Config{URLs: []string{way.URL}}}
			s, err := openService(tensorflow.Framework{}, config, modelDir(t, "small"), c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.close(); err != nil {
					t.Error(err)
				}
			})
			before := way.Refused()
			way.Cut(math.MaxInt64)
			if delivery == pipeline.Direct {
				consumeUntilEnd(t, s)
				until(t, "the registry is asked again", func() bool { return way.Refused() > before+1 })
				way.Cut(0)
			} else {
				sendWhileCut(t, c, s, way, job)
			}
			for i, out := range await(t, c, job.OutputTopic, 2) {
				near(t, "small", i, out.Value)
			}
			letters := await(t, c, job.DeadLetter, 2)
			for i, want := range []string{"knows no schema 999999", "not framed by a schema registry"} {
				if got := headersOf(letters[i])[pipeline.HeaderError]; !strings.Contains(got, want) {
					t.Errorf("dead letter %d says %q", i, got)
				}
			}
		})
	}
}

// sendWhileCut posts the records of the input topic: first while the registry is
// away, when each is to be sent again.
func sendWhileCut(t *testing.T, c *stream.Cluster, s *service, way *schemastest.Cable, job pipeline.PredictJob) {
	t.Helper()
	at := serveHTTP(t, s).URL
	for i, r := range await(t, c, job.InputTopic, 4) {
		e := eventing.FromRecord(stream.Record{Topic: job.InputTopic, Offset: int64(i), Time: time.Now(), Value: r.Value}, "/x", eventing.KeyByteArray)
		if i == 0 {
			if status, _ := post(t, at, e); status != http.StatusServiceUnavailable || way.Refused() == 0 {
				t.Errorf("status %d while the registry is away", status)
			}
			way.Cut(0)
		}
		until(t, "the record is taken", func() bool {
			status, _ := post(t, at, e)
			return status == http.StatusOK
		})
	}
}
