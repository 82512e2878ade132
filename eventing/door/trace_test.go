package door_test

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/tracing"
	"github.com/kafkaml/kafkaml/shared/tracing/tracingtest"
)

// A command's fact belongs to the trace that the command came in: of its event
// before that of its request. Where there is none, it has one of its own.
func TestTraceOfACommand(t *testing.T) {
	r := newRig(t, door.Config{})
	const ofEvent, ofRequest = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	asEvent := map[string]string{"Ce-Specversion": "1.0", "Ce-Type": "io.kafkaml.model.register.v1", "Ce-Source": "/test", "Content-Type": "application/json"}
	cases := []struct {
		name, path string
		header     map[string]string
		want       string
	}{
		{"REST", "/models", map[string]string{"Traceparent": ofRequest}, ofRequest},
		{"REST without", "/models", nil, ""},
		{"REST, malformed", "/models", map[string]string{"Traceparent": "00-x"}, ""},
		{"event", "/", map[string]string{"Ce-Id": "1", "Ce-Traceparent": ofEvent, "Traceparent": ofRequest}, ofEvent},
		{"event of a request that has one", "/", map[string]string{"Ce-Id": "2", "Traceparent": ofRequest}, ofRequest},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := maps.Clone(asJSON)
			if c.path == "/" {
				h = maps.Clone(asEvent)
			}
			maps.Copy(h, c.header)
			if res, body := post(t, r.url(c.path), h, `{"name":"`+strings.Repeat("m", i+1)+`","source":"s"}`); res.StatusCode >= http.StatusBadRequest {
				t.Fatalf("%d: %s", res.StatusCode, body)
			}
			events, err := r.store.Events(t.Context(), int64(i), 1)
			if err != nil || len(events) != 1 {
				t.Fatal(events, err)
			}
			got, _ := events[0].Event.Extensions()["traceparent"].(string)
			if c.want != "" && got != c.want || len(got) != len(ofEvent) || c.want == "" && got[3:35] == ofRequest[3:35] {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// The span of a command over REST says how it was answered; it has failed where the
// fault is ours.
func TestSpansOfCommands(t *testing.T) {
	collected := tracingtest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.URL)
	flush, err := tracing.Open(t.Context(), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, door.Config{})
	asked := []struct {
		path, body string
		status     int
		fault      string
	}{
		{"/models", `{"name":"m","source":"s"}`, http.StatusCreated, ""},
		{"/models", `{"name":"m","source":"s"}`, http.StatusConflict, "conflict"},
		{"/models/validate", `{"source":"x"}`, http.StatusInternalServerError, "internal"},
	}
	for i, a := range asked {
		header := map[string]string{"Content-Type": "application/json", "traceparent": fmt.Sprintf("00-%032x-b7ad6b7169203331-01", i+1)}
		if res, body := post(t, r.url(a.path), header, a.body); res.StatusCode != a.status {
			t.Fatalf("%s: %d %s", a.path, res.StatusCode, body)
		}
	}
	flush()
	for i, a := range asked {
		s := collected.Await(t, fmt.Sprintf("%032x", i+1), "POST "+a.path)[0]
		if s.Attributes["http.response.status_code"] != fmt.Sprint(a.status) || s.Attributes["http.route"] != a.path || s.Attributes["error.type"] != a.fault || s.Error != (a.status >= 500) {
			t.Errorf("%d: %+v", a.status, s)
		}
	}
}
