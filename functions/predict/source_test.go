package predict

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// value is record i of a test model as RAW bytes of type d, inputs one after
// the other.
func value(t testing.TB, model string, d codec.DType, i int) []byte {
	t.Helper()
	m := tensorflowtest.Load(t, model)
	var all []byte
	for _, in := range m.Export.Inputs {
		var wide []byte
		numbers := tensorflowtest.Flat(t, m.Inputs[in.Name][i])
		for _, v := range numbers {
			wide = binary.LittleEndian.AppendUint64(wide, math.Float64bits(v))
		}
		narrow := make([]byte, len(numbers)*d.Size())
		if err := codec.Cast(narrow, d, wide, codec.Float64); err != nil {
			t.Fatal(err)
		}
		all = append(all, narrow...)
	}
	return all
}

// near compares a prediction's value with what Keras says of record i.
func near(t testing.TB, model string, i int, value []byte) {
	t.Helper()
	m := tensorflowtest.Load(t, model)
	var got struct{ Values json.RawMessage }
	if err := json.Unmarshal(value, &got); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	byName := map[string]json.RawMessage{m.Export.Outputs[0].Name: got.Values}
	if len(m.Export.Outputs) > 1 {
		if err := json.Unmarshal(got.Values, &byName); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
	}
	for name, rows := range m.Outputs {
		closeTo(t, tensorflowtest.Flat(t, byName[name]), tensorflowtest.Flat(t, rows[i]))
	}
}

func closeTo(t testing.TB, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d numbers, Keras gives %d: %v", len(got), len(want), got)
		return
	}
	for k := range want {
		if math.Abs(got[k]-want[k]) > 1e-5*max(1, math.Abs(want[k])) {
			t.Errorf("element %d is %v, Keras gives %v", k, got[k], want[k])
		}
	}
}

func post(t testing.TB, url string, e event.Event) (int, event.Event) {
	t.Helper()
	req, err := eventing.NewRequest(t.Context(), url, e)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func do(t testing.TB, req *http.Request) (int, event.Event) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Logf("status %d: %s", resp.StatusCode, body)
		return resp.StatusCode, event.Event{}
	}
	e, err := eventing.Read(t.Context(), resp.Header, resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, e
}

func headersOf(r stream.Record) map[string]string {
	all := map[string]string{}
	for _, h := range r.Headers {
		all[h.Key] = string(h.Value)
	}
	return all
}

// The envelopes in which a record can come: what reads back as the same record.
func envelopes(t testing.TB, job pipeline.PredictJob, r stream.Record) map[string]event.Event {
	t.Helper()
	kafkaSource := eventing.FromRecord(r, eventing.SourceName("ns", "in"), eventing.KeyByteArray)
	funcGo := event.New()
	funcGo.SetID("any")
	funcGo.SetSource("kafka")
	funcGo.SetType(eventing.KafkaRecord)
	funcGo.SetSubject(string(r.Key))
	for name, v := range map[string]string{
		"kafkatopic": r.Topic, "kafkapartition": fmt.Sprint(r.Partition), "kafkaoffset": fmt.Sprint(r.Offset), "kafkakey": string(r.Key), "kafkaheadertrace": "abc",
	} {
		funcGo.SetExtension(name, v)
	}
	funcGo.DataEncoded, funcGo.DataBase64 = r.Value, true
	return map[string]event.Event{"KafkaSource": kafkaSource, "func-go": funcGo}
}

func TestRecordsThroughTheDoor(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		job := newJob(t, c, "small", 3)
		server := serveHTTP(t, start(t, c, "small", job))
		r := stream.Record{
			Topic: job.InputTopic, Partition: 4, Offset: 17, Time: time.Now(), Key: []byte("sensor"),
			Value: value(t, "small", codec.Float32, 2), Headers: []stream.Header{{Key: "trace", Value: []byte("abc")}},
		}
		for name, e := range envelopes(t, job, r) {
			for _, structured := range []bool{false, true} {
				if got := sendRecord(t, server.URL, e, structured); got.ID() != "7:"+job.InputTopic+":4:17" {
					t.Errorf("%s: id %q", name, got.ID())
				} else {
					near(t, "small", 2, got.Data())
				}
			}
		}
		for _, out := range await(t, c, job.OutputTopic, 4) {
			if out.Partition != 4%3 || string(out.Key) != "sensor" {
				t.Errorf("partition %d, key %q", out.Partition, out.Key)
			}
			near(t, "small", 2, out.Value)
			want := map[string]string{
				"trace": "abc", "ce_specversion": "1.0", "ce_type": eventing.PredictionMade, "ce_source": "/kafkaml/inferences/7",
				"ce_id": "7:" + job.InputTopic + ":4:17", "content-type": "application/json", pipeline.HeaderResult: "3",
			}
			if diff := cmp.Diff(want, headersOf(out)); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func sendRecord(t testing.TB, url string, e event.Event, structured bool) event.Event {
	t.Helper()
	if !structured {
		status, got := post(t, url, e)
		if status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		return got
	}
	body, err := eventing.Structured(e)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", event.ApplicationCloudEventsJSON)
	status, got := do(t, req)
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	return got
}

// Records that share batches with poison are predicted all the same.
func TestConcurrentRecordsAndPoison(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		job := newJob(t, c, "words", 2)
		server := serveHTTP(t, start(t, c, "words", job))
		const n = 200
		bad := func(i int) string {
			switch i % 20 {
			case 7:
				return "graph" // a word that the embedding does not have
			case 13:
				return "short"
			}
			return ""
		}
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				v := value(t, "words", codec.Int32, i%5)
				switch bad(i) {
				case "graph":
					v[0] = 99
				case "short":
					v = v[:5]
				}
				r := stream.Record{Topic: job.InputTopic, Partition: i % 2, Offset: int64(i), Time: time.Now(), Value: v}
				status, e := post(t, server.URL, eventing.FromRecord(r, "/x", eventing.KeyByteArray))
				want := eventing.PredictionMade
				if bad(i) != "" {
					want = eventing.PredictionRejected
				}
				if status != http.StatusOK || e.Type() != want {
					t.Errorf("record %d: %d %s", i, status, e.Type())
				}
			})
		}
		all.Wait()
		for _, out := range await(t, c, job.OutputTopic, n-20) {
			id := headersOf(out)["ce_id"]
			var i int
			if _, err := fmt.Sscanf(id[strings.LastIndexByte(id, ':')+1:], "%d", &i); err != nil {
				t.Fatal(err)
			}
			near(t, "words", i%5, out.Value)
		}
		letters := await(t, c, job.DeadLetter, 20)
		for _, l := range letters {
			h := headersOf(l)
			if h[pipeline.HeaderSourceTopic] != job.InputTopic || h[pipeline.HeaderError] == "" || h[pipeline.HeaderSourcePartition] == "" || h[pipeline.HeaderSourceOffset] == "" {
				t.Errorf("headers of a dead letter: %v", h)
			}
		}
		if !slices.ContainsFunc(letters, func(l stream.Record) bool { return strings.Contains(headersOf(l)[pipeline.HeaderError], "99") }) {
			t.Error("no dead letter says which word was at fault")
		}
	})
}

// A record that already is a CloudEvent, even one that asks for a prediction,
// is a record: its prediction is written.
func TestRecordsThatAreEvents(t *testing.T) {
	c := streamtest.Cluster(t)
	job := newJob(t, c, "small", 1)
	server := serveHTTP(t, start(t, c, "small", job))
	for _, typ := range []string{"com.example.measured", eventing.PredictionMake} {
		r := stream.Record{Topic: job.InputTopic, Offset: 3, Time: time.Now(), Value: value(t, "small", codec.Float32, 0)}
		for k, v := range map[string]string{"ce_specversion": "1.0", "ce_id": "m1", "ce_source": "/meter", "ce_type": typ, "content-type": "application/octet-stream"} {
			r.Headers = append(r.Headers, stream.Header{Key: k, Value: []byte(v)})
		}
		sendRecord(t, server.URL, eventing.FromRecord(r, "/x", eventing.KeyByteArray), false)
	}
	for _, out := range await(t, c, job.OutputTopic, 2) {
		near(t, "small", 0, out.Value)
		if id := headersOf(out)["ce_id"]; id != "7:"+job.InputTopic+":0:3" {
			t.Errorf("id %q", id)
		}
	}
}
