package deployinference_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Topics that would send a record round for ever, or that are not an inference's
// to read or write, are refused with the way that a record would go.
func TestAttackLoopOfTopics(t *testing.T) {
	r := newRig(t)
	r.deploy(t, members{"name": "one", "input_topic": "a", "output_topic": "b", "dead_letter_topic": "a-dead"})
	r.deploy(t, members{"name": "two", "input_topic": "b", "output_topic": "c", "dead_letter_topic": "b-dead"}) // a chain
	r.deploy(t, members{"name": "mender", "input_topic": "a-dead", "output_topic": "mended", "dead_letter_topic": "lost"})
	for _, c := range []struct {
		name   string
		form   members
		field  string
		reason string
	}{
		{"out to its own input", members{"input_topic": "x", "output_topic": "x"}, "output_topic", "predicted again"},
		{"two, by their outputs", members{"input_topic": "b", "output_topic": "a"}, "output_topic", "b -> a (output_topic of this inference) -> b (output_topic of inference 1, one)"},
		{"three, by their outputs", members{"input_topic": "c", "output_topic": "a"}, "output_topic", "c (output_topic of inference 2, two)"},
		{"crossed dead letters", members{"input_topic": "a-dead", "output_topic": "x", "dead_letter_topic": "a"}, "dead_letter_topic", "a-dead (dead_letter_topic of inference 1, one)"},
		{"a dead letter and an output", members{"input_topic": "mended", "output_topic": "x", "dead_letter_topic": "a"}, "dead_letter_topic", "mended (output_topic of inference 3, mender)"},
		{"the control topic in", members{"input_topic": "control", "output_topic": "x"}, "input_topic", "control topic"},
		{"the control topic out", members{"input_topic": "x", "output_topic": "control"}, "output_topic", "control topic"},
		{"the control topic for dead letters", members{"input_topic": "x", "output_topic": "y", "dead_letter_topic": "control"}, "dead_letter_topic", "control topic"},
		{"a topic of Kafka's", members{"input_topic": "x", "output_topic": "__consumer_offsets"}, "output_topic", "Kafka's own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.form["result"] = r.result
			status, body := r.call(t, "POST", "/inferences", c.form)
			text := strings.ReplaceAll(string(body), `\u003e`, ">")
			if status != http.StatusUnprocessableEntity || !strings.Contains(text, fmt.Sprintf(`"field":%q`, c.field)) || !strings.Contains(text, c.reason) {
				t.Errorf("%d: %s", status, text)
			}
		})
	}
	if status, body := r.call(t, "PUT", "/inferences/2", members{"output_topic": "a"}); status != http.StatusUnprocessableEntity || !strings.Contains(string(body), "go round for ever") {
		t.Errorf("an update: %d: %s", status, body)
	}
	if status, body := r.call(t, "PUT", "/inferences/2", members{"output_topic": "d"}); status != http.StatusOK {
		t.Errorf("an update that closes no circle: %d: %s", status, body)
	}
}

// Of two that would close a circle together, at the same time, one is refused.
func TestAttackLoopOfTopicsByTwoAtOnce(t *testing.T) {
	r := newRig(t)
	var made sync.Map
	var both sync.WaitGroup
	for from, to := range map[string]string{"p": "q", "q": "p"} {
		both.Go(func() {
			status, _ := r.call(t, "POST", "/inferences", members{"result": r.result, "input_topic": from, "output_topic": to})
			made.Store(from, status)
		})
	}
	both.Wait()
	p, _ := made.Load("p")
	q, _ := made.Load("q")
	if p == q || p != http.StatusCreated && q != http.StatusCreated {
		t.Errorf("p to q: %v, q to p: %v; want one that is made", p, q)
	}
}
