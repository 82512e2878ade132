package functions_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	function "github.com/kafkaml/kafkaml"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// serve starts one step as func-go does, with its state in dir, and gives its
// URL.
func serve(t *testing.T, step, dir string, cluster *stream.Cluster, env map[string]string) string {
	t.Helper()
	all := map[string]string{
		"FUNCTION": step, "KAFKAML_DATA": dir, "KAFKA_BROKERS": strings.Join(cluster.Config().Brokers, ","),
	}
	for k, v := range env {
		all[k] = v
	}
	i := functions.NewInstance(function.Frameworks(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err := i.Start(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(i.Handle))
	t.Cleanup(func() {
		server.Close()
		if err := i.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// Nothing is served from a half of what a backup held.
func TestUnfinishedRestoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := artifact.Open(t.Context(), "file://"+filepath.Join(dir, "artifacts"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Put(t.Context(), "restoring", strings.NewReader("x")), s.Close()); err != nil {
		t.Fatal(err)
	}
	h, err := functions.Open(t.Context(), functions.Config{
		Step: pipeline.StepDeployTraining, Data: dir, Frameworks: function.Frameworks(),
	}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if pipeline.KindOf(err) != pipeline.Unavailable || !strings.Contains(err.Error(), "a backup was being restored here") {
		t.Errorf("%v, %v", h, err)
	}
}

// trainable puts a deployment of a model of two numbers, and a datasource over
// one record, into the registry below dir.
func trainable(t *testing.T, dir string, cluster *stream.Cluster) (deployment, datasource int64) {
	t.Helper()
	store, err := registry.Open(t.Context(), "sqlite:"+filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	topic := streamtest.Topic(t, cluster, 1)
	if _, err := cluster.Produce(t.Context(), topic, 0, []stream.Record{{Value: []byte{1, 2}}}); err != nil {
		t.Fatal(err)
	}
	err = store.Do(t.Context(), func(tx *registry.Tx) error {
		d, _, err := registrytest.Deployed(tx, pipeline.Model{Name: "m", Export: pipeline.Export{
			Inputs: []pipeline.Tensor{{Name: "input", DType: "float32", Shape: []int{2}}},
			Labels: []pipeline.Tensor{{Name: "output", DType: "int32", Shape: []int{}}},
		}})
		if err != nil {
			return err
		}
		s := pipeline.Datasource{
			Deployment: d.ID, InputFormat: pipeline.RAW, InputConfig: json.RawMessage(`{"data_type":"uint8","data_reshape":"2"}`), TotalMsg: 1,
			Ranges: []pipeline.Range{{Topic: topic, Length: 1}}, Origin: pipeline.Origin{Topic: "before"},
		}
		deployment = d.ID
		err = tx.CreateDatasource(&s)
		datasource = s.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return deployment, datasource
}

// Whoever announces a stream does so on the topic that CONTROL_TOPIC names.
func TestStreamsAreAnnouncedOnTheConfiguredTopic(t *testing.T) {
	cluster, dir := streamtest.Cluster(t), t.TempDir()
	deployment, datasource := trainable(t, dir, cluster)
	told := make(chan http.Header, 1)
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header
		w.WriteHeader(http.StatusNoContent)
	}))
	defer sink.Close()
	env := map[string]string{"CONTROL_TOPIC": "announcements", "K_SINK": sink.URL, "K_CE_OVERRIDES": `{"extensions":{"tenant":"a"}}`}

	t.Run("sent again", func(t *testing.T) {
		url := serve(t, pipeline.StepControlLog, dir, cluster, env)
		var again pipeline.Datasource
		body := fmt.Sprintf(`{"deployment":%d}`, deployment)
		post(t, fmt.Sprintf("%s/datasources/%d/resend", url, datasource), "application/json", strings.NewReader(body), &again)
		if again.Origin.Topic != "announcements" {
			t.Errorf("announced on %q", again.Origin.Topic)
		}
		if h := <-told; h.Get("Ce-Tenant") != "a" {
			t.Errorf("deploy-training was told without what a SinkBinding adds: %v", h)
		}
	})
	t.Run("sent by hand", func(t *testing.T) {
		url := serve(t, pipeline.StepRecords, dir, cluster, env)
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		for k, v := range map[string]string{"deployment": fmt.Sprint(deployment), "topic": "iris", "label": "class"} {
			_ = w.WriteField(k, v) // to memory
		}
		file, err := w.CreateFormFile("file", "iris.csv")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(file, "a,b,class\n1,2,0\n")
		_ = w.Close()
		var sent struct{ Control pipeline.Origin }
		post(t, url+"/streams", w.FormDataContentType(), &form, &sent)
		if sent.Control.Topic != "announcements" {
			t.Errorf("announced on %q", sent.Control.Topic)
		}
	})
}

// post sends a request that makes something, and reads what it made into v.
func post(t *testing.T, url, contentType string, body io.Reader, v any) {
	t.Helper()
	answer, err := http.Post(url, contentType, body) // #nosec G107 -- a test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s, %v", answer.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
}
