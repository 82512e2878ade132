package local

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/platform/platformtest"
)

// waiting are the processes that wait for work.
func (l *Platform) waiting() (pids []int) {
	l.spares.mu.Lock()
	defer l.spares.mu.Unlock()
	for _, s := range l.spares.waiting {
		pids = append(pids, s.cmd.Process.Pid)
	}
	return pids
}

func runs(pid int) bool { return syscall.Kill(pid, 0) == nil }

// A Job that was expected runs in the process that waits for it, and what that writes
// is in its log.
func TestExpectedJob(t *testing.T) {
	l, ended := rig(t, Config{Jobs: 4})
	for range mostSpares + 2 {
		l.Expect("")
	}
	l.Expect("a framework that is not here")
	waiting := l.waiting()
	if len(waiting) != mostSpares {
		t.Fatalf("%d processes wait", len(waiting))
	}
	if err := l.Start(t.Context(), platformtest.Job(1, platformtest.Stays)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Job runs", func() bool { return l.pid("train-1-2") != 0 })
	if pid := l.pid("train-1-2"); pid != waiting[0] {
		t.Errorf("the Job is process %d, %v waited", pid, waiting)
	}
	eventually(t, "it says what it has read", func() bool {
		log, err := l.Log(t.Context(), "train-1-2")
		return err == nil && strings.Contains(log, "training "+platformtest.Stays)
	})
	if err := l.Stop(t.Context(), "train-1-2"); err != nil || runs(waiting[0]) {
		t.Errorf("stopped with %v, runs: %v", err, runs(waiting[0]))
	}

	if err := syscall.Kill(waiting[1], syscall.SIGKILL); err != nil { // it is of no use then, and does no harm
		t.Fatal(err)
	}
	eventually(t, "it has ended", func() bool { return !runs(waiting[1]) })
	if err := l.Start(t.Context(), named("train-3-1", platformtest.Job(3, platformtest.Succeeds))); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, ended); !e.OK {
		t.Errorf("%+v", e)
	}
	if left := l.waiting(); len(left) != 0 {
		t.Errorf("%v wait still", left)
	}
}

// A process whose Job does not come ends by itself, and with the platform.
func TestExpectedJobDoesNotCome(t *testing.T) {
	var l *Platform
	var first, second []int
	t.Run("open", func(t *testing.T) {
		l, _ = rig(t, Config{Jobs: 1})
		l.spares.waits = time.Second
		l.Expect("")
		first = l.waiting()
		eventually(t, "it is over", func() bool { return len(l.waiting()) == 0 })
		l.spares.waits = time.Hour
		l.Expect("")
		second = l.waiting()
	})
	if len(first) != 1 || len(second) != 1 {
		t.Fatalf("%v and %v waited", first, second)
	}
	for _, pid := range append(first, second...) {
		if runs(pid) {
			t.Errorf("process %d goes on", pid)
		}
	}
	if l.Expect(""); len(l.waiting()) != 0 {
		t.Errorf("%v wait after the end", l.waiting())
	}
}
