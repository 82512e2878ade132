package predict

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
	"github.com/kafkaml/kafkaml/shared/tensorflow/tensorflowtest"
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
func envelopes(t testing.TB, job pipeline.PredictJob, r eventing.Record) map[string]event.Event {
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
		r := eventing.Record{
			Topic: job.InputTopic, Partition: 4, Offset: 17, Time: time.Now(), Key: []byte("sensor"),
			Value: value(t, "small", codec.Float32, 2), Headers: []eventing.Header{{Key: "trace", Value: []byte("abc")}},
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
				"ce_id": "7:" + job.InputTopic + ":4:17", "content-type": "application/json",
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
				r := eventing.Record{Topic: job.InputTopic, Partition: i % 2, Offset: int64(i), Time: time.Now(), Value: v}
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
			if h[headerTopic] != job.InputTopic || h[headerError] == "" || h[headerPartition] == "" || h[headerOffset] == "" {
				t.Errorf("headers of a dead letter: %v", h)
			}
		}
		if !slices.ContainsFunc(letters, func(l stream.Record) bool { return strings.Contains(headersOf(l)[headerError], "99") }) {
			t.Error("no dead letter says which word was at fault")
		}
	})
}

func TestRequests(t *testing.T) {
	request := func(data, contentType string) event.Event {
		e := event.New()
		e.SetID("r1")
		e.SetSource("/me")
		e.SetType(eventing.PredictionMake)
		e.SetDataContentType(contentType)
		e.DataEncoded = []byte(data)
		return e
	}
	numbers := func(model, input string, i int) string {
		return string(tensorflowtest.Load(t, model).Inputs[input][i])
	}
	several := newJob(t, nil, "several", 0)
	several.InputFormat = pipeline.JSON
	several.InputConfig = json.RawMessage(`{}`)
	small := newJob(t, nil, "small", 0)
	input := small.Export.Inputs[0].Name
	both := `{"left":` + numbers("several", "left", 3) + `,"right":` + numbers("several", "right", 3) + `}`
	cases := map[string]struct {
		model     string
		e         event.Event
		record    int
		rejection string
	}{
		"bytes":                 {"small", request(string(value(t, "small", codec.Float32, 1)), "application/octet-stream"), 1, ""},
		"values":                {"small", request(`{"values":`+numbers("small", input, 1)+`}`, "application/json"), 1, ""},
		"values, nested":        {"small", request(`{"values":[`+numbers("small", input, 1)+`]}`, "application/json"), 1, ""},
		"values by name":        {"several", request(`{"values":`+both+`}`, "application/json"), 3, ""},
		"a record of JSON":      {"several", request(both, "application/json"), 3, ""},
		"bytes too short":       {"small", request("abc", "application/octet-stream"), 0, "bytes"},
		"no values":             {"small", request(`{}`, "application/json"), 0, "missing"},
		"too few":               {"small", request(`{"values":[1]}`, "application/json"), 0, "1 numbers, not 3"},
		"too many":              {"small", request(`{"values":[1,2,3,4]}`, "application/json"), 0, "more than 3"},
		"text":                  {"small", request(`{"values":["a",2,3]}`, "application/json"), 0, "not a number"},
		"unnamed values":        {"several", request(`{"values":[1,2]}`, "application/json"), 0, "2 inputs"},
		"a name too many":       {"several", request(`{"values":`+both[:len(both)-1]+`,"x":[1]}}`, "application/json"), 0, "has no input"},
		"a fraction for a word": {"several", request(`{"values":{"left":[1,2],"right":[1,2,0.5]}}`, "application/json"), 0, "does not fit int32"},
		"not JSON":              {"small", request(`{"values":`, "application/json"), 0, "JSON"},
	}
	servers := map[string]*httptest.Server{
		"small": serveHTTP(t, start(t, nil, "small", small)), "several": serveHTTP(t, start(t, nil, "several", several)),
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := servers[c.model]
			status, got := post(t, server.URL, c.e)
			switch {
			case status != http.StatusOK:
				t.Fatalf("status %d", status)
			case c.rejection == "" && got.Type() == eventing.PredictionMade && got.ID() == "r1":
				near(t, c.model, c.record, got.Data())
			case c.rejection == "" || got.Type() != eventing.PredictionRejected || !strings.Contains(string(got.Data()), c.rejection):
				t.Errorf("%s %s", got.Type(), got.Data())
			}
		})
	}
}

func TestTheDoorRefuses(t *testing.T) {
	server := serveHTTP(t, start(t, nil, "small", newJob(t, nil, "small", 0)))
	header := func(typ string) http.Header {
		return http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/x"}, "Ce-Type": {typ}, "Content-Type": {"application/octet-stream"}}
	}
	noPlace := header(eventing.KafkaRecord)
	cases := map[string]struct {
		header http.Header
		body   string
		status int
	}{
		"no event":           {http.Header{"Content-Type": {"application/json"}}, `{}`, http.StatusBadRequest},
		"batch":              {http.Header{"Content-Type": {"application/cloudevents-batch+json"}}, `[]`, http.StatusUnsupportedMediaType},
		"another type":       {header("io.kafkaml.model.register.v1"), "", http.StatusBadRequest},
		"no output topic":    {noPlace, "", http.StatusBadRequest},
		"a body too large":   {header(eventing.PredictionMake), strings.Repeat("x", maxBody+1), http.StatusRequestEntityTooLarge},
		"structured nothing": {http.Header{"Content-Type": {event.ApplicationCloudEventsJSON}}, `{}`, http.StatusBadRequest},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = c.header
			if status, _ := do(t, req); status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
		})
	}
	invoke := event.New()
	invoke.SetID("1")
	invoke.SetSource("/func")
	invoke.SetType(eventing.FuncInvoke)
	if status, e := post(t, server.URL, invoke); status != http.StatusOK || !strings.Contains(string(e.Data()), eventing.PredictionMake) {
		t.Errorf("func invoke: %d %s", status, e.Data())
	}
}
