package keras

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// killed has TestKilled start a worker in this folder, tell its process ids and wait.
const killed = "KAFKAML_TEST_KERAS_KILLED"

// TestKilled kills a process with a busy Worker: zygote and child end, and the
// next Worker removes what it has left.
func TestKilled(t *testing.T) {
	if dir := os.Getenv(killed); dir != "" {
		beKilled(t, dir)
		return
	}
	dir := t.TempDir()
	open(t, dir)
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	c.Env = append(os.Environ(), killed+"="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var zygote, child int
	lines := bufio.NewScanner(out)
	for zygote == 0 && lines.Scan() {
		fmt.Sscanf(lines.Text(), "zygote %d child %d", &zygote, &child)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait() // it was killed
	if zygote == 0 || child == 0 {
		t.Fatal("the process did not tell of its worker")
	}
	eventually(t, "the end of zygote and child", func() bool { return gone(zygote) && gone(child) })
	left, err := filepath.Glob(filepath.Join(dir, placePrefix+"*"))
	if err != nil || len(left) != 1 {
		t.Fatal(left, err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(left[0], old, old); err != nil {
		t.Fatal(err)
	}
	p, err := newPlace(Options{Scratch: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer p.remove()
	if now, err := filepath.Glob(filepath.Join(dir, placePrefix+"*")); err != nil || len(now) != 1 || now[0] == left[0] {
		t.Errorf("%v are there, %v", now, err)
	}
}

func beKilled(t *testing.T, dir string) {
	o := options(t)
	o.Scratch = dir
	w, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	z, _, _ := w.state()
	go func() {
		children := fmt.Sprintf("/proc/%d/task/%[1]d/children", z.command.Process.Pid)
		eventually(t, "the child", func() bool { b, _ := os.ReadFile(children); return len(b) > 0 })
		child, _ := os.ReadFile(children)
		fmt.Println("zygote", z.command.Process.Pid, "child", string(child))
	}()
	w.Export(t.Context(), framework.Source{Imports: "import time", Text: "time.sleep(60)\n"}, t.TempDir()) // killed before it returns
}

// TestUnprivileged runs the fences as a user who is not root, whose rights the
// zygote then has: only Landlock and seccomp stand.
func TestUnprivileged(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("all tests run as a user who is not root")
		return
	}
	dir := t.TempDir()
	open(t, dir)
	binary := filepath.Join(dir, "test")
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(binary, data, 0o755), os.CopyFS(filepath.Join(dir, "testdata"), os.DirFS("testdata"))); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), binary, "-test.run=^(TestExport|TestAttackFromSource)$")
	c.Dir = dir
	c.Env = []string{"KAFKAML_TOOLCHAIN=" + toolchain.Dir(), "HOME=" + dir}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: 65533, Groups: []uint32{}}}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
