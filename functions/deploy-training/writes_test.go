package deploytraining

import (
	"path/filepath"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// A report is one transaction, and nothing is stored about it but its effect.
func TestReportsLeaveNoAnswers(t *testing.T) {
	const reports = 1000
	path := filepath.Join(t.TempDir(), "registry.db")
	commits := registrytest.Commits(t, path)
	r := rigOn(t, "sqlite:"+path, &recorder{running: map[string]platform.Job{}})
	r.deploy(t, r.configuration(t, image))
	r.arrives(t, r.stream(t, 1, 0))
	answers, events, before := registrytest.Rows(t, path, "commands"), registrytest.Rows(t, path, "events"), commits()
	if answers != 1 {
		t.Errorf("%d answers are stored after one command", answers)
	}
	for n := range reports {
		r.progress(t, 1, n+1, n+1)
	}
	if n := commits() - before; n != reports {
		t.Errorf("%d reports are %d transactions", reports, n)
	}
	if n := registrytest.Rows(t, path, "commands") - answers; n != 0 {
		t.Errorf("%d reports leave %d answers", reports, n)
	}
	if n := registrytest.Rows(t, path, "events") - events; n != reports {
		t.Errorf("%d reports are published as %d facts", reports, n)
	}
}

// A report that is delivered twice, to one process or another, counts once.
func TestRepeatedReportIsOneFact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	jobs := &recorder{running: map[string]platform.Job{}}
	r, another := rigOn(t, "sqlite:"+path, jobs), rigOn(t, "sqlite:"+path, jobs)
	r.deploy(t, r.configuration(t, image))
	r.arrives(t, r.stream(t, 1, 0))
	events := registrytest.Rows(t, path, "events")
	r.progress(t, 1, 4, 5)
	another.progress(t, 1, 4, 5)
	r.progress(t, 1, 1, 4) // late, and one of them again
	another.deliver(t, eventing.TrainingFailed, 1, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "out of memory"})
	r.deliver(t, eventing.TrainingFailed, 1, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "out of memory"})
	if n := registrytest.Rows(t, path, "events") - events; n != 3 {
		t.Errorf("%d facts, want two of progress and one of the end", n)
	}
	if got := r.result(t, 1); got.EpochsDone != 5 || registrytest.Rows(t, path, "epochs") != 5 {
		t.Errorf("got %+v", got)
	}
}
