package predict

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

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
