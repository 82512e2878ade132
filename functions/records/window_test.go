package records_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// With a window the previews show windows, or why there is none.
func TestWindowsAreShown(t *testing.T) {
	r := newRig(t)
	topic := streamtest.Topic(t, r.cluster, 1)
	var all []stream.Record
	for i, y := range []string{"0", "1", "null", "1", "0", "1"} {
		all = append(all, stream.Record{Time: time.Now(), Key: fmt.Append(nil, "k", i%2), Value: fmt.Appendf(nil, `{"v": %d, "y": %s}`, i, y)})
	}
	if _, err := r.cluster.Produce(t.Context(), topic, 0, all); err != nil {
		t.Fatal(err)
	}
	type windows struct {
		preview
		Windows pipeline.Windows
		None    string `json:"no_window"`
	}
	const config = `{"inputs": "v", "label": "y", "window": {"by": %s, "size": 3}}`
	id := r.storedAs(t, r.deployment, all, pipeline.JSON, fmt.Sprintf(config, `"key"`))
	shown := func(says string, p windows) {
		t.Helper()
		if len(p.Items) != 3 || p.Items[0].Error == "" || *p.Items[1].Sample[0][1] != 2 || *p.Items[2].Sample[0][2] != 5 || *p.Items[2].Label[0][0] != 1 ||
			p.Counted != 2 || p.Windows.Windows != 2 || p.Windows.Keys != 2 || !strings.HasPrefix(p.Windows.Said, "2 windows of 3 records") {
			t.Errorf("%s: %+v", says, p)
		}
	}
	var p windows
	if status := r.read(t, fmt.Sprintf("/datasources/%d/records", id), &p); status != http.StatusOK {
		t.Fatalf("status %d, %+v", status, p)
	}
	shown("of a datasource", p)
	for by, none := range map[string]string{`"key"`: "", `"v"`: `of the 6 records looked at, input_config.window.size: no key has 3 records; the most is 1, of key "0"`} {
		var p windows
		body := fmt.Sprintf(`{"deployment": %d, "input_format": "JSON", "input_config": `+config+`}`, r.deployment, by)
		if status := r.try(t, topic, body, &p); status != http.StatusOK || p.None != none {
			t.Errorf("by %s: status %d, %+v", by, status, p)
		}
		if none == "" {
			shown("of a topic", p)
		}
	}
	raw := r.stored(t, r.deployment, []stream.Record{{Key: []byte{0}, Value: []byte{0, 0, 0, 0}}}, `{"data_type": "float32", "data_reshape": "", "label_type": "uint8", "window": {"size": 3}}`)
	if status := r.read(t, fmt.Sprintf("/datasources/%d/records", raw), &p); status != http.StatusOK || !strings.Contains(p.None, "the stream has 1 records for windows of 3 records") {
		t.Errorf("RAW: status %d, %+v", status, p)
	}
}

// A record that is sent by hand to an inference of windows is a step of one: it has
// a key, or says why it needs one.
func TestAStepOfAWindowIsSentByHand(t *testing.T) {
	r := newRig(t)
	i := r.idle(t)
	i.InputConfig = []byte(`{"data_type":"uint8","data_reshape":"","window":{"by":"key","size":3}}`)
	i.Name = "windows"
	if err := r.store.Do(t.Context(), func(tx *registry.Tx) error { return tx.CreateInference(&i) }); err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/inferences/%d/records", i.ID)
	if status, body := r.post(t, path+"?key=a", []byte{1}); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	for body, says := range map[string]string{"\x01": "the record has no key, which tells the sequences apart", "\x01\x02\x03": "has 3 bytes, 1 are wanted"} {
		if status, answer := r.post(t, path, []byte(body)); status != http.StatusUnprocessableEntity || !strings.Contains(answer, says) {
			t.Errorf("%q: %d %s", body, status, answer)
		}
	}
}
