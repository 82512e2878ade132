package deployinference_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/identity"
)

// An inference reads and writes what the role of whoever asks for it may, when it
// is made and when it is changed; no topic is made of one that is refused.
func TestAttackInferenceOfTopicsOfOthers(t *testing.T) {
	r := newRig(t)
	r.end()
	var err error
	r.mayRead, r.mayWrite, err = identity.ReadTopics(func(name string) string {
		return map[string]string{"KAFKAML_TOPICS_READ": "sensors.*;operator:*", "KAFKAML_TOPICS_WRITE": "predictions.*,*.dead;operator:*"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	r.begin(t)
	send := func(role identity.Role, method, path string, form members) (int, string) {
		b, _ := json.Marshal(form)
		q, err := http.NewRequestWithContext(t.Context(), method, r.URL+path, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("X-Role", role.String())
		res, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	form := func(changes members) members {
		f := members{"result": r.result, "name": "own", "input_topic": "sensors.a", "output_topic": "predictions.a", "dead_letter_topic": "sensors.a.dead"}
		for k, v := range changes {
			f[k] = v
		}
		return f
	}
	refused := map[string]string{"input_topic": "KAFKAML_TOPICS_READ", "output_topic": "KAFKAML_TOPICS_WRITE", "dead_letter_topic": "KAFKAML_TOPICS_WRITE"}
	check := func(what string, status int, body, field, variable string) {
		t.Helper()
		for _, word := range []string{variable, "payroll", "editor", fmt.Sprintf(`"field":%q`, field)} {
			if status != http.StatusForbidden || !strings.Contains(body, word) {
				t.Errorf("%s, %s: %d %s", what, field, status, body)
				return
			}
		}
	}
	for field, variable := range refused {
		status, body := send(identity.Editor, "POST", "/inferences", form(members{field: "payroll"}))
		check("made", status, body, field, variable)
	}
	if names, err := r.cluster.Topics(t.Context()); err != nil || strings.Contains(strings.Join(names, " "), "payroll") {
		t.Errorf("%v %v", names, err)
	}
	status, body := send(identity.Editor, "POST", "/inferences", form(nil))
	if status != http.StatusCreated {
		t.Fatalf("one's own: %d %s", status, body)
	}
	for _, field := range []string{"output_topic", "dead_letter_topic"} {
		status, body := send(identity.Editor, "PUT", "/inferences/1", members{field: "payroll"})
		check("changed", status, body, field, refused[field])
	}
	if status, body := send(identity.Operator, "PUT", "/inferences/1", members{"output_topic": "payroll"}); status != http.StatusOK {
		t.Errorf("by an operator: %d %s", status, body)
	}
}
