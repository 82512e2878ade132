package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// try types a kafkaml command and gives what it printed and its exit code.
func (m *machine) try(args ...string) (out, said string, code int) {
	m.t.Helper()
	return m.tryWith(nil, args...)
}

// tryWith is try with the variables of another way to Kafka.
func (m *machine) tryWith(env []string, args ...string) (out, said string, code int) {
	m.t.Helper()
	cmd := m.command(args...)
	if env != nil {
		cmd.Env = append(slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "KAFKA_") }), env...)
	}
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	if cmd.ProcessState == nil {
		m.t.Fatalf("kafkaml %s: %v", strings.Join(args, " "), err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// meanwhile types a command beside the test, which sees what it brings about
// however soon that comes; it may fail. The channel is closed at its end.
func (m *machine) meanwhile(args ...string) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.try(args...)
	}()
	return ended
}

// kafkaml types a command that must do what it says.
func (m *machine) kafkaml(args ...string) string {
	m.t.Helper()
	out, said, code := m.try(args...)
	if code != 0 {
		m.t.Fatalf("kafkaml %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, said)
	}
	return out
}

// created types a command that makes a thing, and gives the thing's id.
func (m *machine) created(args ...string) string {
	m.t.Helper()
	out := strings.TrimSpace(m.kafkaml(append(args, "-o", "name")...))
	_, id, ok := strings.Cut(out, "/")
	if !ok {
		m.t.Fatalf("kafkaml %s -o name printed %q", strings.Join(args, " "), out)
	}
	return id
}

// jsonOf types a command with -o json and reads what it prints.
func jsonOf[T any](m *machine, args ...string) (v T) {
	m.t.Helper()
	out := m.kafkaml(append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		m.t.Fatalf("kafkaml %s -o json: %v in %s", strings.Join(args, " "), err, out)
	}
	return v
}

// write puts a file beside the data folder.
func (m *machine) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(m.path(name), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// results are those of a deployment, in the order in which they were made.
func (m *machine) results(deployment string) (all []pipeline.Result) {
	m.t.Helper()
	for r, err := range m.client().Results().All(m.t.Context(), client.Query{Filters: map[string]string{"deployment": deployment}}) {
		if err != nil {
			m.t.Fatal(err)
		}
		all = append([]pipeline.Result{r}, all...)
	}
	return all
}

// finished waits until a deployment's results are over and wants all to have
// finished.
func (m *machine) finished(deployment string, count int) []pipeline.Result {
	m.t.Helper()
	var all []pipeline.Result
	within(m.t, waitTime, "the trainings of deployment "+deployment, func() (string, bool) {
		all = m.results(deployment)
		over := len(all) == count
		for _, r := range all {
			over = over && r.Status.Ended()
		}
		return statesOf(all), over
	})
	for _, r := range all {
		if r.Status != pipeline.ResultFinished {
			m.t.Fatalf("result %d is %s: %s", r.ID, r.Status, r.Reason)
		}
	}
	return all
}

func statesOf(results []pipeline.Result) string {
	var states []string
	for _, r := range results {
		states = append(states, string(r.Status)+" "+r.Reason)
	}
	return strings.Join(states, ", ")
}

// readOut decodes lines of JSON.
func readOut[T any](t testing.TB, text string) (all []T) {
	t.Helper()
	for line := range strings.Lines(text) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, v)
	}
	return all
}
