package keras

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Sources that sleep, wait for a lock or wake now and then hold no place: they are
// ended long before the time is over that a source may take which computes.
func TestAttackSourcesThatSleep(t *testing.T) {
	o := options(t)
	o.Rest = 2 * time.Second
	w := startWorker(t, o)
	for name, source := range map[string]string{
		"sleeps":             "import time\ntime.sleep(600)\n",
		"waits":              "import threading\nthreading.Event().wait()\n",
		"wakes now and then": "import time\nwhile True:\n    time.sleep(0.2)\n",
		"joins a thread":     "import threading, time\nt = threading.Thread(target=lambda: time.sleep(600))\nt.start()\nt.join()\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: source}, t.TempDir())
			if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), "computes nothing") {
				t.Error(err)
			}
		})
	}
	if err := exportSmall(t, w); err != nil {
		t.Errorf("a model that is built under such a bound: %v", err)
	}
}

// What has no processor is not at rest, and what computes is none.
func TestRest(t *testing.T) {
	c := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	r := rest{pid: c.Process.Pid}
	spent, now := int64(0), time.Now()
	eventually(t, "some work", func() bool {
		if r.look(now) != 0 {
			t.Fatal("what computes is at rest")
		}
		now = now.Add(time.Second)
		spent, _ = asleep(c.Process.Pid)
		return spent > 5
	})
	if state, took := statOf([]byte("12 (a) R (b) S 1 1 1 0 -1 4194560 1 0 0 0 7 5 0 0 20 0 1 0 9 1 1")); state != 'S' || took != 12 {
		t.Errorf("%c %d", state, took)
	}
}
