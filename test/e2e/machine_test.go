package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/artifact/artifacttest"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// startTime bounds a start on a busy machine, waitTime anything that a person
// would wait for.
const (
	startTime = 5 * time.Minute
	waitTime  = 5 * time.Minute
)

// machine is one data folder and the kafkaml run over it, started, ended and
// started again.
type machine struct {
	t    *testing.T
	dir  string   // the data folder and, beside it, files of the test
	args []string // of run, beside ports and folders
	env  []string // beside the test's own
	ca   string   // file of the authority of its certificate, where it has one
	disk int      // MiB of a disk of its own for the data folder; 0: it has none

	port, kafkaPort int
	running         *exec.Cmd
	said            *output
	ended           chan struct{} // closed when running has ended
	URL             string
	Brokers         []string
}

// newMachine starts kafkaml run with some arguments and variables. It ends
// with the test, and then no process of it may be left.
func newMachine(t *testing.T, env []string, args ...string) *machine {
	t.Helper()
	m := &machine{t: t, dir: folder(t), args: args, env: env, port: freePort(t), kafkaPort: freePort(t)}
	m.begin()
	return m
}

// begin starts the machine and lets it end with the test.
func (m *machine) begin() {
	m.t.Helper()
	m.t.Cleanup(func() {
		if m.running != nil {
			m.end(syscall.SIGINT)
		}
		if m.t.Failed() {
			m.tellLog()
		}
	})
	m.start()
}

// folder makes a folder that is removed at the end of all tests.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, strings.NewReplacer("/", "-").Replace(t.Name())+"-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// nextPort is where freePort looks next, so that machines which start at once do
// not find the same.
var nextPort atomic.Int64

// freePort finds a port below those that the kernel gives to connections, so
// that nobody takes it while a machine is down.
func freePort(t *testing.T) int {
	t.Helper()
	const ports = 12_000
	nextPort.CompareAndSwap(0, 1+rand.Int64N(ports))
	for range 100 {
		port := 18_000 + int(nextPort.Add(1)%ports)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// path is a file of the test beside the data folder.
func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

// command prepares a program of ours in the machine's environment.
func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, "kafkaml"), args...)
	cmd.Dir = m.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "KAFKA_") || strings.HasPrefix(v, "KAFKAML_URL=") || strings.HasPrefix(v, "BROKER=")
	})
	cmd.Env = append(cmd.Env, m.env...)
	if m.URL != "" {
		cmd.Env = append(cmd.Env, "KAFKAML_URL="+m.URL)
	}
	return cmd
}

// start starts kafkaml run, again where it ran before, and waits until it is
// ready.
func (m *machine) start() {
	m.t.Helper()
	m.launch()
	ready := m.path("ready.json")
	within(m.t, startTime, "kafkaml run is ready", func() (string, bool) {
		select {
		case <-m.ended:
			m.t.Fatalf("kafkaml run ended: %v\n%s", m.running.ProcessState, m.said)
		default:
		}
		b, err := os.ReadFile(ready)
		if errors.Is(err, os.ErrNotExist) {
			return m.said.String(), false
		}
		var up struct {
			URL     string
			Brokers []string
		}
		if err == nil {
			err = json.Unmarshal(b, &up)
		}
		if err != nil {
			m.t.Fatal(err)
		}
		m.URL, m.Brokers = up.URL, up.Brokers
		return "", true
	})
}

// launch starts kafkaml run in a process group of its own, as a shell does.
func (m *machine) launch() {
	m.t.Helper()
	if err := os.Remove(m.path("ready.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	args := append([]string{
		"run", "--data", m.path("data"), "--ready-file", m.path("ready.json"),
		"--port", fmt.Sprint(m.port), "--kafka-port", fmt.Sprint(m.kafkaPort),
	}, m.args...)
	m.running, m.said, m.ended = m.command(args...), &output{}, make(chan struct{})
	if m.disk > 0 {
		on := artifacttest.OnDisk(m.path("data"), m.disk, m.running.Args...)
		on.Dir, on.Env = m.running.Dir, m.running.Env
		m.running = on
	}
	m.running.Stdout, m.running.Stderr = m.said, m.said
	m.running.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := m.running.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) { // owned by end and kill, which wait for ended
		defer close(ended)
		_ = cmd.Wait() // its state says how it ended
	}(m.running, m.ended)
}

// end sends a signal to the process group, as a terminal does for Ctrl-C, wants
// an orderly end with exit code 0, and no process left.
func (m *machine) end(signal syscall.Signal) {
	m.t.Helper()
	below := m.children("")
	terminate(-m.running.Process.Pid, signal)
	select {
	case <-m.ended:
	case <-time.After(waitTime):
		terminate(m.running.Process.Pid, syscall.SIGQUIT) // says where it hangs
		<-m.ended
		m.t.Fatalf("kafkaml run did not end\n%s", m.said)
	}
	if code := m.running.ProcessState.ExitCode(); code != 0 {
		m.t.Errorf("kafkaml run ended with %v\n%s", m.running.ProcessState, m.said)
	}
	m.running = nil
	gone(m.t, below)
}

// kill ends kafkaml run at once and wants all its processes to follow.
func (m *machine) kill() {
	m.t.Helper()
	below := m.children("")
	terminate(m.running.Process.Pid, syscall.SIGKILL)
	<-m.ended
	m.running = nil
	gone(m.t, below)
}

// children are the processes below the machine whose command line holds kind.
func (m *machine) children(kind string) []child {
	return slices.DeleteFunc(descendants(m.running.Process.Pid), func(c child) bool { return !strings.Contains(c.command, kind) })
}

// one waits for a child of a kind.
func (m *machine) one(kind string) (c child) {
	m.t.Helper()
	within(m.t, waitTime, "a process "+kind, func() (string, bool) {
		all := m.children(kind)
		if len(all) > 0 {
			c = all[0]
		}
		return m.said.String(), len(all) > 0
	})
	return c
}

// hold lets a process run for moments only until there is enough of what it does, and
// leaves it held: it does not come to its end while somebody looks.
func (m *machine) hold(c child, what string, enough func() (state string, done bool)) {
	m.t.Helper()
	within(m.t, waitTime, what, func() (string, bool) {
		terminate(c.pid, syscall.SIGCONT)
		<-time.After(50 * time.Millisecond)
		terminate(c.pid, syscall.SIGSTOP)
		return enough()
	})
}

// tellLog shows the end of the machine's log.
func (m *machine) tellLog() {
	b, err := os.ReadFile(m.path("data/logs/kafkaml.log"))
	if err != nil { // it may have gone with its disk
		m.t.Log(err)
	}
	m.t.Logf("kafkaml run said:\n%s\nthe end of its log:\n%s", m.said, b[max(0, len(b)-8<<10):])
}

// client speaks to the machine's functions.
func (m *machine) client() *client.Client {
	m.t.Helper()
	c := client.New(m.URL)
	var err error
	if c.HTTP, err = client.Trusting(m.ca); err != nil {
		m.t.Fatal(err)
	}
	return c
}

// dial connects to the machine's Kafka, until the test ends.
func (m *machine) dial() *stream.Cluster {
	m.t.Helper()
	c, err := stream.Dial(m.t.Context(), stream.Config{Brokers: m.Brokers})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			m.t.Error(err)
		}
	})
	return c
}
