package keras

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// prelude gives attacks a way to tell what got through: try_ prints DENIED or
// OPEN with the attempt's name.
const prelude = `
import ctypes, os, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def try_(name, attempt):
    try:
        got = attempt()
    except BaseException as e:
        print("DENIED", name, type(e).__name__)
    else:
        print("OPEN", name, repr(got)[:100])
def syscall(number, *args):
    got = libc.syscall(ctypes.c_long(number), *args)
    if got < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return got
`

// TestAttackFromSource runs attempts on files, network and processes from pasted source.
// All must be denied but those named allowed.
func TestAttackFromSource(t *testing.T) {
	w := sharedWorker(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	open(t, filepath.Dir(secret)) // nothing but the fence in the way
	tcp := listen(t, "tcp", "127.0.0.1:0")
	abstract := listen(t, "unix", "@kafkaml-keras-test-"+fmt.Sprint(os.Getpid()))
	zygote, _, _ := w.state()
	values := strings.NewReplacer(
		"$SECRET", secret, "$PORT", fmt.Sprint(tcp.Addr().(*net.TCPAddr).Port), "$ABSTRACT", abstract.Addr().String()[1:],
		"$ZYGOTE", fmt.Sprint(zygote.command.Process.Pid), "$SERVICE", fmt.Sprint(os.Getpid()), "$WORKER", w.place.worker(),
		"$SITE", w.options.SitePackages,
	)
	files, err := filepath.Glob("testdata/attacks/*.py")
	if err != nil || len(files) == 0 {
		t.Fatal("no attacks", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			attack, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e, err := w.Export(t.Context(), framework.Source{Imports: imports + prelude, Text: values.Replace(string(attack)) + small}, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			denied := 0
			for line := range strings.Lines(e.Printed) {
				allowed := strings.Contains(line, "(allowed)")
				switch {
				case strings.HasPrefix(line, "OPEN") != allowed:
					t.Error(line)
				case strings.HasPrefix(line, "DENIED"):
					denied++
				}
			}
			if want := strings.Count(string(attack), "try_(") - strings.Count(string(attack), "(allowed)"); denied != want {
				t.Errorf("%d attempts were denied, want %d:\n%s", denied, want, e.Printed)
			}
		})
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "secret" {
		t.Errorf("the secret is now %q, %v", text, err)
	}
	if _, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: small}, t.TempDir()); err != nil {
		t.Error("after the attacks:", err)
	}
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestAttackOnWorker holds how requests end that take too much or break the protocol.
func TestAttackOnWorker(t *testing.T) {
	w := sharedWorker(t)
	cases := map[string]struct {
		source string
		reason string // pattern
	}{
		"leaves":             {"os._exit(0)", "ended its process .exit 0. before the model was built"},
		"leaves with a code": {"os._exit(7)", "exit 7"},
		"crashes":            {"ctypes.string_at(0)", "segmentation fault"},
		"kills itself":       {"os.kill(os.getpid(), 9)", "too much memory or processor time"},
		"takes all memory":   {"a = []\nwhile True: a.append(bytearray(100 << 20))", "MemoryError"},
		"takes shared memory": {
			"import mmap\na = []\nwhile True:\n    a.append(mmap.mmap(-1, 100 << 20))", "OSError|MemoryError",
		},
		"is a large model": {
			"model = keras.Sequential([keras.Input((9000,)), layers.Dense(9000)])\nmodel.compile(keras.optimizers.Adam(amsgrad=True), 'mse')", "MiB of weights and [0-9]+ MiB of optimizer state|MemoryError|ResourceExhausted",
		},
		"writes a large file": {"f = open('f', 'wb')\nwhile True: f.write(bytes(1 << 20))", "File too large"},
		"writes many empty files": {
			"os.mkdir('d')\nfor i in range(10 ** 9): open(f'd/{i}', 'w').close()", "writes too many files: more than 10000$",
		},
		"holds files without a name": {
			"a = []\nfor i in range(100):\n    f = open(str(i), 'wb')\n    os.unlink(str(i))\n    a.append(f)\n    f.write(bytes(200 << 20))\nwhile True: pass", "writes too many files: more than [0-9]+ MiB",
		},
		"reserves the disk": {
			"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nf = open('f', 'wb')\n" +
				"if libc.fallocate(f.fileno(), 0, ctypes.c_long(0), ctypes.c_long(1 << 20)): raise OSError(ctypes.get_errno(), 'refused')", "Errno 95. refused",
		},
		"starts many threads": {
			"threading.stack_size(1 << 16)\ne = threading.Event()\nfor _ in range(1500): threading.Thread(target=e.wait, daemon=True).start()\nwhile True: pass", "more than 1000 threads",
		},
		"forks until it stops": {"while True: os.fork()", "PermissionError: .*Operation not permitted"},
		"starts threads until it stops": {
			"e = threading.Event()\nwhile True: threading.Thread(target=e.wait, daemon=True).start()", "can't start new thread|MemoryError|more than 1000 threads",
		},
		"opens files until it stops": {"a = []\nwhile True: a.append(open('/dev/null'))", "Too many open files"},
		"forges a result": {
			"import json\nos.write(3, json.dumps({'export': {'inputs': [], 'outputs': []}}).encode())\nos._exit(0)", "not complete",
		},
		"forges a result of another form": {"os.write(3, b'{\"export\": {\"admin\": true}}')\nos._exit(0)", "interfered"},
		"writes before the result":        {"os.write(3, b'x')\n" + small, "interfered"},
		"closes the result":               {"os.close(3)\n" + small, "exit 1"},
		"floods the result":               {"for _ in range(20): os.write(3, bytes(1 << 20))\n" + small, "larger than 1 MiB"},
		"forges an export": {
			"import json\nos.makedirs('export/model/variables')\nfor f in ('saved_model.pb', 'fingerprint.pb', 'variables/variables.index', 'variables/variables.data-00000-of-00001'):\n" +
				"    open('export/model/' + f, 'wb').write(b'garbage')\n" +
				"x = {'name': 'x', 'dtype': 'float32', 'shape': [1]}\n" +
				"os.write(3, json.dumps({'export': {'inputs': [x], 'outputs': [x], 'labels': [], 'task': 'other', 'metrics': []}}).encode())\nos._exit(0)", "saved_model.pb",
		},
		"leaves a folder for a file": {
			"import json\nos.makedirs('export/model/saved_model.pb')\nos.write(3, json.dumps({'export': {}}).encode())\nos._exit(0)", "not a plain file",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, err := w.Export(t.Context(), framework.Source{Imports: imports + prelude, Text: c.source + "\n"}, dir)
			var e *pipeline.Error
			if !errors.As(err, &e) || e.Kind != pipeline.Invalid || !regexp.MustCompile(c.reason).MatchString(e.Reason) {
				t.Errorf("got %v, want %q", err, c.reason)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
}

// TestOutput holds that what a source prints is capped and does not stop it.
func TestOutput(t *testing.T) {
	e, err := sharedWorker(t).Export(t.Context(), framework.Source{Imports: imports, Text: "print('\\x1b[31mred\\x00')\nfor _ in range(50): print('x' * 1_000_000)\n" + small}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Printed) > maxOutput || len(e.Printed) < maxOutput/2 || !strings.HasPrefix(e.Printed, "[31mred\nxxx") {
		t.Errorf("%d bytes, beginning with %.20q", len(e.Printed), e.Printed)
	}
}

// TestCancel holds that an endless source, deaf to signals, ends with its
// context, threads and all.
func TestCancel(t *testing.T) {
	w := sharedWorker(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := w.Export(ctx, framework.Source{Imports: imports + prelude, Text: `
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
def beat():
    while True: open("beat", "w").write("x")
threading.Thread(target=beat).start()
while True: pass
`}, t.TempDir())
	if !errors.Is(err, context.DeadlineExceeded) { // the worker's own limit is told otherwise
		t.Errorf("got %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(w.place.dir, "request-*")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
