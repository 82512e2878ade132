package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/registry"
)

// TestClearFailures starts kafkaml run where it cannot work. It must say why
// and what to do, end with a non-zero exit code, and leave no process.
func TestClearFailures(t *testing.T) {
	t.Parallel()
	nothing := t.TempDir()
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, m *machine)
		env     []string
		args    []string
		says    []string
	}{
		"the port is in use": {
			prepare: func(t *testing.T, m *machine) { occupy(t, m.port) },
			says:    []string{"address already in use", "--port", "PORT="},
		},
		"the broker's port is in use": {
			prepare: func(t *testing.T, m *machine) { occupy(t, m.kafkaPort) },
			says:    []string{"start", "in use", "--kafka-port", "KAFKA_PORT="},
		},
		"the data folder is locked": {
			prepare: func(t *testing.T, m *machine) { lock(t, m.path("data")) },
			says:    []string{"in use by another kafkaml", "--data"},
		},
		"the data folder is a file": {
			prepare: func(_ *testing.T, m *machine) { m.write("data", "") },
			says:    []string{"open the data folder"},
		},
		"no Java": {
			env: []string{"PATH=" + nothing}, args: []string{"--broker", "kafka"},
			says: []string{"java is not installed", "development broker"},
		},
		"a broker that does not answer": {
			env:  []string{"KAFKA_BROKERS=127.0.0.1:1"},
			says: []string{"127.0.0.1:1"},
		},
		"a broker of another kind": {
			args: []string{"--broker", "rabbit"},
			says: []string{"rabbit", "KAFKA_BROKERS"},
		},
		"no toolchain": {
			env:  []string{"KAFKAML_TOOLCHAIN=" + nothing},
			says: []string{"TensorFlow", nothing, "make tensorflow"},
		},
		"the registry of a newer version": {
			prepare: newerRegistry,
			says:    []string{"the database has schema 900", "a newer kafkaml wrote it", "run that newer kafkaml"},
		},
		"a database that is none": {
			args: []string{"--database", "oracle://x"},
			says: []string{"oracle"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &machine{t: t, dir: folder(t), env: tt.env, args: tt.args, port: freePort(t), kafkaPort: freePort(t)}
			if tt.prepare != nil {
				tt.prepare(t, m)
			}
			m.launch()
			m.fails(tt.says)
		})
	}
}

// fails wants the machine to end by itself, having said all of says.
func (m *machine) fails(says []string) {
	m.t.Helper()
	select {
	case <-m.ended:
	case <-time.After(waitTime):
		terminate(m.running.Process.Pid, syscall.SIGKILL)
		<-m.ended
		m.t.Fatalf("it went on\n%s", m.said)
	}
	if code := m.running.ProcessState.ExitCode(); code <= 0 {
		m.t.Errorf("it ended with %v", m.running.ProcessState)
	}
	for _, words := range says {
		if !strings.Contains(m.said.String(), words) {
			m.t.Errorf("it does not say %q:\n%s", words, m.said)
		}
	}
	if strings.Contains(m.said.String(), "goroutine ") {
		m.t.Errorf("it shows a stack:\n%s", m.said)
	}
}

// newerRegistry prepares a data folder that a later version has used, and wants
// it to be as it was in the end but for the log.
func newerRegistry(t *testing.T, m *machine) {
	t.Helper()
	url := "sqlite:" + m.path("data/registry.db")
	store, err := registry.Open(t.Context(), url)
	if err == nil {
		err = store.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", m.path("data/registry.db"))
	if err == nil {
		_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (900, true)")
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	before, files := snapshot(t, m)
	t.Cleanup(func() {
		if after, now := snapshot(t, m); after != before || !slices.Equal(files, now) {
			t.Errorf("the data folder was changed: %v, now %v", files, now)
		}
	})
}

// snapshot reads the registry's file and the names beside it.
func snapshot(t *testing.T, m *machine) (content string, names []string) {
	t.Helper()
	b, err := os.ReadFile(m.path("data/registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(m.path("data"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" && e.Name() != "logs" {
			names = append(names, e.Name())
		}
	}
	return string(b), names
}

// occupy listens on a port until the test ends.
func occupy(t *testing.T, port int) {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}

// lock holds a data folder as a running kafkaml does.
func lock(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "lock"))
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
}

// TestDiskIsFull starts kafkaml run on a disk of 64 MiB.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	m := &machine{t: t, dir: folder(t), port: freePort(t), kafkaPort: freePort(t), disk: 64}
	if err := os.Mkdir(m.path("data"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.launch()
	m.fails([]string{"MiB free", "--data"})
}
