package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/platformtest"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "parent" {
		os.Exit(parent())
	}
	if len(os.Args) == 3 && os.Args[1] == "disk" {
		os.Exit(onDisk(os.Args[2]))
	}
	platformtest.Main(m)
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestContract(t *testing.T) {
	platformtest.Exercise(t, platformtest.Backend{Patience: 2 * time.Minute, Place: func(t *testing.T) func(func(context.Context, platform.Ended)) platformtest.Owner {
		dir := t.TempDir()
		return func(onEnded func(context.Context, platform.Ended)) platformtest.Owner {
			var proxy http.Handler
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { proxy.ServeHTTP(w, r) }))
			l, err := New(Config{Programs: map[string]string{"": os.Args[0]}, Dir: dir, Log: quiet, BaseURL: server.URL, OnEnded: onEnded, Grace: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			proxy = l.Proxy(func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusServiceUnavailable) })
			return platformtest.Owner{Jobs: l, Services: l, Close: func() {
				server.Close()
				_ = l.Close()
			}}
		}
	}})
}

// parent starts a Job that stays and waits to be killed.
func parent() int {
	l, err := New(Config{Programs: map[string]string{"": os.Args[0]}, Dir: os.Getenv("PLATFORM_TEST_DIR")})
	if err != nil {
		return 1
	}
	if err := l.Start(context.Background(), platformtest.Job(1, platformtest.Stays)); err != nil {
		return 1
	}
	for ; ; time.Sleep(time.Millisecond) {
		if pid := l.pid("train-1-2"); pid != 0 {
			fmt.Println(pid)
			select {}
		}
	}
}

// pid is the process of a Job, 0 before there is one.
func (l *Platform) pid(name string) int {
	l.jobs.mu.Lock()
	defer l.jobs.mu.Unlock()
	if j := l.jobs.jobs[name]; j != nil && j.process != nil {
		return j.process.cmd.Process.Pid
	}
	return 0
}

// rig is a platform whose ends of Jobs arrive on a channel. Its program is this
// one unless another is given.
func rig(t *testing.T, c Config) (*Platform, chan platform.Ended) {
	t.Helper()
	ended := make(chan platform.Ended, 100)
	if c.Programs == nil {
		c.Programs = map[string]string{"": os.Args[0]}
	}
	c.Dir, c.Log = t.TempDir(), quiet
	c.OnEnded = func(_ context.Context, e platform.Ended) { ended <- e }
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, ended
}

func named(name string, j platform.Job) platform.Job {
	j.Name = name
	return j
}

func wait[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(2 * time.Minute):
		t.Fatal("nothing came")
	}
	panic("unreachable")
}

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// What a process says last is part of the reason.
func TestReasons(t *testing.T) {
	for _, c := range []struct{ name, script, reason string }{
		{"exit code", "echo the loss is not finite >&2; exit 3", "the process ended with exit code 3: the loss is not finite"},
		{"a line of our log", `echo '{"time":"now","level":"ERROR","msg":"no model","kind":"invalid","hint":"train it"}' >&2; exit 1`, "no model"},
		{"silent", "exit 3", "the process ended with exit code 3"},
		{"a panic before its stack", "echo 'panic: index out of range'; echo 'goroutine 1'; exit 2", "the process ended with exit code 2: panic: index out of range"},
		{"an allocation that failed", "echo 'terminate called: std::bad_alloc'; exit 134", "out of memory: terminate called: std::bad_alloc"},
		{"the exit code of memory", "echo no room; exit 71", "out of memory: no room"},
		{"a signal", "echo training; kill -TERM $$", "the process died of signal 15 (terminated): training"},
		{"killed", "kill -KILL $$", "the process was killed (signal 9)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := filepath.Join(t.TempDir(), "program")
			if err := os.WriteFile(script, []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			l, ended := rig(t, Config{Programs: map[string]string{"": script}})
			if err := l.Start(t.Context(), platformtest.Job(1, "")); err != nil {
				t.Fatal(err)
			}
			if e := wait(t, ended); e.OK || e.Reason != c.reason || e.Hint == "" || c.name == "a line of our log" && e.Hint != "train it" {
				t.Errorf("%+v", e)
			}
		})
	}
}

// A training that keeps checkpoints, and one that verifies, is replaced when it is
// killed, not for ever; one that reported why it failed is not.
func TestKilledJobsAreReplaced(t *testing.T) {
	for _, c := range []struct {
		name   string
		spec   func(*pipeline.TrainingJob)
		script string // of the first process but so many
		starts int
		ok     bool
	}{
		{"kept", func(j *pipeline.TrainingJob) { j.Checkpoint = "results/1/checkpoint" }, "[ $(wc -l < starts) = 2 ] || kill -KILL $$", 2, true},
		{"verifies", func(j *pipeline.TrainingJob) { j.Receipt = &pipeline.Receipt{} }, "[ $(wc -l < starts) = 3 ] || kill -KILL $$", 3, true},
		{"for ever", func(j *pipeline.TrainingJob) { j.Checkpoint = "results/1/checkpoint" }, "kill -KILL $$", 3, false},
		{"not kept", func(*pipeline.TrainingJob) {}, "kill -KILL $$", 1, false},
		{"reported", func(j *pipeline.TrainingJob) { j.Checkpoint = "results/1/checkpoint" }, "exit 1", 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			script := filepath.Join(dir, "program")
			if err := os.WriteFile(script, []byte("#!/bin/sh\ncd "+dir+"\necho start >> starts\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			l, ended := rig(t, Config{Programs: map[string]string{"": script}})
			job := platformtest.Job(1, "")
			c.spec(&job.Spec)
			if err := l.Start(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			e := wait(t, ended)
			starts, err := os.ReadFile(filepath.Join(dir, "starts"))
			if n := strings.Count(string(starts), "start"); err != nil || n != c.starts || e.OK != c.ok {
				t.Errorf("%d processes, the end is %+v, %v", n, e, err)
			}
		})
	}
}

// Jobs of two deployments take turns.
func TestJobsTakeTurns(t *testing.T) {
	l, ended := rig(t, Config{Jobs: 1})
	start := func(name string, deployment int64) {
		j := named(name, platformtest.Job(1, platformtest.Succeeds))
		j.Spec.Deployment = deployment
		if err := l.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		start(fmt.Sprintf("a-%d", i), 1)
	}
	start("b-0", 2)
	var order []string
	for range 5 {
		order = append(order, wait(t, ended).Name)
	}
	if want := []string{"a-0", "a-1", "b-0", "a-2", "a-3"}; !slices.Equal(order, want) && !slices.Equal(order, []string{"a-0", "b-0", "a-1", "a-2", "a-3"}) {
		t.Errorf("order %v, want %v", order, want)
	}
}

// A Job that waits is listed, and one more than may wait is refused.
func TestQueueIsBounded(t *testing.T) {
	l, ended := rig(t, Config{Jobs: 1, Queue: 1})
	for i, refused := range []bool{false, false, true} {
		err := l.Start(t.Context(), named(fmt.Sprintf("a-%d", i), platformtest.Job(1, platformtest.Stays)))
		if (pipeline.KindOf(err) == pipeline.Unavailable) != refused || !refused && err != nil {
			t.Errorf("Job %d: %v", i, err)
		}
	}
	if names, err := l.Running(t.Context()); err != nil || !slices.Equal(names, []string{"a-0", "a-1"}) {
		t.Errorf("listed: %v, %v", names, err)
	}
	if err := l.Stop(t.Context(), "a-1"); err != nil { // it waits
		t.Fatal(err)
	}
	if names, err := l.Running(t.Context()); err != nil || !slices.Equal(names, []string{"a-0"}) || len(ended) != 0 {
		t.Errorf("listed: %v, %v; ends told: %d", names, err, len(ended))
	}
}

func TestNoProgram(t *testing.T) {
	if _, err := New(Config{Programs: map[string]string{"": "/nowhere"}, Dir: t.TempDir()}); pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("%v", err)
	}
}

// kill -9 of the process that started a Job ends the Job.
func TestChildrenDieWithTheirParent(t *testing.T) {
	cmd := exec.Command(os.Args[0], "parent")
	cmd.Env = append(os.Environ(), "PLATFORM_TEST_DIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the job does not run: %v", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "the job is gone", func() bool { return !running(pid) })
}

// running tells a process from a zombie that nobody has reaped.
func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z "))
}

func TestLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	l, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	line := bytes.Repeat([]byte("x"), 64<<10)
	for range 2 * maxLog / len(line) {
		_, _ = l.Write(line)
	}
	_, _ = l.Write([]byte("last"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := os.Stat(path)
	if err != nil || s.Size() > maxLog || len(l.text) > 2*platform.LogBytes+len(line) || !strings.HasSuffix(l.tail(10), "last") {
		t.Errorf("size %d, %v; in memory %d", s.Size(), err, len(l.text))
	}
}

// Logs of trainings that ended long ago make room for new ones.
func TestFolderOfLogsIsBounded(t *testing.T) {
	dir := t.TempDir()
	old, newer := filepath.Join(dir, "old.log"), filepath.Join(dir, "newer.log")
	for path, size := range map[string]int64{old: maxLogs / 2, newer: maxLogs / 2} {
		at := time.Now().Add(-time.Hour)
		if path == old {
			at = at.Add(-time.Hour)
		}
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, size), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	l, err := openLog(filepath.Join(dir, "x.log"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, gone := os.Stat(old)
	_, kept := os.Stat(newer)
	if !os.IsNotExist(gone) || kept != nil {
		t.Errorf("the old one: %v, the newer one: %v", gone, kept)
	}
}

// A Service that no replica serves is answered for.
func TestProxyWithoutAReplica(t *testing.T) {
	l, _ := rig(t, Config{})
	w := httptest.NewRecorder()
	var named string
	l.Proxy(func(_ http.ResponseWriter, _ *http.Request, service string) { named = service }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/none/x", nil))
	if named != "none" {
		t.Errorf("%q was answered for", named)
	}
}

// Each replica that is ready is listed, and none outlives its Service.
func TestReplicasEndWithTheirService(t *testing.T) {
	l, _ := rig(t, Config{})
	if err := l.Apply(t.Context(), platformtest.Service("i", "out", 2)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two are ready", func() bool { return len(l.URLs("i")) == 2 })
	urls := l.URLs("i")
	if err := l.Delete(t.Context(), "i", 7); err != nil {
		t.Fatal(err)
	}
	for _, url := range urls {
		if _, err := http.Get(url); err == nil {
			t.Errorf("the replica at %s outlives its Service", url)
		}
	}
}

// The file of a description goes with the process.
func TestDescriptionGoesWithTheProcess(t *testing.T) {
	l, ended := rig(t, Config{})
	if err := l.Start(t.Context(), platformtest.Job(1, platformtest.Succeeds)); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, ended); !e.OK {
		t.Fatalf("%+v", e)
	}
	left, err := os.ReadDir(filepath.Join(l.c.Dir, "scratch"))
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A request that was sent to a replica a moment before it is replaced is
// answered: the replica does not end before.
func TestReplicaThatIsHeldDoesNotEnd(t *testing.T) {
	l, _ := rig(t, Config{Grace: 10 * time.Minute})
	apply := func(output string) {
		t.Helper()
		if err := l.Apply(t.Context(), platformtest.Service("held", output, 1)); err != nil {
			t.Fatal(err)
		}
	}
	acquired := func(not string) (url string, release func()) {
		t.Helper()
		for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(time.Millisecond) {
			if url, release = l.acquire("held"); release != nil {
				if url != not {
					return url, release
				}
				release()
			}
		}
		t.Fatal("no replica is ready")
		return "", nil
	}
	apply("one")
	old, release := acquired("")
	apply("two")
	_, done := acquired(old)
	done()
	for until := time.Now().Add(2 * time.Minute); len(l.URLs("held")) != 1 && time.Now().Before(until); time.Sleep(time.Millisecond) {
	}
	answers := func() bool {
		res, err := http.Get(old + "/v2/x") // #nosec G107 -- a process of this test
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}
	if !answers() {
		t.Fatal("a replica ended while a request was on its way to it")
	}
	release()
	for until := time.Now().Add(2 * time.Minute); answers(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("a replica that was replaced goes on")
		}
	}
}
