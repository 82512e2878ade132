package local

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/platform/platformtest"
)

// When memory runs out the kernel kills a training, not the functions or the broker.
func TestChildrenAreKilledFirst(t *testing.T) {
	l, _ := rig(t, Config{})
	if err := l.Start(t.Context(), platformtest.Job(1, platformtest.Stays)); err != nil {
		t.Fatal(err)
	}
	var pid int
	eventually(t, "the job runs", func() bool { pid = l.pid("train-1-2"); return pid != 0 })
	if child, own := oomScore(t, pid), oomScore(t, os.Getpid()); child <= own {
		t.Errorf("the training's adjustment is %d, that of the functions %d", child, own)
	}
}

func oomScore(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
