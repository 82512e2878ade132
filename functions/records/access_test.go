package records_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/functions/records"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// patterns are those of two variables.
func patterns(t *testing.T, reads, writes string) (read, write identity.Topics) {
	t.Helper()
	read, write, err := identity.ReadTopics(func(name string) string {
		return map[string]string{"KAFKAML_TOPICS_READ": reads, "KAFKAML_TOPICS_WRITE": writes}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	return read, write
}

// Whoever looks at topics, or puts records on them, does so within the patterns
// of their role, whichever way they take: by a topic's name, a stream or an
// inference.
func TestAttackTopicsOfOthers(t *testing.T) {
	var secret string
	r := newRigWith(t, nil, func(d *records.Deps) {
		secret = streamtest.Topic(t, d.Cluster, 1)
		d.MayRead, d.MayWrite = patterns(t, "!"+secret+",!out,!dead; operator:*", "!"+secret+",!in; operator:*")
	})
	record := []stream.Record{{Value: []byte{1, 2, 3}}}
	if _, err := r.cluster.Produce(t.Context(), secret, 0, record); err != nil {
		t.Fatal(err)
	}
	i := r.idle(t)
	open := r.data
	r.data = secret
	kept := r.stored(t, r.deployment, record, `{"data_type":"uint8","data_reshape":"3"}`)
	r.data = open
	form := func(topic string) ([]byte, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for k, v := range map[string]string{"deployment": fmt.Sprint(r.deployment), "topic": topic, "label": "y"} {
			_ = w.WriteField(k, v)
		}
		file, _ := w.CreateFormFile("file", "t.csv")
		_, _ = io.WriteString(file, "y,a,b,c\n1,1,2,3\n0,1,2,3\n")
		_ = w.Close()
		return b.Bytes(), w.FormDataContentType()
	}
	stream, media := form(secret)
	control, controlMedia := form(r.control)
	preview := fmt.Appendf(nil, `{"deployment":%d,"input_format":"RAW","input_config":{"data_type":"uint8","data_reshape":"3","label_type":"uint8","label_reshape":""}}`, r.deployment)
	join := fmt.Appendf(nil, `{"deployment":%d,"input_format":"JSON","input_config":{"inputs":["a","b","c"],"label":{"from":"topic","topic":%q,"on":"id","path":"y","within":"1h"}}}`, r.deployment, secret)
	one := fmt.Sprintf("/inferences/%d/", i.ID)
	const reads, writes = "KAFKAML_TOPICS_READ", "KAFKAML_TOPICS_WRITE"
	for name, c := range map[string]struct {
		method, path, media string
		body                []byte
		topic, variable     string
	}{
		"look":               {"GET", "/topics/" + secret, "", nil, secret, reads},
		"preview":            {"POST", "/topics/" + secret + "/preview", "application/json", preview, secret, reads},
		"labels":             {"POST", "/topics/" + open + "/preview", "application/json", join, secret, reads},
		"a stream's records": {"GET", fmt.Sprintf("/datasources/%d/records", kept), "", nil, secret, reads},
		"predictions":        {"GET", one + "predictions", "", nil, "out", reads},
		"dead letters":       {"GET", one + "dead-letters", "", nil, "dead", reads},
		"send":               {"POST", "/streams", media, stream, secret, writes},
		"what is sent":       {"POST", "/streams/preview", media, stream, secret, writes},
		"feed":               {"POST", one + "records", "application/octet-stream", []byte{1, 2, 3}, "in", writes},
	} {
		status, body := r.as(t, identity.Editor, c.method, c.path, c.media, c.body)
		if status != http.StatusForbidden || !strings.Contains(body, c.variable) || !strings.Contains(body, c.topic) || !strings.Contains(body, "editor") || !strings.Contains(body, `"hint"`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if c.path == one+"predictions" { // it does not end
			continue
		}
		if status, body := r.as(t, identity.Operator, c.method, c.path, c.media, c.body); status == http.StatusForbidden {
			t.Errorf("%s as operator: %d %s", name, status, body)
		}
	}
	if status, body := r.as(t, identity.Operator, "POST", "/streams", controlMedia, control); status != http.StatusUnprocessableEntity || !strings.Contains(body, "control topic") {
		t.Errorf("records on the control topic: %d %s", status, body)
	}
	for role, sees := range map[identity.Role]bool{identity.Viewer: false, identity.Operator: true} {
		if status, body := r.as(t, role, "GET", "/topics?limit=200&q="+secret, "", nil); status != http.StatusOK || strings.Contains(body, secret) != sees {
			t.Errorf("the list as %s: %d %s", role, status, body)
		}
	}
	if status, body := r.as(t, identity.Viewer, "GET", "/topics/"+open, "", nil); status != http.StatusOK {
		t.Errorf("a topic that all may read: %d %s", status, body)
	}
}

// as sends a request of somebody with a role.
func (r *rig) as(t *testing.T, role identity.Role, method, path, media string, body []byte) (int, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, r.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("X-Role", role.String())
	q.Header.Set("Content-Type", media)
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}
