package deploytraining

import (
	"slices"
	"sync"
	"testing"

	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// Two replicas of the function share a PostgreSQL database and a cluster. The
// deployment is created at one while its stream arrives at both, many times
// over, and both reconcile.
func TestReplicasStartEachJobOnce(t *testing.T) {
	jobs := &recorder{running: map[string]platform.Job{}}
	database := registrytest.Postgres(t)
	one, other := rigOn(t, database, jobs), rigOn(t, database, jobs)
	c := one.configuration(t, image, image, image)
	d := one.stream(t, 1, 0)
	var all sync.WaitGroup
	all.Go(func() { one.deploy(t, c) })
	for range 20 {
		all.Go(func() { one.arrives(t, d) })
		all.Go(func() { other.arrives(t, d) })
		all.Go(func() { other.reconcile(t) })
	}
	all.Wait()
	want := []string{"train-1-1", "train-2-1", "train-3-1"}
	if got := jobs.names(); !slices.Equal(got, want) {
		t.Errorf("started %v, want %v", got, want)
	}
}
