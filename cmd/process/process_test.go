package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// asCommand makes the test binary be a program.
const asCommand = "KAFKAML_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	switch os.Getenv(asCommand) {
	case "told":
		os.Exit(Program{}.carryOut(func(*slog.Logger) (Work, error) {
			return Work{Run: func(ctx context.Context) error {
				_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
				<-ctx.Done()
				return fmt.Errorf("train: %w", context.Cause(ctx))
			}}, nil
		}))
	case "graph":
		graph()
	case "abort":
		_, _ = openLog()
		_, _ = os.Stderr.WriteString("F0000 00:00:1.5   1 session.cc:7] the last words\n")
		_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
		select {}
	}
	os.Exit(m.Run())
}

// as runs the test binary as a program and gives what it wrote and its exit code.
func as(t *testing.T, what string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asCommand+"="+what)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// A training that is told to end has not failed: a cluster runs it again.
func TestToldToEnd(t *testing.T) {
	if out, code := as(t, "told"); code != exitTold {
		t.Errorf("exit code %d, want %d: %s", code, exitTold, out)
	}
}

func TestLastWords(t *testing.T) {
	out, code := as(t, "abort")
	if code == 0 {
		t.Error("an abort ended well")
	}
	if !strings.Contains(out, "the last words") {
		t.Errorf("lost: %q", out)
	}
}

func TestParseLine(t *testing.T) {
	cases := map[string]struct{ line, level, message, at string }{
		"dated":   {"2026-11-22 05:56:25.123456: W tensorflow/core/framework/op.cc:227] slow kernel", "WARN", "slow kernel", "op.cc:227"},
		"absl":    {"E0000 00:00:1795326815.850906   12683 port.cc:153] oneDNN is off", "ERROR", "oneDNN is off", "port.cc:153"},
		"onnx":    {"\x1b[0;93m2026-11-29 01:02:03.123456789 [W:onnxruntime:, graph.cc:1234 CleanUnused] Removing initializer\x1b[m", "WARN", "Removing initializer", "graph.cc:1234"},
		"neither": {"terminate called", "INFO", "terminate called", ""},
		"noise":   {"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR", "DEBUG", "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if level, message, at := parseLine(c.line); level.String() != c.level || message != c.message || at != c.at {
				t.Errorf("%v %q %q", level, message, at)
			}
		})
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("2026-11-22 05:56:25.123456: W a.cc:2] m")
	f.Add("I0000 00:00:1 2 a.cc:3] ")
	f.Add("2026-11-22 05:56:25.123456789 [E:onnxruntime:, a.cc:2 f] m")
	f.Fuzz(func(t *testing.T, line string) {
		if _, message, _ := parseLine(line); len(message) > len(line) {
			t.Errorf("%q grew to %q", line, message)
		}
	})
}

// TestLibrariesByLinks holds that a library may be read which a link in a folder of
// LD_LIBRARY_PATH leads to, as in the images.
func TestLibrariesByLinks(t *testing.T) {
	dir := t.TempDir()
	place := filepath.Join(dir, "site")
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(place, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(place, "libtensorflow_cc.so.2"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../site/libtensorflow_cc.so.2", filepath.Join(dir, "lib", "libtensorflow_cc.so.2")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LD_LIBRARY_PATH", "/nowhere:"+filepath.Join(dir, "lib"))
	if all := libraries(); !slices.Contains(all, place) {
		t.Errorf("%s may not be read: %v", place, all)
	}
}
