package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/artifact/artifacttest"
)

// TestDiskFills fills the disk of a data folder, where the registry, the models, the
// logs and the broker's records lie, under predictions and commands: what was
// confirmed is there when it has room again. With KAFKAML_LONG=1 it does so three
// times, for half a minute, and the broker is Apache Kafka.
func TestDiskFills(t *testing.T) {
	t.Parallel()
	broker, times, outage := "development", 1, 2*time.Second
	if os.Getenv("KAFKAML_LONG") != "" {
		broker, times, outage = "kafka", 3, 30*time.Second
	}
	m := &machine{t: t, dir: folder(t), args: []string{"--broker", broker}, port: freePort(t), kafkaPort: freePort(t), disk: 1024}
	if err := os.Mkdir(m.path("data"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.begin()
	w := &world{machine: m, c: m.dial(), outage: outage}
	w.reasons = []string{"no space left", "free in"} // before anything was learned
	w.train()
	disk := artifacttest.Disk(m.running.Process.Pid, m.path("data"))
	stop := w.load()
	defer stop()
	fill := func(while func(strike func())) func(*world) {
		return func(w *world) {
			while(func() {
				free := artifacttest.Fill(t, disk)
				time.Sleep(w.outage) // the fault lasts so long
				free()
			})
		}
	}
	t.Log("\n" + tableOf([]report{
		w.let(fault{name: "the disk full in the middle of commands", strike: fill(w.commandsWhile)}, times),
		w.let(fault{name: "the disk full in a training", strike: fill(w.trainingWhile)}, times),
	}))
}
