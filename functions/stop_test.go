package functions_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	function "github.com/kafkaml/kafkaml"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// lastWords stands in for a training: told to end, it asks the functions, as one
// that reports does, and writes the answer's status to a file.
const lastWords = `#!/usr/bin/env python3
import os, signal, sys, urllib.error, urllib.request

def end(*_):
    try:
        status = urllib.request.urlopen(os.environ["K_SINK"] + "deployments").status
    except urllib.error.HTTPError as e:
        status = e.code
    with open(os.environ["KAFKAML_TEST_LAST_WORDS"] + ".answer", "w") as f:
        f.write(str(status))
    sys.exit(143)

signal.signal(signal.SIGTERM, end)
open(os.environ["KAFKAML_TEST_LAST_WORDS"], "w").close()
while True:
    signal.pause()
`

// A training that reports while the functions end is heard.
func TestTrainingsAreHeardUntilTheyHaveEnded(t *testing.T) {
	cluster, dir := streamtest.Cluster(t), t.TempDir()
	_, datasource := trainable(t, dir, cluster)
	scheduled(t, dir, datasource)
	program, up := filepath.Join(dir, "training"), filepath.Join(dir, "up")
	if err := os.WriteFile(program, []byte(lastWords), 0o700); err != nil { // #nosec G306 -- it is a program
		t.Fatal(err)
	}
	t.Setenv("KAFKAML_TEST_LAST_WORDS", up)
	i := functions.NewInstance(function.Frameworks(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	server := httptest.NewServer(http.HandlerFunc(i.Handle))
	defer server.Close()
	if err := i.Start(t.Context(), map[string]string{
		"KAFKAML_DATA": dir, "KAFKA_BROKERS": strings.Join(cluster.Config().Brokers, ","), "BASE_URL": server.URL, "KAFKAML_TENSORFLOW": program, "KAFKAML_ONNX": program,
	}); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, up)
	if err := i.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if status, err := os.ReadFile(up + ".answer"); err != nil || string(status) != "200" {
		t.Errorf("at its end the training is answered %q, %v", status, err)
	}
	if res, err := http.Get(server.URL + "/deploy-training/deployments"); err != nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after the end: %v, %v", res, err)
	} else {
		_ = res.Body.Close()
	}
}

// scheduled has the result of trainable train on a datasource.
func scheduled(t *testing.T, dir string, datasource int64) {
	t.Helper()
	store, err := registry.Open(t.Context(), "sqlite:"+filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = store.Do(t.Context(), func(tx *registry.Tx) error {
		r, err := tx.Result(1)
		if err != nil {
			return err
		}
		r.Status, r.Attempt, r.Datasource = pipeline.ResultScheduled, 1, datasource
		return tx.UpdateResult(&r)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; <-time.After(10 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not appear", path)
		}
	}
}
