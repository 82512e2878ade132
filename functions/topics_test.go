package functions_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// The patterns of topics that an installation is told hold in each of its steps.
func TestAttackTopicsThatTheSettingsExclude(t *testing.T) {
	cluster, dir := streamtest.Cluster(t), t.TempDir()
	deployment, datasource := trainable(t, dir, cluster)
	finish(t, dir)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for k, v := range map[string]string{"deployment": fmt.Sprint(deployment), "topic": "payroll", "label": "class"} {
		_ = w.WriteField(k, v) // to memory
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const asJSON = "application/json"
	inference := `{"result":1,"input_format":"RAW","input_config":{"data_type":"uint8","data_reshape":"2"},"input_topic":%q,"output_topic":%q,"dead_letter_topic":"allowed.dead"}`
	program, err := os.Executable() // stands where those of models are looked for; none of them is run
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"KAFKAML_TOPICS_READ": "allowed.*", "KAFKAML_TOPICS_WRITE": "allowed.*", "KAFKAML_TENSORFLOW": program, "KAFKAML_ONNX": program}
	urls := map[string]string{}
	for _, c := range []struct {
		step, method, path, media, body string
		variable                        string
	}{
		{pipeline.StepRecords, "GET", "/topics/payroll", "", "", "KAFKAML_TOPICS_READ"},
		{pipeline.StepRecords, "POST", "/streams", w.FormDataContentType(), form.String(), "KAFKAML_TOPICS_WRITE"},
		{pipeline.StepControlLog, "POST", fmt.Sprintf("/datasources/%d/resend", datasource), asJSON, fmt.Sprintf(`{"deployment":%d}`, deployment), "KAFKAML_TOPICS_READ"},
		{pipeline.StepDeployInference, "POST", "/inferences", asJSON, fmt.Sprintf(inference, "payroll", "allowed.out"), "KAFKAML_TOPICS_READ"},
		{pipeline.StepDeployInference, "POST", "/inferences", asJSON, fmt.Sprintf(inference, "allowed.in", "payroll"), "KAFKAML_TOPICS_WRITE"},
	} {
		if urls[c.step] == "" {
			urls[c.step] = serve(t, c.step, dir, cluster, env)
		}
		q, err := http.NewRequestWithContext(t.Context(), c.method, urls[c.step]+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", c.media)
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusForbidden || !strings.Contains(string(text), c.variable) {
			t.Errorf("%s %s of %s: %d %s, %v", c.method, c.path, c.step, answer.StatusCode, text, err)
		}
	}
}

// finish finishes the one result of the registry below dir.
func finish(t *testing.T, dir string) {
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
	err = store.Do(t.Context(), func(tx *registry.Tx) error {
		for _, status := range []pipeline.ResultStatus{pipeline.ResultScheduled, pipeline.ResultRunning, pipeline.ResultFinished} {
			r, err := tx.Result(1)
			if err != nil {
				return err
			}
			r.Status, r.Attempt, r.Artifact = status, 1, "results/1/attempt-1"
			if err := tx.UpdateResult(&r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
