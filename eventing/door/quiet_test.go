package door_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// A function that is asked again and again for what it cannot do now says so
// once, and at the end how often it was asked.
func TestManyRefusalsAreOneLine(t *testing.T) {
	store, err := registry.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var log bytes.Buffer
	var away atomic.Bool
	away.Store(true)
	server := httptest.NewServer(door.Handler(door.Function{Name: "control-log", Events: map[string]door.EventHandler{
		eventing.KafkaRecord: func(context.Context, event.Event) (*event.Event, error) {
			if away.Load() {
				return nil, &pipeline.Error{Kind: pipeline.Unavailable, Reason: "Kafka is away"}
			}
			return nil, nil
		},
	}}, store, slog.New(slog.NewTextHandler(&log, nil))))
	defer server.Close()
	c := conformance{typ: eventing.KafkaRecord, data: `{}`}
	h, body := c.binary("partition:0/offset:0")
	for range 20 {
		if res, got := post(t, server.URL, h, body); res.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("%d %s", res.StatusCode, got)
		}
	}
	away.Store(false)
	for range 2 {
		post(t, server.URL, h, body)
	}
	server.Close()
	lines := strings.Count(log.String(), "\n")
	if !strings.Contains(log.String(), "Kafka is away") || !strings.Contains(log.String(), "refused=20") || lines != 2 {
		t.Errorf("%d lines:\n%s", lines, &log)
	}
}
