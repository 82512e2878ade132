package broker

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/template"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

//go:embed server.properties.tmpl
var properties string

var propertiesTemplate = template.Must(template.New("server.properties").Parse(properties))

// javaFlags keep the broker small and quick to start; one machine's load needs
// no more.
var javaFlags = []string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"}

const opKafka = "start Apache Kafka"

// Kafka starts Apache Kafka in KRaft mode, one node, from the jars in libDir,
// with its log under dataDir, and returns when it takes and gives records and
// its group coordinator answers. Port 0 takes a free port. It ends with ctx and
// with this process, however that ends.
func Kafka(ctx context.Context, libDir, dataDir string, port int) (*Broker, error) {
	return Listening(ctx, libDir, dataDir, port, Options{})
}

// Listening is Kafka with more listeners beside the one that asks nobody who they
// are.
func Listening(ctx context.Context, libDir, dataDir string, port int, o Options) (*Broker, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, &pipeline.Error{
			Op: opKafka, Kind: pipeline.Unavailable, Reason: "java is not installed", Err: err,
			Hint: "install a Java 17 runtime, or leave BROKER unset for the development broker",
		}
	}
	config, addr, err := configure(ctx, dataDir, port, o)
	if err != nil {
		return nil, err
	}
	flags := slices.Concat(javaFlags, sharedClasses(libDir), []string{"-cp", filepath.Join(libDir, "*")})
	if err := format(ctx, java, flags, config, dataDir, o.Format); err != nil {
		return nil, err
	}
	args := append(slices.Concat(o.Java, flags), "kafka.Kafka", config)
	cmd := exec.Command(java, args...) //nolint:noctx // spawn asks it to end before it kills
	cmd.Env = environment(os.Environ())
	b, out := spawn(ctx, cmd)
	b.Addr = addr
	if err := ready(ctx, b); err != nil {
		if closing := b.Close(); closing != nil { // it ended by itself, and says why
			return nil, &pipeline.Error{Op: opKafka, Kind: pipeline.Unavailable, Err: closing}
		}
		return nil, &pipeline.Error{Op: opKafka, Kind: pipeline.Unavailable, Err: err, Reason: fmt.Sprintf("%v%s", err, lastly(out))}
	}
	return b, nil
}

// configure writes the broker's properties, new at each start since the ports
// may change.
func configure(ctx context.Context, dataDir string, port int, o Options) (file, addr string, err error) {
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return "", "", &pipeline.Error{Op: opKafka, Kind: pipeline.Unavailable, Err: err}
	}
	if port, err = claimPort(ctx, opKafka, port); err != nil {
		return "", "", err
	}
	controller, err := claimPort(ctx, opKafka, 0)
	if err != nil {
		return "", "", err
	}
	var text bytes.Buffer
	if err := propertiesTemplate.Execute(&text, map[string]any{
		"Host": host, "Port": port, "Controller": controller, "Dir": filepath.Join(dataDir, "log"),
		"Listeners": o.Listeners, "Properties": o.Properties,
	}); err != nil {
		return "", "", &pipeline.Error{Op: opKafka, Err: err}
	}
	file = filepath.Join(dataDir, "server.properties")
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		return "", "", &pipeline.Error{Op: opKafka, Kind: pipeline.Unavailable, Err: err}
	}
	return file, fmt.Sprintf("%s:%d", host, port), nil
}

// environment is what of ours a virtual machine needs to run: the rest may hold
// secrets, which are none of its business.
func environment(ours []string) []string {
	return slices.DeleteFunc(slices.Clone(ours), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return !slices.Contains([]string{"PATH", "HOME", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH"}, name) && !strings.HasPrefix(name, "JAVA") && !strings.HasPrefix(name, "JDK_") && !strings.HasPrefix(name, "LC_")
	})
}

// clusterID names every cluster of ours: each is alone on its machine.
const clusterID = "a2Fma2FtbC1sb2NhbC0xMg"

// sharedClasses has Java take the classes that fetch.sh has archived beside the
// jars, where it has.
func sharedClasses(libDir string) []string {
	archive := filepath.Join(filepath.Dir(libDir), "classes.jsa")
	if _, err := os.Stat(archive); err != nil {
		return nil
	}
	return []string{"-XX:SharedArchiveFile=" + archive, "-Xshare:auto", "-Xlog:disable"}
}

// format prepares an empty folder, once.
func format(ctx context.Context, java string, flags []string, config, dataDir string, more []string) error {
	if _, err := os.Stat(filepath.Join(dataDir, "log", "meta.properties")); err == nil {
		return nil
	}
	args := append(slices.Clone(flags), "kafka.tools.StorageTool",
		"format", "--cluster-id", clusterID, "--config", config, "--ignore-formatted")
	args = append(args, more...)
	if out, err := exec.CommandContext(ctx, java, args...).CombinedOutput(); err != nil {
		return &pipeline.Error{Op: opKafka, Kind: pipeline.Unavailable, Err: err, Reason: fmt.Sprintf("%v: %s", err, bytes.TrimSpace(out))}
	}
	return nil
}

// spawn runs cmd until it ends, ctx does, or Close. The goroutine keeps its
// operating system thread for as long as the child lives, since the child's
// parent-death signal is bound to that thread.
func spawn(ctx context.Context, cmd *exec.Cmd) (*Broker, *tail) {
	out := &tail{limit: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = parentDeath()
	stopped := make(chan struct{})
	b := &Broker{stop: func() { close(stopped) }, done: make(chan struct{})}
	go func() {
		defer close(b.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if b.err = cmd.Start(); b.err != nil {
			return
		}
		var ending sync.WaitGroup
		ended := make(chan struct{})
		asked := false
		ending.Go(func() { asked = end(ctx, cmd.Process, stopped, ended) })
		err := cmd.Wait()
		close(ended)
		ending.Wait()
		if !asked {
			b.err = fmt.Errorf("kafka ended by itself (%w)%s", err, lastly(out))
		}
	}()
	return b, out
}

// lastly is what a process said last, nothing where it was killed before a word.
func lastly(out fmt.Stringer) string {
	text := strings.TrimSpace(out.String())
	if text == "" {
		return ""
	}
	return "; its last output: " + text
}

// end asks the process to stop when it is told to, insists after a while, and
// reports whether it asked.
func end(ctx context.Context, p *os.Process, stopped, ended <-chan struct{}) bool {
	select {
	case <-ended:
		return false
	case <-ctx.Done():
	case <-stopped:
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return true // it is gone
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second): // its log is recovered at the next start
		_ = p.Kill() // fails only when it is gone
	}
	return true
}

// tail keeps the last bytes written to it.
type tail struct {
	mu    sync.Mutex
	limit int
	text  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - t.limit; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for line := range strings.Lines(string(t.text)) {
		if !strings.HasPrefix(line, "SLF4J") { // says at each start which logger it has
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, ""))
}
