package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	function "github.com/kafkaml/kafkaml"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// worker is shared by the tests of this package: it takes seconds to start.
var worker framework.Builder

func TestMain(m *testing.M) {
	flag.Parse()
	time.Local = time.UTC // a table is as wide everywhere
	code, err := withWorker(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withWorker(run func() int) (code int, err error) {
	if worker, err = keras.Build(context.Background(), slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		return 0, err
	}
	prepared.dir, err = os.MkdirTemp("", "kafkaml-cli-*")
	defer func() { err = errors.Join(err, worker.Close(), os.RemoveAll(prepared.dir)) }()
	if err != nil {
		return 0, err
	}
	return run(), nil
}

// server is the functions over a registry and a broker of their own.
type server struct {
	URL       string
	Store     *registry.Store
	Artifacts *artifact.Store
	Cluster   *stream.Cluster
	cut       func() // breaks every connection of the moment
	host      *functions.Host
}

// reconcile does the background work of the functions until the test ends.
// Tests that set the state of a result by hand go without: a training that runs
// without a Job would be started again.
func (s *server) reconcile(t *testing.T) {
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var loops sync.WaitGroup
	loops.Go(func() { s.host.Run(ctx) })
	t.Cleanup(func() {
		stop()
		loops.Wait()
	})
}

// serveFunctions starts all functions for one test, as kafkaml run does: with
// the real worker, SQLite, a folder of artifacts, the development broker and
// the dispatcher that carries the control topic.
func serveFunctions(t *testing.T) *server {
	t.Helper()
	return serveFolder(t, t.TempDir())
}

// prepared is the folder of a server that holds the models digits (1) and line
// (2) and the configuration pair (1) of both: building them takes seconds.
var prepared struct {
	sync.Once
	dir string
}

// servePrepared is serveFunctions over a copy of the prepared folder.
func servePrepared(t *testing.T) *server {
	t.Helper()
	prepared.Do(func() {
		t.Run("prepare", func(t *testing.T) {
			s := serveFolder(t, prepared.dir)
			s.ok(t, "models create --name digits -f testdata/digits.py")
			s.ok(t, "models create -f testdata/line.yaml")
			s.ok(t, "configurations create --name pair --models digits,line")
		})
	})
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(prepared.dir)); err != nil {
		t.Fatal(err)
	}
	return serveFolder(t, dir)
}

// serveFolder starts all functions over the state in a folder.
func serveFolder(t *testing.T, dir string) *server {
	t.Helper()
	s := &server{Cluster: streamtest.Cluster(t)}
	var err error
	if s.Store, err = registry.Open(t.Context(), "sqlite:"+filepath.Join(dir, "registry.db")); err != nil {
		t.Fatal(err)
	}
	if s.Artifacts, err = artifact.Open(t.Context(), "file://"+filepath.Join(dir, "artifacts")); err != nil {
		t.Fatal(err)
	}
	// Training is not what is tested here: the program of the Jobs fails at once.
	program, err := exec.LookPath("false")
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewUnstartedServer(nil)
	s.URL, s.cut = "http://"+h.Listener.Addr().String(), h.CloseClientConnections
	s.host, err = functions.Open(t.Context(), functions.Config{
		Data: dir, Kafka: s.Cluster.Config(), URL: s.URL, Programs: map[string]string{kerasmodel.Name: program, onnxmodel.Name: program}, Frameworks: function.Frameworks(), Builders: framework.Builders{kerasmodel.Name: worker},
	}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	h.Config.Handler = s.host
	h.Start()
	if err := s.host.Dispatch(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.cut() // streams of events have no end of their own
		h.Close()
		if err := errors.Join(s.host.Close(), s.Artifacts.Close(), s.Store.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// do runs fn in a transaction.
func (s *server) do(t *testing.T, fn func(tx *registry.Tx) error) {
	t.Helper()
	if err := s.Store.Do(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// ran is what one run of the program did.
type ran struct {
	code     int
	out, err string
}

// run runs the program with a command line as a person types it: words in
// single quotes hold spaces.
func (s *server) run(t *testing.T, line, stdin string) ran {
	t.Helper()
	return s.runAs(t, "kafkaml", line, stdin)
}

func (s *server) runAs(t *testing.T, program, line, stdin string) ran {
	t.Helper()
	var out, err bytes.Buffer
	env := &cli.Env{
		Program: program, In: strings.NewReader(stdin), Out: &out, Err: &err,
		Getenv: s.getenv,
		Now:    func() time.Time { return time.Unix(0, 0) }, // every age is "now"
	}
	// Long enough for any command on a busy machine; a watch that would not end
	// ends, and the test shows what it wrote.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	code := env.Execute(ctx, newRoot(env), words(t, line))
	return ran{code, out.String(), err.String()}
}

// getenv is the environment of a run.
func (s *server) getenv(name string) string {
	switch {
	case name == "KAFKAML_URL":
		return s.URL
	case name == "KAFKA_BROKERS" && s.Cluster != nil:
		return strings.Join(s.Cluster.Config().Brokers, ",")
	}
	return ""
}

// words parts a command line as a POSIX shell does.
func words(t *testing.T, line string) []string {
	t.Helper()
	var all []string
	var word strings.Builder
	begun, quoted := false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\'':
			quoted, begun = !quoted, true
		case quoted:
			word.WriteByte(c)
		case c == '\\' && i+1 < len(line):
			i++
			begun = true
			word.WriteByte(line[i])
		case c == ' ' || c == '\n':
			if begun {
				all = append(all, word.String())
			}
			word.Reset()
			begun = false
		default:
			begun = true
			word.WriteByte(c)
		}
	}
	if quoted {
		t.Fatalf("a quote without its end: %s", line)
	}
	if begun {
		all = append(all, word.String())
	}
	return all
}

// What differs from run to run.
var varying = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "SERVER"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "HASH"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "UUID"},
	{regexp.MustCompile(`/kafkaml/client/[^' ]+`), "/kafkaml/client/HOST"},
	{regexp.MustCompile(`"(keras|tensorflow|numpy|python)": "[^"]+"`), `"$1": "VERSION"`},
}

func steady(text string) string {
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.instead)
	}
	return text
}

// golden compares a transcript with testdata/<name>.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	got = steady(got)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got, -update writes it anew):\n%s", file, diff)
	}
}

// transcript runs lines one after another and writes down what each did.
func (s *server) transcript(t *testing.T, lines ...string) string {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		r := s.run(t, line, "")
		fmt.Fprintf(&b, "$ kafkaml %s\n%s%s", line, r.out, r.err)
		if r.code != 0 {
			fmt.Fprintf(&b, "exit %d\n", r.code)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// must runs a line that has to succeed and reads its JSON into v.
func (s *server) must(t *testing.T, v any, line string) {
	t.Helper()
	r := s.run(t, line, "")
	if r.code != 0 {
		t.Fatalf("kafkaml %s: exit %d\n%s", line, r.code, r.err)
	}
	if err := json.Unmarshal([]byte(r.out), v); err != nil {
		t.Fatalf("kafkaml %s: %v in %s", line, err, r.out)
	}
}
