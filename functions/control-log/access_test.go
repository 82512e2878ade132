package controllog_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A topic that may not be read is not read by training on it: neither by a
// datasource of it, nor by the one of somebody else sent again, nor by a control
// message.
func TestAttackTrainingOnTopicsOfOthers(t *testing.T) {
	read, _, err := identity.ReadTopics(func(name string) string {
		return map[string]string{"KAFKAML_TOPICS_READ": "sensors.*; operator:*,!payroll*"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	r := newRigThat(t, read)
	payroll := "payroll" + streamtest.Name(t)
	if err := r.cluster.EnsureTopic(t.Context(), payroll, 1); err != nil {
		t.Fatal(err)
	}
	deployment, other := r.deployment(t), int64(0)
	err = r.store.Do(t.Context(), func(tx *registry.Tx) error {
		d, _, err := registrytest.Deployed(tx, pipeline.Model{Name: "other"})
		other = d.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	form := func(topic string) string {
		b, _ := json.Marshal(map[string]any{"deployment": deployment, "topic": topic, "input_format": "RAW", "input_config": map[string]any{"data_type": "uint8"}})
		return string(b)
	}
	post := func(role identity.Role, path, body string) (int, string) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("X-Role", role.String())
		q.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	refused := func(what string, status int, body, topic, role string) {
		t.Helper()
		if status != http.StatusForbidden || !strings.Contains(body, "KAFKAML_TOPICS_READ") || !strings.Contains(body, topic) || !strings.Contains(body, role) {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	for named, topic := range map[string]string{
		r.data: r.data, "[" + r.data + ":0:0:10]": r.data, "sensors.a, " + r.data: r.data, "nowhere": "nowhere",
	} {
		status, body := post(identity.Editor, "/datasources", form(named))
		refused(named, status, body, topic, "editor")
	}
	status, body := post(identity.Operator, "/datasources", form(payroll))
	refused("a topic that is nobody's", status, body, payroll, "operator")
	if status, body = post(identity.Operator, "/datasources", form(r.data)); status != http.StatusCreated {
		t.Fatalf("as operator: %d %s", status, body)
	}
	again := fmt.Sprintf(`{"deployment":%d}`, other)
	status, body = post(identity.Editor, "/datasources/1/resend", again)
	refused("sent again", status, body, r.data, "editor")
	if status, body = post(identity.Operator, "/datasources/1/resend", again); status != http.StatusCreated {
		t.Errorf("sent again as operator: %d %s", status, body)
	}
	if _, err := r.cluster.Produce(t.Context(), payroll, 0, []stream.Record{{Key: []byte{1}, Value: []byte{1, 2, 3, 4}}}); err != nil {
		t.Fatal(err)
	}
	message := r.record(t, []byte{1}, r.value(map[string]any{"topic": payroll + ":0:0:1", "total_msg": 1}))
	if status, _ := r.send(t, kafkaSource(message)); status != http.StatusOK {
		t.Errorf("the control message: %d", status)
	}
	var d pipeline.Datasource
	if r.get(t, "/datasources/3", &d); d.Rejected == nil || d.Rejected.Field != "topic" || !strings.Contains(d.Rejected.Reason, payroll) || !strings.Contains(d.Rejected.Reason, "KAFKAML_TOPICS_READ") {
		t.Errorf("%+v", d)
	}
}
