package door_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing/door"
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
