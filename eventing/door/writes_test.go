package door_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// A command is one transaction: its effect, its fact and its answer. What is
// refused writes its answer, what fails its line of the audit, a repetition
// nothing, and a fact its effect alone.
func TestOneWriteForOneCommand(t *testing.T) {
	r := newRig(t, door.Config{})
	for _, c := range []struct {
		name            string
		event           conformance
		writes, answers int64
	}{
		{"a command", conformance{typ: eventing.ModelRegister, data: `{"name":"m","source":"s"}`}, 1, 1},
		{"refused before its transaction", conformance{typ: eventing.ModelRegister, data: `{"name":"n","source":"?"}`}, 1, 1},
		{"refused within its transaction", conformance{typ: eventing.ModelRegister, data: `{"name":"m","source":"s"}`}, 1, 1},
		{"a command that changes nothing", conformance{typ: eventing.ModelValidate, data: `{"source":"none"}`}, 1, 1},
		{"off its schema", conformance{typ: eventing.ModelRegister, data: `{}`}, 1, 0},
		{"a fault of ours", conformance{typ: eventing.ModelValidate, data: `{"source":"fault"}`}, 1, 0},
		{"a fact", conformance{typ: eventing.TrainingProgressed, data: `{"result":1,"attempt":1}`}, 1, 0},
		{"a record", conformance{typ: eventing.KafkaRecord, data: `{}`}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, again := range []bool{false, true} {
				writes, answers := r.commits(), registrytest.Rows(t, r.path, "commands")
				h, body := c.event.binary(c.name)
				post(t, r.url("/"), h, body)
				writes, answers = r.commits()-writes, registrytest.Rows(t, r.path, "commands")-answers
				want, stored := c.writes, c.answers
				if again {
					if stored = 0; c.answers > 0 {
						want = 0
					}
				}
				if writes != want || int64(answers) != stored {
					t.Errorf("repeated: %v: %d writes and %d answers, want %d and %d", again, writes, answers, want, stored)
				}
			}
		})
	}
}

// Two processes that get the same command, at once or one after the other, give
// one effect and one answer.
func TestOneEffectAcrossProcesses(t *testing.T) {
	one := newRig(t, door.Config{})
	another := rigOn(t, one.path, door.Config{})
	for n := range 20 {
		h, body := conformance{typ: eventing.ModelRegister, data: fmt.Sprintf(`{"name":"m%d","source":"s"}`, n)}.binary(fmt.Sprint(n))
		answers := make(chan string, 2)
		for _, r := range []*rig{one, another} {
			go func() {
				_, got := post(t, r.url("/"), h, body)
				answers <- got
			}()
		}
		a, b := <-answers, <-answers
		if a != b || !strings.Contains(a, fmt.Sprintf(`"id":%d,`, n+1)) {
			t.Fatalf("answers differ: %s and %s", a, b)
		}
	}
	if n := registrytest.Rows(t, one.path, "models"); n != 20 {
		t.Errorf("%d models of 20 commands", n)
	}
}

// What fails after its commit is to be tried again, and then gets its answer.
func TestFailureAfterTheCommit(t *testing.T) {
	r := newRig(t, door.Config{})
	h, body := conformance{typ: eventing.ModelValidate, data: `{"source":"late"}`}.binary("1")
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusNoContent} {
		if res, answer := post(t, r.url("/"), h, body); res.StatusCode != status {
			t.Errorf("%d, want %d: %s", res.StatusCode, status, answer)
		}
	}
}

// A command that ends without a commit would have no lasting answer.
func TestCommandWithoutACommit(t *testing.T) {
	r := newRig(t, door.Config{})
	h, body := conformance{typ: eventing.ModelValidate, data: `{"source":"forgetful"}`}.binary("1")
	if res, answer := post(t, r.url("/"), h, body); res.StatusCode != http.StatusInternalServerError {
		t.Errorf("%d: %s", res.StatusCode, answer)
	}
}

// Requests without an Idempotency-Key are commands, too.
func TestOneWriteForOneRequest(t *testing.T) {
	r := newRig(t, door.Config{})
	before := r.commits()
	for i := range 3 {
		if res, body := post(t, r.url("/models"), asJSON, fmt.Sprintf(`{"name":"m%d","source":"s"}`, i)); res.StatusCode != http.StatusCreated {
			t.Fatalf("%d: %s", res.StatusCode, body)
		}
	}
	if writes := r.commits() - before; writes != 3 {
		t.Errorf("3 requests are %d writes", writes)
	}
}
