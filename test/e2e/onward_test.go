package e2e

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestGoesOn kills the process of a round, which is replaced by itself and comes to the
// weights of a training from the same result that nobody killed; and goes on from that
// result once more as a .keras file that is imported, to the same loss, and with a layer
// of it frozen.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	m := newMachine(t, nil, "--broker", "development")
	m.model("small", "small.py")
	m.kafkaml("configurations", "create", "--name", "one", "--models", "small")
	const training = "epochs=600, verbose=0, checkpoint={'every_epochs': 20}"
	create := func(configuration string, args ...string) string {
		return m.created(append([]string{"deployments", "create", "--configuration", configuration, "--batch-size", "10", "--training-kwargs", training}, args...)...)
	}
	send := func(n int, topic, deployment string) <-chan struct{} {
		return m.meanwhile("stream", "send", m.pointsFile(n), "--label", "class", "--format", "RAW", "--topic", topic, "--deployment", deployment)
	}
	rounds := create("one", "--mode", "rounds")
	<-send(200, "first", rounds)
	first := m.finished(rounds, 1)[0]
	gone(t, m.children(trainer))
	sent := send(220, "second", rounds)
	round := m.one(trainer)
	m.hold(round, "epoch 50 of the second round", func() (string, bool) {
		all := m.results(rounds)
		return statesOf(all), len(all) == 2 && all[1].EpochsDone >= 50
	})
	terminate(round.pid, syscall.SIGKILL)
	<-sent
	second := m.finished(rounds, 2)[1]
	if second.Parent != first.ID || second.Round != 2 {
		t.Errorf("the second round is round %d, from %d", second.Round, second.Parent)
	}
	same := create("one", "--from", fmt.Sprint(first.ID))
	m.kafkaml("datasources", "resend", fmt.Sprint(second.Datasource), "--deployment", same)
	if r := m.finished(same, 1)[0]; r.Lineage.WeightsHash != second.Lineage.WeightsHash {
		t.Errorf("weights %s, of the killed round %s", r.Lineage.WeightsHash, second.Lineage.WeightsHash)
	}

	m.kafkaml("results", "download", fmt.Sprint(first.ID), "--format", "keras", "--to", "first.keras")
	imported := jsonOf[pipeline.ImportedModel](m, "models", "import", "-f", "first.keras", "--name", "again")
	m.kafkaml("configurations", "create", "--name", "two", "--models", "again")
	onward := create("two", "--from", fmt.Sprint(imported.Result.ID))
	m.kafkaml("datasources", "resend", fmt.Sprint(second.Datasource), "--deployment", onward)
	r := m.finished(onward, 1)[0]
	if is, was := r.Metrics.Training["loss"], second.Metrics.Training["loss"]; r.Parent != imported.Result.ID || !(is-was < 1e-6 && was-is < 1e-6) {
		t.Errorf("from %d it comes to the loss %v, the second round to %v", r.Parent, is, was)
	}

	// With a layer frozen: everything is killed while the model is built with that.
	frozen := m.created("deployments", "create", "--configuration", "two", "--batch-size", "10", "--training-kwargs", "epochs=2", "--from", fmt.Sprint(imported.Result.ID), "--freeze", "dense")
	m.kafkaml("datasources", "resend", fmt.Sprint(second.Datasource), "--deployment", frozen)
	m.kill()
	m.start()
	r = m.finished(frozen, 1)[0]
	m.kafkaml("results", "download", fmt.Sprint(r.ID), "--format", "keras", "--to", "frozen.keras")
	again := jsonOf[pipeline.ImportedModel](m, "models", "import", "-f", "frozen.keras", "--name", "frozen").Model
	if trained := again.Parameters - again.TrainableParameters; r.Attempt != 1 || trained != 3*4+4 {
		t.Errorf("attempt %d, %d parameters are frozen", r.Attempt, trained)
	}
}
