package e2e

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestCrash kills kafkaml run and its processes at the worst moments and wants
// everything to be there afterwards: models, streams, trainings. TestFaults does
// so while records are predicted.
func TestCrash(t *testing.T) {
	t.Parallel()
	m := newMachine(t, nil, "--broker", "development")

	// While a model is built: the worker that builds it is killed, another takes its place.
	terminate(m.one(zygote).pid, syscall.SIGKILL)
	m.model("small", "small.py")
	m.kafkaml("configurations", "create", "--name", "one", "--models", "small")

	// Before the stream: the deployment waits as a row.
	deployment := m.created("deployments", "create", "--configuration", "one", "--batch-size", "10", "--training-kwargs", "epochs=60, verbose=0")
	m.kill()
	m.start()

	// While it trains: the process of everything, then the training process alone.
	send := m.meanwhile("stream", "send", m.pointsFile(2200), "--label", "class", "--format", "RAW", "--topic", "points", "--partitions", "2",
		"--deployment", deployment, "--test-rate", "0.1")
	m.one(trainer)
	m.kill()
	<-send
	m.start()
	results := m.finished(deployment, 1)
	if r := results[0]; r.Metrics.Test["accuracy"] < 0.85 || r.Lineage.Records != 2200 {
		t.Errorf("after the kill: %+v %+v", r.Metrics, r.Lineage)
	}
}

// TestTrainingThatIsKilledSaysSo kills one training process: the result says
// why, and a retry trains.
func TestTrainingThatIsKilledSaysSo(t *testing.T) {
	t.Parallel()
	m := newMachine(t, nil, "--broker", "development")
	m.model("small", "small.py")
	m.kafkaml("configurations", "create", "--name", "one", "--models", "small")
	deployment := m.created("deployments", "create", "--configuration", "one", "--batch-size", "2", "--training-kwargs", "epochs=20000, verbose=0")
	send := m.meanwhile("stream", "send", m.pointsFile(2200), "--label", "class", "--format", "RAW", "--topic", "points", "--deployment", deployment)
	terminate(m.one(trainer).pid, syscall.SIGKILL)
	<-send
	var r pipeline.Result
	within(t, waitTime, "the killed training", func() (string, bool) {
		all := m.results(deployment)
		r = all[0]
		return statesOf(all), r.Status.Ended()
	})
	if r.Status != pipeline.ResultFailed || r.Reason == "" || r.Hint == "" {
		t.Errorf("%s, %q, %q: want failed with a reason and a hint", r.Status, r.Reason, r.Hint)
	}
	m.kafkaml("results", "retry", fmt.Sprint(r.ID))
	m.one(trainer)
	m.kafkaml("deployments", "stop", deployment)
	if all := m.results(deployment); all[0].Status != pipeline.ResultStopped {
		t.Errorf("after stop: %s", statesOf(all))
	}
}

// TestEndAndStartAgain ends kafkaml run with Ctrl-C in the middle of a
// training, which is then started again once; and a stream that is sent again
// to another deployment brings no data record.
func TestEndAndStartAgain(t *testing.T) {
	t.Parallel()
	m := newMachine(t, nil, "--broker", "development")
	m.model("small", "small.py")
	m.kafkaml("configurations", "create", "--name", "one", "--models", "small")

	// The control message comes first: it names a deployment that is not there yet.
	m.kafkaml("stream", "send", m.pointsFile(2200), "--label", "class", "--format", "RAW", "--topic", "points", "--deployment", "1", "--unchecked")
	const training = "epochs=400, verbose=0"
	const first = "1"
	created := m.meanwhile("deployments", "create", "--configuration", "one", "--batch-size", "10", "--training-kwargs", training)
	begun := m.one(trainer)
	m.hold(begun, "the first epoch", func() (string, bool) {
		all := m.results(first)
		return statesOf(all), len(all) == 1 && all[0].EpochsDone > 0
	})
	<-created
	terminate(begun.pid, syscall.SIGCONT)
	m.end(syscall.SIGINT)
	m.start()
	if r := m.finished(first, 1)[0]; r.Attempt != 2 {
		t.Errorf("attempt %d, want the second", r.Attempt)
	}

	before := records(t, m, "points")
	second := m.created("deployments", "create", "--configuration", "one", "--batch-size", "10", "--training-kwargs", training)
	m.kafkaml("datasources", "resend", "1", "--deployment", second)
	repeat := m.finished(second, 1)[0]
	if after := records(t, m, "points"); after != before {
		t.Errorf("the data topic went from %d to %d records", before, after)
	}
	if one := m.finished(first, 1)[0]; one.Lineage.WeightsHash != repeat.Lineage.WeightsHash {
		t.Errorf("the same seed, source and stream gave %s and %s", one.Lineage.WeightsHash, repeat.Lineage.WeightsHash)
	}
}

// records counts those of a topic.
func records(t *testing.T, m *machine, topic string) (n int64) {
	t.Helper()
	first, next, err := m.dial().Offsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for p := range next {
		n += next[p] - first[p]
	}
	return n
}
