package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// TestKillAtAnyMoment kills one process after another, whichever and whenever
// chance says, while models are registered, trainings run and records come; and
// starts kafkaml run again where that ended it. Whatever was answered with
// success is there in the end.
func TestKillAtAnyMoment(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano()) // #nosec G115 -- any number will do
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0)) // #nosec G404 -- a test's choice

	m := newMachine(t, nil, "--broker", "kafka")
	m.model("small", "small.py")
	m.kafkaml("configurations", "create", "--name", "one", "--models", "small")
	w := &work{m: m}
	w.deployments = append(w.deployments, m.created(deploySmall...))
	m.kafkaml("stream", "send", m.pointsFile(2200), "--label", "class", "--format", "RAW", "--topic", "points", "--deployment", w.deployments[0])
	first := m.finished(w.deployments[0], 1)[0]
	name := m.created("inferences", "create", "--result", fmt.Sprint(first.ID), "--replicas", "2",
		"--input-topic", "any-in", "--output-topic", "any-out", "--watch")
	served := jsonOf[pipeline.Inference](m, "inferences", "show", name)

	for round := range 4 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.do(round)
		}()
		moment := time.NewTimer(time.Duration(chance.IntN(2500)) * time.Millisecond)
		<-moment.C
		m.killOne(t, chance)
		<-done
		if m.running == nil {
			m.start()
		}
	}
	w.check(t, served)
}

// killOne kills kafkaml run or any process below it.
func (m *machine) killOne(t *testing.T, chance *rand.Rand) {
	t.Helper()
	below := m.children("")
	main, _ := look(m.running.Process.Pid)
	all := append(below, main, main) // twice: it is the one that matters most
	victim := all[chance.IntN(len(all))]
	t.Logf("kill %s", victim.command)
	if victim.pid == main.pid {
		m.kill()
		return
	}
	terminate(victim.pid, syscall.SIGKILL)
	if strings.Contains(victim.command, apacheJava) {
		m.brokerAgain(t, victim)
	}
}

// brokerAgain waits until kafkaml run has started another broker in place of
// the one that was killed, and it answers.
func (m *machine) brokerAgain(t *testing.T, killed child) {
	t.Helper()
	within(t, startTime, "another broker", func() (string, bool) {
		all := m.children(apacheJava)
		return m.said.String(), slices.ContainsFunc(all, func(c child) bool { return c.pid != killed.pid })
	})
	within(t, startTime, "the broker answers", func() (string, bool) {
		c, err := stream.Dial(t.Context(), stream.Config{Brokers: m.Brokers})
		if err != nil {
			return err.Error(), false
		}
		return "", c.Close() == nil
	})
}

// work is what a person does meanwhile, and what of it was answered with success.
type work struct {
	m           *machine
	deployments []string
	models      []string
	records     int
}

var deploySmall = []string{"deployments", "create", "--configuration", "one", "--batch-size", "10", "--training-kwargs", "epochs=20, verbose=0"}

// do tries a round of work; any part may fail.
func (w *work) do(round int) {
	if out, _, code := w.m.try(append(deploySmall, "-o", "name")...); code == 0 {
		_, id, _ := strings.Cut(strings.TrimSpace(out), "/")
		w.deployments = append(w.deployments, id)
		w.m.try("datasources", "resend", "1", "--deployment", id)
	}
	const rows = 500
	if _, _, code := w.m.try("stream", "send", w.m.pointsFile(rows), "--label", "class", "--format", "RAW", "--topic", "any-in", "--predict"); code == 0 {
		w.records += rows
	}
	model := fmt.Sprintf("small-%d", round)
	if _, _, code := w.m.try("models", "create", "--name", model, "-f", w.m.source("small.py")); code == 0 {
		w.models = append(w.models, model)
	}
}

// check wants all that was answered with success.
func (w *work) check(t *testing.T, served pipeline.Inference) {
	t.Helper()
	m, c := w.m, w.m.dial()
	listed := m.kafkaml("models", "list", "-o", "name")
	for _, model := range w.models {
		if _, _, code := m.try("models", "show", model); code != 0 {
			t.Errorf("model %s is lost:\n%s", model, listed)
		}
	}
	if n := total(count(t, c, served.InputTopic)); n < int64(w.records) {
		t.Errorf("%d records are left of %d", n, w.records)
	}
	for _, d := range w.deployments {
		if all := m.results(d); len(all) != 1 {
			t.Fatalf("deployment %s: %s", d, statesOf(all))
		} else if all[0].Status == pipeline.ResultWaiting { // its control message was not sent
			m.kafkaml("datasources", "resend", "1", "--deployment", d)
		}
		within(t, waitTime, "the end of training "+d, func() (string, bool) {
			all := m.results(d)
			return statesOf(all), all[0].Status.Ended()
		})
		if r := m.results(d)[0]; r.Status == pipeline.ResultFailed { // it was the one that was killed, and says so
			t.Logf("result %d: %s", r.ID, r.Reason)
			m.kafkaml("results", "retry", fmt.Sprint(r.ID))
		}
		m.finished(d, 1)
	}
	repeated := everyRecord(t, c, served.ID, served.InputTopic, served.OutputTopic)
	t.Logf("%d records, %d deployments, %d models: none lost; %d predictions came twice", w.records, len(w.deployments), len(w.models), repeated)
}
