package broker

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProcessThatEndsByItself(t *testing.T) {
	b, _ := spawn(t.Context(), exec.Command("sh", "-c", "echo no disk; exit 3"))
	<-b.Done()
	if err := b.Close(); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("got %v", err)
	}
}

func TestProcessThatCannotStart(t *testing.T) {
	b, _ := spawn(t.Context(), exec.Command(t.TempDir()+"/absent"))
	if err := b.Err(); err == nil {
		t.Error("an absent program was started")
	}
}

// TestParent is no test of its own: TestProcessDiesWithItsParent runs it as a
// process that it can kill.
func TestParent(t *testing.T) {
	if os.Getenv("BROKER_TEST_PARENT") == "" {
		return
	}
	b, out := spawn(context.Background(), exec.Command("sh", "-c", "echo $$; exec sleep 1000"))
	for out.String() == "" {
		select {
		case <-b.Done():
			t.Fatal(b.Err())
		case <-time.After(time.Millisecond):
		}
	}
	fmt.Println("pid", out)
	<-b.Done()
}

func TestProcessDiesWithItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0], "-test.run=^TestParent$", "-test.v")
	parent.Env = append(os.Environ(), "BROKER_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "pid %d", &pid) // other lines are go test's
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed, as it should be
	if pid == 0 {
		t.Fatal("the parent did not start a child")
	}
	deadline := time.Now().Add(2 * time.Minute)
	for alive(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlived its parent", pid)
		}
	}
}

// alive reports whether a process runs; one that has ended but was not waited for
// does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
