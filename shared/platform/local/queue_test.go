package local

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/platformtest"
)

func queued(owner string, deployment int64, n int) (all []*localJob) {
	for i := range n {
		all = append(all, &localJob{Job: platform.Job{
			Name: fmt.Sprintf("%s%d.%d", owner, deployment, i+1), Owner: owner, Spec: pipeline.TrainingJob{Deployment: deployment},
		}})
	}
	return all
}

// However much somebody asks for, others come next: people take turns, and the
// deployments of each.
func TestAttackManyTrainingsOfOne(t *testing.T) {
	var q fairQueue
	for _, j := range slices.Concat(queued("greedy", 1, 3), queued("greedy", 2, 2), queued("ada", 3, 2), queued("bob", 4, 1)) {
		q.push(j)
	}
	gone := queued("ada", 5, 1)[0]
	q.push(gone)
	q.remove(gone)
	q.remove(gone)
	running := map[string]int{"greedy": 2}
	want := "ada3.1 bob4.1 ada3.2 greedy1.1 greedy2.1 greedy1.2 greedy2.2 greedy1.3"
	if got := strings.Join(q.order(running), " "); got != want || running["ada"] != 0 {
		t.Errorf("they would begin as %s, want %s", got, want)
	}
	var began []string
	for who, ok := q.next(running); ok; who, ok = q.next(running) {
		began = append(began, q.pop(who).Name)
		running[who]++
	}
	if got := strings.Join(began, " "); got != want || q.len() != 0 || len(q.of) != 0 {
		t.Errorf("they began as %s, want %s; %d wait still", got, want, q.len())
	}
}

// One person's trainings do not take every place for as long as they run.
func TestAttackAllPlacesOfTrainings(t *testing.T) {
	l, _ := rig(t, Config{Jobs: 2})
	for _, name := range []string{"greedy-1", "greedy-2", "greedy-3", "ada-1", "ada-2"} {
		j := named(name, platformtest.Job(1, platformtest.Stays))
		j.Owner, _, _ = strings.Cut(name, "-")
		if err := l.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := l.Queue(), []string{"ada-2", "greedy-3"}; !slices.Equal(got, want) {
		t.Errorf("%v wait, want %v", got, want)
	}
}
