package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// The children of these tests are this program itself: real processes that end
// in the ways a training or a predict process can.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Getenv("PLATFORM_TEST_CHILD") != "" {
		os.Exit(child(os.Args[1]))
	}
	os.Exit(m.Run())
}

func child(verb string) int {
	switch verb {
	case "train":
		var job pipeline.TrainingJob
		if err := json.Unmarshal([]byte(os.Getenv("KAFKAML_JOB")), &job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		return train(job.ModelName)
	case "predict":
		return predict()
	}
	return parent()
}

// train ends as the model's name says.
func train(how string) int {
	fmt.Printf("training %s\n", how)
	switch how {
	case "fails":
		fmt.Fprintln(os.Stderr, "the loss is not finite")
		return 1
	case "allocates":
		fmt.Fprintln(os.Stderr, "terminate called: std::bad_alloc")
		return 134
	case "dies":
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		select {}
	case "is killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "stays":
		select {}
	case "shuts its ears":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("deaf")
		select {}
	case "asks for the registry":
		fmt.Println("DATABASE_URL=" + os.Getenv("DATABASE_URL"))
	}
	return 0
}

// predict answers with its process id and drains on SIGTERM.
func predict() int {
	var job pipeline.PredictJob
	if json.Unmarshal([]byte(os.Getenv("KAFKAML_PREDICT")), &job) != nil || job.Name == "broken" {
		fmt.Fprintln(os.Stderr, "cannot load the model")
		return 1
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/health/readiness", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%d %s %s", os.Getpid(), r.URL.Path, job.OutputTopic)
	})
	s := &http.Server{Addr: os.Getenv("LISTEN_ADDRESS"), Handler: mux}
	go func() {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		<-stop
		_ = s.Shutdown(context.Background())
	}()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return 1
	}
	return 0
}

// parent starts a job that stays and waits to be killed.
func parent() int {
	l, err := New(Config{Binary: os.Args[0], Dir: os.Getenv("PLATFORM_TEST_DIR")})
	if err != nil {
		return 1
	}
	if err := l.Start(context.Background(), job("train-1-1", "stays")); err != nil {
		return 1
	}
	for {
		l.jobs.mu.Lock()
		j := l.jobs.jobs["train-1-1"]
		if j != nil && j.process != nil {
			fmt.Println(j.process.cmd.Process.Pid)
			l.jobs.mu.Unlock()
			select {}
		}
		l.jobs.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// rig is a platform whose ends of Jobs arrive on a channel.
func rig(t *testing.T, c Config) (*Platform, chan platform.Ended) {
	t.Helper()
	t.Setenv("PLATFORM_TEST_CHILD", "1")
	ended := make(chan platform.Ended, 100)
	c.Binary, c.Dir = os.Args[0], t.TempDir()
	c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	c.OnEnded = func(_ context.Context, e platform.Ended) { ended <- e }
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, ended
}

func job(name, how string) platform.Job {
	spec := pipeline.TrainingJob{Result: 1, Attempt: 1, ModelName: how, TrainingKwargs: pipeline.TrainingKwargs{Epochs: 1}}
	return platform.Job{Name: name, Spec: spec, Env: []string{"PLATFORM_TEST_CHILD=1"}}
}

func wait[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	panic("unreachable")
}

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func TestJobTellsHowItEnded(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://secret")
	for _, c := range []struct {
		how, reason string
		ok          bool
	}{
		{"succeeds", "", true},
		{"fails", "the process ended with exit code 1: the loss is not finite", false},
		{"allocates", "out of memory: terminate called: std::bad_alloc", false},
		{"dies", "the process died of signal 15 (terminated): training dies", false},
		{"is killed", "the process was killed (signal 9)", false},
		{"asks for the registry", "", true},
	} {
		t.Run(c.how, func(t *testing.T) {
			l, ended := rig(t, Config{})
			if err := l.Start(t.Context(), job("train-1-1", c.how)); err != nil {
				t.Fatal(err)
			}
			e := wait(t, ended)
			if e.OK != c.ok || e.Reason != c.reason || e.Result != 1 || e.Attempt != 1 || !c.ok && e.Hint == "" {
				t.Errorf("%+v", e)
			}
			if !strings.HasPrefix(e.Log, "training "+c.how) || strings.Contains(e.Log, "secret") {
				t.Errorf("log: %q", e.Log)
			}
			if log, err := l.Log(t.Context(), "train-1-1"); err != nil || log != e.Log {
				t.Errorf("the kept log is %q, %v", log, err)
			}
		})
	}
}

func TestJobDeadline(t *testing.T) {
	l, ended := rig(t, Config{})
	j := job("train-1-1", "stays")
	j.Resources.DeadlineSecs = 1
	if err := l.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, ended); e.OK || e.Reason != "it took longer than its deadline of 1 s" {
		t.Errorf("%+v", e)
	}
}

func TestStopEndsAJobThatDoesNotListen(t *testing.T) {
	l, ended := rig(t, Config{Grace: 200 * time.Millisecond, Jobs: 1})
	for _, name := range []string{"train-1-1", "train-2-1"} {
		if err := l.Start(t.Context(), job(name, "shuts its ears")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the job runs", func() bool { s, _ := l.Log(t.Context(), "train-1-1"); return strings.Contains(s, "deaf") })
	if err := l.Stop(t.Context(), "train-2-1"); err != nil { // it waits
		t.Fatal(err)
	}
	if err := l.Stop(t.Context(), "train-1-1"); err != nil {
		t.Fatal(err)
	}
	if names, _ := l.Running(t.Context()); len(names) != 0 || len(ended) != 0 {
		t.Errorf("still running: %v; ends told: %d", names, len(ended))
	}
	if err := l.Stop(t.Context(), "train-1-1"); err != nil {
		t.Errorf("a job that is gone: %v", err)
	}
}

// Jobs of two deployments take turns, and a name runs once.
func TestJobsTakeTurns(t *testing.T) {
	l, ended := rig(t, Config{Jobs: 1})
	start := func(name string, deployment int64) {
		j := job(name, "succeeds")
		j.Spec.Deployment = deployment
		for range 2 {
			if err := l.Start(t.Context(), j); err != nil {
				t.Fatal(err)
			}
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
	eventually(t, "nothing is left", func() bool { n, _ := l.Running(t.Context()); return len(n) == 0 })
	if len(ended) != 0 {
		t.Error("a job ran twice")
	}
}

func TestJobsAreRefused(t *testing.T) {
	l, _ := rig(t, Config{Jobs: 1, Queue: 1})
	for _, name := range []string{"", "../x", "A", strings.Repeat("a", 64)} {
		if err := l.Start(t.Context(), job(name, "stays")); pipeline.KindOf(err) != pipeline.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	var last error
	for i := range 3 {
		last = l.Start(t.Context(), job(fmt.Sprintf("a-%d", i), "stays"))
	}
	if pipeline.KindOf(last) != pipeline.Unavailable {
		t.Errorf("a full queue: %v", last)
	}
	if _, err := New(Config{Binary: "/nowhere", Dir: t.TempDir()}); pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("no program: %v", err)
	}
}

// kill -9 of the process that started a job ends the job.
func TestChildrenDieWithTheirParent(t *testing.T) {
	cmd := exec.Command(os.Args[0], "parent")
	cmd.Env = append(os.Environ(), "PLATFORM_TEST_CHILD=1", "PLATFORM_TEST_DIR="+t.TempDir())
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
	if err != nil || s.Size() > maxLog || len(l.last) > 2*platform.LogBytes+len(line) || !strings.HasSuffix(l.tail(10), "last") {
		t.Errorf("size %d, %v; in memory %d", s.Size(), err, len(l.last))
	}
}
