package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// openTerminal opens a pseudo-terminal of 100 columns: the end that a program
// writes to, and what a person would see of it.
func openTerminal(t *testing.T) (*os.File, *seen) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}); err != nil {
		t.Fatal(err)
	}
	s := &seen{changed: make(chan struct{}, 1)}
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(s, master) }) // ends with an error when the other end is closed
	t.Cleanup(func() {
		_ = slave.Close()
		reading.Wait()
		_ = master.Close()
	})
	return slave, s
}

// seen gathers what is written.
type seen struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

// Write implements io.Writer.
func (s *seen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *seen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until what was written holds all of want, in their order.
func (s *seen) await(t *testing.T, want ...string) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		rest, found := s.String(), true
		for _, w := range want {
			if _, rest, found = strings.Cut(rest, w); !found {
				break
			}
		}
		if found {
			return
		}
		select {
		case <-s.changed:
		case <-deadline:
			t.Fatalf("%q is not in:\n%q", want, s.String())
		}
	}
}

// watch runs a line until the test ends it, and gives its exit code.
func (s *server) watch(t *testing.T, out, errs io.Writer, line string) (end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	env := &cli.Env{Program: "kafkaml", Out: out, Err: errs, Getenv: s.getenv, Now: func() time.Time { return time.Unix(0, 0) }}
	args, code := words(t, line), make(chan int, 1)
	go func() { code <- env.Execute(ctx, newRoot(env), args) }()
	return func() int {
		cancel()
		return <-code
	}
}

// A list that is watched adds new and changed rows, and goes on over a
// connection that breaks.
func TestWatchAddsRows(t *testing.T) {
	s := serveFunctions(t)
	out := &seen{changed: make(chan struct{}, 1)}
	end := s.watch(t, out, io.Discard, "models list --watch")
	s.ok(t, "models create -f testdata/line.yaml")
	out.await(t, "ID  NAME", "\n1   line")
	s.cut()
	s.ok(t, "models update line --name bar")
	out.await(t, "line", "bar")
	if code := end(); code != cli.Interrupted {
		t.Errorf("exit %d, want %d", code, cli.Interrupted)
	}
	if n := strings.Count(out.String(), "NAME"); n != 1 {
		t.Errorf("%d headers in:\n%s", n, out)
	}
}

// In a terminal the table is drawn over itself, within the width.
func TestWatchRedrawsInATerminal(t *testing.T) {
	s := servePrepared(t)
	s.ok(t, "deployments create --configuration pair --batch-size 32 --training-kwargs 'epochs=3'")
	tty, out := openTerminal(t)
	end := s.watch(t, tty, io.Discard, "deployments show 1 --watch")
	out.await(t, "RESULT  MODEL", "waiting")
	s.advance(t, scheduled)
	s.advance(t, running(0))
	for n := 1; n <= 3; n++ {
		s.advance(t, running(n), epoch(n))
	}
	out.await(t, "RESULT  MODEL", "\x1b[3A\r", "3/3", "▁")
	end()
	for _, line := range strings.Split(out.String(), "\n") {
		if n := len([]rune(strings.ReplaceAll(line, "\x1b[K", ""))); n > 110 {
			t.Errorf("%d columns in a terminal of 100: %q", n, line)
		}
	}
}

// Who waits for a deployment is told that its stream was refused.
func TestRejectionReachesWhoWaits(t *testing.T) {
	s := servePrepared(t)
	var d pipeline.Deployment
	s.must(t, &d, "deployments create --configuration pair --batch-size 32 -o json")
	note := "datasource 1: input_format: XML is not known (use RAW)"
	told := &seen{changed: make(chan struct{}, 1)}
	end := s.watch(t, io.Discard, told, "deployments show 1 --watch")
	s.do(t, func(tx *registry.Tx) error {
		bad := pipeline.Datasource{Deployment: d.ID, Rejected: &pipeline.Rejection{Field: "input_format", Reason: "XML is not known", Hint: "use RAW"}}
		if err := tx.CreateDatasource(&bad); err != nil {
			return err
		}
		return tx.Emit(eventing.New(eventing.DatasourceRejected, "/kafkaml/control-log", "1", map[string]any{"datasource": 1, "reason": "XML is not known"}))
	})
	told.await(t, "the last stream trains nothing: "+note)
	end()
	if r := s.run(t, "deployments show 1", ""); !strings.Contains(r.out, "last rejected:") || !strings.Contains(r.out, " "+note+"\n") {
		t.Errorf("exit %d, %s", r.code, r.out)
	}
}
