package e2e

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// told waits for a fact of a type after another one, and gives its number.
func (m *machine) told(typ string, after int64) (seq int64) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), waitTime)
	defer cancel()
	err := m.client().Follow(ctx, pipeline.StepDeployTraining, after, nil, func(f client.Fact) error {
		if seq = f.Seq; f.Event.Type() == typ {
			return client.Stop()
		}
		return nil
	})
	if err != nil {
		m.t.Fatalf("%s was not told: %v", typ, err)
	}
	return seq
}

// TestScheduleSurvivesKills kills kafkaml run between any two steps of trainings that a
// deployment begins by itself: once records have come, its window is made, it trains, and
// it is decided who gets the alias. Each window is trained on once, next to the one
// before, and each decision is made and told once.
func TestScheduleSurvivesKills(t *testing.T) {
	t.Parallel()
	rounds := 1
	if os.Getenv("KAFKAML_LONG") != "" {
		rounds = 6
	}
	const first, more, window = 200, 100, 150
	m := newMachine(t, nil, "--broker", "development")
	m.model("small", "small.py")
	m.kafkaml("configurations", "create", "--name", "one", "--models", "small")
	deployment := m.created("deployments", "create", "--configuration", "one", "--batch-size", "10", "--training-kwargs", "epochs=20, verbose=0",
		"--every", "100records", "--window", "150records", "--alias", "champion")
	send := func() {
		m.kafkaml("stream", "send", m.pointsFile(more), "--label", "class", "--format", "RAW", "--topic", "points", "--predict")
	}
	again := func() { // a schedule is looked at when it starts
		m.kill()
		m.start()
	}
	m.kafkaml("stream", "send", m.pointsFile(first), "--label", "class", "--format", "RAW", "--topic", "points", "--deployment", deployment, "--test-rate", "0.2")
	seq := m.told(eventing.DeploymentDecided, 0)
	send()
	for range rounds {
		again()
		m.told(eventing.ResultScheduled, seq)
		again()
		m.told(eventing.ResultProgressed, seq)
		send() // for the window after this one
		again()
		seq = m.told(eventing.DeploymentDecided, seq)
		again()
		seq = m.told(eventing.DeploymentDecided, seq)
		send()
	}
	m.decidedOnce(deployment, 2*rounds, first, more, window)
}

// decidedOnce wants so many windows of a schedule, each with one result and one decision.
func (m *machine) decidedOnce(deployment string, windows int, first, more, size int64) {
	m.t.Helper()
	d := jsonOf[pipeline.Deployment](m, "deployments", "show", deployment)
	results := m.finished(deployment, windows+1)
	champion := results[0].ID
	for i, r := range results[1:] {
		made := d.Retraining.Decisions[i+1]
		end := first + int64(i+1)*more
		if r.Lineage.Ranges[0].Offset != end-size || r.Lineage.Records != size || made.Challenger != r.ID || made.Champion != champion || made.Held == nil {
			m.t.Errorf("window %d: %+v of %+v, decided %+v with the champion %d", i+1, r.Lineage.Records, r.Lineage.Ranges, made, champion)
		}
		if made.Promoted {
			champion = r.ID
		}
	}
	if d.Retraining.Runs != windows || len(d.Retraining.Decisions) != windows+1 {
		m.t.Errorf("%d trainings began, %d decisions were made, want %d and one more", d.Retraining.Runs, len(d.Retraining.Decisions), windows)
	}
	var decided []int64
	m.kafkaml("deployments", "stop", deployment)
	err := m.client().Follow(m.t.Context(), pipeline.StepDeployTraining, 0, nil, func(f client.Fact) error {
		var made pipeline.Decided
		switch f.Event.Type() {
		case eventing.DeploymentDecided:
			err := eventing.Data(f.Event, &made)
			decided = append(decided, made.Decision.Challenger)
			return err
		case eventing.DeploymentStopped:
			return client.Stop()
		}
		return nil
	})
	var want []int64
	for _, r := range results {
		want = append(want, r.ID)
	}
	if err != nil || !slices.Equal(decided, want) {
		m.t.Errorf("decisions were told of %v, want %v: %v", decided, want, err)
	}
	if now := m.results(deployment); !slices.ContainsFunc(now, func(r pipeline.Result) bool { return r.ID == champion && slices.Contains(r.Aliases, "champion") }) {
		m.t.Errorf("result %d does not have the alias", champion)
	}
}
