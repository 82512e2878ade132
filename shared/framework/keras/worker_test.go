package keras

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// open makes the folders from dir up to the temporary folder passable, so that
// a test's file can be reached by the worker's user.
func open(t *testing.T, dir string) {
	t.Helper()
	for ; dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
}

// eventually polls until done or a generous deadline.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func gone(pid int) bool { return errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

// TestMissingFence runs the worker under a filter like that of older container
// runtimes: without Landlock or seccomp no source is run, and Health says why.
func TestMissingFence(t *testing.T) {
	cases := map[string]struct{ filter, says string }{
		// Instructions of classic BPF: load the number, compare, return an error or allow.
		"Landlock": {"[(0x20,0,0,0),(0x15,0,1,444),(6,0,0,0x50000|38),(6,0,0,0x7fff0000)]", "Landlock"},
		"seccomp":  {"[(0x20,0,0,0),(0x15,0,3,157),(0x20,0,0,16),(0x15,0,1,22),(6,0,0,0x50000|22),(6,0,0,0x7fff0000)]", "seccomp"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			script := fmt.Sprintf(`#!%s -IS
import ctypes, os, struct, sys
code = b"".join(struct.pack("=HBBI", *i) for i in %s)
class Program(ctypes.Structure): _fields_ = [("n", ctypes.c_ushort), ("code", ctypes.c_void_p)]
buffer = ctypes.create_string_buffer(code, len(code))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(code) // 8, ctypes.addressof(buffer))), 0, 0) == 0
os.execv(%q, [%q] + sys.argv[1:])
`, o.Python, c.filter, o.Python, o.Python)
			o.Python = filepath.Join(t.TempDir(), "python")
			if err := os.WriteFile(o.Python, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			open(t, filepath.Dir(o.Python))
			w := startWorker(t, o)
			for _, err := range []error{w.Health(), exportSmall(t, w)} {
				if pipeline.KindOf(err) != pipeline.Unavailable || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want one about %s", err, c.says)
				}
			}
		})
	}
}

func exportSmall(t *testing.T, w *Worker) error {
	_, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: small}, t.TempDir())
	return err
}

// TestRespawn kills the zygote during a request: that one fails as one to try
// again, the next is served by a new zygote. The machine has no converter to
// ONNX, and the model says so.
func TestRespawn(t *testing.T) {
	o := options(t)
	o.ONNXPackages = ""
	w := startWorker(t, o)
	z, _, _ := w.state()
	failed := make(chan error, 1)
	go func() {
		_, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: "import time\ntime.sleep(60)\n"}, t.TempDir())
		failed <- err
	}()
	eventually(t, "the child", func() bool {
		requests, _ := filepath.Glob(filepath.Join(w.place.dir, "request-*"))
		z.mu.Lock()
		defer z.mu.Unlock()
		return len(requests) == 1 && len(z.jobs) == 1
	})
	z.kill()
	if err := <-failed; pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("got %v", err)
	}
	if e, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: small}, t.TempDir()); err != nil || !strings.HasPrefix(e.NoONNX, "the converter to ONNX is not installed here") {
		t.Errorf("after the respawn: %q, %v", e.NoONNX, err)
	}
	if next, _, _ := w.state(); next == z {
		t.Error("the same zygote")
	}
}

// TestConcurrency holds that no more requests run at once than asked for.
func TestConcurrency(t *testing.T) {
	o := options(t)
	o.Concurrency = 1
	if atOnce(t, startWorker(t, o)) {
		t.Error("two requests ran at once")
	}
}

// Builds for which there is not enough memory wait for each other, though there is a
// place for each.
func TestAttackBuildsBeyondTheMemory(t *testing.T) {
	o := options(t)
	o.Concurrency, o.Spare = 2, 1
	o.Memory = 4 << 30 // of a pod: one child and what else there is
	if atOnce(t, startWorker(t, o)) {
		t.Error("two builds ran at once")
	}
	o.Memory = 24 << 30
	if !atOnce(t, startWorker(t, o)) {
		t.Error("builds waited for each other, where there is memory for all")
	}
}

// atOnce runs three requests and reports whether any two ran at once.
func atOnce(t *testing.T, w *Worker) bool {
	t.Helper()
	const requests = 3
	var spans [requests][2]float64
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			_, err := w.Export(t.Context(), framework.Source{Imports: "import time", Text: "a = time.monotonic()\ntime.sleep(0.5)\nraise ValueError(f'{a} {time.monotonic()}')"}, t.TempDir())
			if err == nil {
				t.Error("no error")
				return
			}
			var e *pipeline.Error
			if !errors.As(err, &e) {
				t.Error(err)
				return
			}
			if _, err := fmt.Sscanf(e.Reason, "ValueError: %f %f", &spans[i][0], &spans[i][1]); err != nil {
				t.Error(e.Reason, err)
			}
		})
	}
	all.Wait()
	for i := range requests {
		for j := range i {
			if spans[i][0] < spans[j][1] && spans[j][0] < spans[i][1] {
				return true
			}
		}
	}
	return false
}

func TestClose(t *testing.T) {
	w, err := Start(t.Context(), options(t))
	if err != nil {
		t.Fatal(err)
	}
	z, _, _ := w.state()
	running := make(chan error, 1)
	go func() {
		_, err := w.Export(t.Context(), framework.Source{Imports: "import time", Text: "time.sleep(60)\n"}, t.TempDir())
		running <- err
	}()
	eventually(t, "the child", func() bool { z.mu.Lock(); defer z.mu.Unlock(); return len(z.jobs) == 1 })
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := <-running; pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("the running request got %v", err)
	}
	if !gone(z.command.Process.Pid) {
		t.Error("the zygote lives")
	}
	if _, err := os.Stat(w.place.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the folder is left:", err)
	}
	if err := exportSmall(t, w); pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("a later request got %v", err)
	}
}

func TestStartFails(t *testing.T) {
	o := options(t)
	o.SitePackages = t.TempDir()
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "No module named") {
		t.Errorf("without TensorFlow: %v", err)
	}
	o.Python = "/nonexistent/python"
	if _, err := Start(t.Context(), o); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without Python: %v", err)
	}
	o = options(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestScratch holds that a folder that the worker can reach is used and one
// that it cannot is not.
func TestScratch(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for want, scratch := range map[string]string{dir: filepath.Join(dir, "open"), filepath.Clean(os.TempDir()): filepath.Join(closed, "scratch")} {
		p, err := newPlace(Options{Scratch: scratch})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(p.dir, want+"/") || !p.reaches(p.dir) {
			t.Errorf("for %s it is in %s", scratch, p.dir)
		}
		if os.Getuid() == 0 && strings.HasPrefix(p.dir, closed) {
			t.Errorf("for %s it is in %s", scratch, p.dir)
		}
		if err := p.remove(); err != nil {
			t.Error(err)
		}
	}
}
