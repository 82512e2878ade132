package main

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// asCommand makes the test binary be the command.
const asCommand = "KAFKAML_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(program().Run(os.Args[1:]))
	}
	os.Exit(streamtest.Main(m))
}

// log collects what a process writes.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// command is the program at work.
type command struct {
	cmd   *exec.Cmd
	out   *log
	stdin io.WriteCloser
	done  chan struct{}
	err   error
}

func begin(t testing.TB, env []string, args ...string) *command {
	t.Helper()
	p := &command{cmd: exec.Command(os.Args[0], args...), out: new(log), done: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), asCommand+"=1"), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("the process wrote:\n%s", p.out)
		}
	})
	return p
}

// code waits for the end and gives the exit code.
func (p *command) code(t testing.TB) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(3 * time.Minute):
		t.Fatal("the process does not end")
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		t.Fatal(p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// trained puts a model into a store and gives what a predict process needs.
func trained(t testing.TB, c *stream.Cluster, delivery pipeline.Delivery, partitions int) (pipeline.PredictJob, []string) {
	t.Helper()
	return trainedOf(t, c, "small", delivery, partitions)
}

func trainedOf(t testing.TB, c *stream.Cluster, model string, delivery pipeline.Delivery, partitions int) (pipeline.PredictJob, []string) {
	t.Helper()
	m := tensorflowtest.Load(t, model)
	address := "file://" + t.TempDir()
	store, err := artifact.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.PutDir(t.Context(), "results/3/attempt-1/savedmodel.zip", m.SavedModel()); err != nil {
		t.Fatal(err)
	}
	job := pipeline.PredictJob{
		Inference: 7, Name: "inference-7", Result: 3, Artifact: "results/3/attempt-1", Export: m.Export, Delivery: delivery,
		InputFormat: pipeline.RAW, InputConfig: json.RawMessage(`{"data_type":"float32","data_reshape":"3"}`),
		InputTopic: streamtest.Topic(t, c, partitions), OutputTopic: streamtest.Name(t), DeadLetter: streamtest.Name(t), Group: streamtest.Name(t),
	}
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	return job, append(c.Config().Env(), "KAFKAML_PREDICT="+string(text), "ARTIFACT_URL="+address)
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func ready(address string) func() bool {
	return func() bool {
		resp, err := http.Get("http://" + address + "/health/readiness")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
}

// Ended in order or by the loss of its parent, the process drains and says 0.
func TestPredictEnds(t *testing.T) {
	c := streamtest.Cluster(t)
	_, env := trained(t, c, pipeline.Direct, 1)
	ends := map[string]func(p *command) error{
		"SIGTERM":   func(p *command) error { return p.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGINT":    func(p *command) error { return p.cmd.Process.Signal(syscall.SIGINT) },
		"no parent": func(p *command) error { return p.stdin.Close() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			address := freeAddress(t)
			began := time.Now()
			p := begin(t, slices.Concat(env, []string{"LISTEN_ADDRESS=" + address, "KAFKAML_PARENT=stdin"}), "predict")
			until(t, "ready", ready(address))
			t.Logf("ready after %v", time.Since(began))
			if err := end(p); err != nil {
				t.Fatal(err)
			}
			if code := p.code(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			for line := range strings.Lines(p.out.String()) {
				if !strings.HasPrefix(line, "{") && !early(line) {
					t.Errorf("a line that is no log entry: %s", line)
				}
			}
		})
	}
}

// early tells the two lines that the library writes while it is loaded, before
// any code of ours runs; TF_CPP_MIN_LOG_LEVEL=1 from outside silences them.
func early(line string) bool {
	return strings.Contains(line, "port.cc") || strings.Contains(line, "absl::InitializeLog")
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	c := streamtest.Cluster(t)
	job, env := trained(t, c, pipeline.Source, 1)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	noTopic := job
	noTopic.OutputTopic = ""
	text, err := json.Marshal(noTopic)
	if err != nil {
		t.Fatal(err)
	}
	misfit := job
	misfit.InputConfig = json.RawMessage(`{"data_type":"float32","data_reshape":"4"}`)
	wrong, err := json.Marshal(misfit)
	if err != nil {
		t.Fatal(err)
	}
	with := func(more ...string) []string { return slices.Concat(env, []string{"LISTEN_ADDRESS=127.0.0.1:0"}, more) }
	cases := map[string]struct {
		env  []string
		args []string
		code int
		want string
	}{
		"no verb":                   {nil, nil, 2, "usage"},
		"a verb by its description": {[]string{"KAFKAML_PREDICT={}"}, nil, 1, "ARTIFACT_URL"},
		"a training described":      {[]string{"KAFKAML_JOB={"}, nil, 1, "KAFKAML_JOB"},
		"described in a file":       {[]string{"KAFKAML_PREDICT_FILE=/nowhere"}, nil, 1, "KAFKAML_PREDICT_FILE: open /nowhere"},
		"another verb":              {nil, []string{"dance"}, 2, `"dance" is no verb`},
		"version":                   {nil, []string{"version"}, 0, "TensorFlow 2."},
		"help":                      {nil, []string{"--help"}, 0, "usage"},
		"no inference":              {nil, []string{"predict"}, 1, "KAFKAML_PREDICT: is not set"},
		"not JSON":                  {[]string{"KAFKAML_PREDICT={"}, []string{"predict"}, 1, "KAFKAML_PREDICT"},
		"no store":                  {[]string{"KAFKAML_PREDICT={}"}, []string{"predict"}, 1, "ARTIFACT_URL"},
		"no output":                 {with("KAFKAML_PREDICT=" + string(text)), []string{"predict"}, 1, "output_topic"},
		"no broker":                 {with("KAFKA_BROKERS="), []string{"predict"}, 1, "KAFKA_BROKERS"},
		"a port taken":              {with("LISTEN_ADDRESS=" + taken.Addr().String()), []string{"predict"}, 1, "is in use"},
		"no artifact":               {with("ARTIFACT_URL=file://" + t.TempDir()), []string{"predict"}, 1, "savedmodel.zip"},
		"a misfit":                  {with("KAFKAML_PREDICT=" + string(wrong)), []string{"predict"}, 1, "input_config"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := begin(t, c.env, c.args...)
			if code := p.code(t); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(p.out.String(), c.want) {
				t.Errorf("%q does not say %q", p.out, c.want)
			}
		})
	}
}

// What needs no library (version, help, a refusal) must not wait for it.
func TestTheLibraryIsNotLinked(t *testing.T) {
	f, err := elf.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) == 0 {
		t.Fatal(libraries, err)
	}
	for _, name := range libraries {
		if strings.Contains(name, "tensorflow") {
			t.Errorf("%s is linked", name)
		}
	}
}

// Killed again and again while records flow, the process loses none, and what
// it repeats has the id it had.
func TestKillLosesNothing(t *testing.T) {
	c := streamtest.Kafka(t)
	const records, partitions = 60_000, 2
	job, env := trained(t, c, pipeline.Direct, partitions)
	value := make([]byte, 12)
	ctx, cancel := context.WithCancel(t.Context())
	produced := make(chan error, 1)
	go func() { produced <- produce(ctx, c, job.InputTopic, partitions, records, value) }()
	defer func() {
		cancel()
		if err := <-produced; err != nil {
			t.Error(err)
		}
	}()
	for _, least := range []int64{1, 20_000} { // where each one is killed
		p := begin(t, slices.Concat(env, []string{"LISTEN_ADDRESS=127.0.0.1:0"}), "predict")
		until(t, "some output", func() bool { return count(t, c, job.OutputTopic) >= least })
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-p.done
	}
	begin(t, slices.Concat(env, []string{"LISTEN_ADDRESS=127.0.0.1:0"}), "predict")
	values, outputs := map[string]string{}, 0
	until(t, "an output for each record", func() bool {
		if count(t, c, job.OutputTopic) < records {
			return false
		}
		clear(values)
		outputs = 0
		read(t, c, job.OutputTopic, func(r stream.Record) {
			outputs++
			for _, h := range r.Headers {
				if h.Key != "ce_id" {
					continue
				}
				if was, ok := values[string(h.Value)]; ok && was != string(r.Value) {
					t.Errorf("id %s has two values", h.Value)
				}
				values[string(h.Value)] = string(r.Value)
			}
		})
		return len(values) == records
	})
	t.Logf("%d outputs of %d records", outputs, records)
}

func produce(ctx context.Context, c *stream.Cluster, topic string, partitions, n int, value []byte) error {
	const each = 500
	for at := 0; at < n; at += each {
		batch := make([]stream.Record, each)
		for i := range batch {
			batch[i] = stream.Record{Key: fmt.Append(nil, at+i), Value: value}
		}
		if _, err := c.Produce(ctx, topic, at/each%partitions, batch); err != nil {
			return err
		}
	}
	return nil
}

func count(t testing.TB, c *stream.Cluster, topic string) int64 {
	t.Helper()
	_, next, err := c.Offsets(t.Context(), topic)
	if pipeline.KindOf(err) == pipeline.NotFound { // the process makes it
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	all := int64(0)
	for _, n := range next {
		all += n
	}
	return all
}

func read(t testing.TB, c *stream.Cluster, topic string, each func(stream.Record)) {
	t.Helper()
	first, next, err := c.Offsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for p := range next {
		if next[p] == first[p] {
			continue
		}
		err := c.Read(t.Context(), pipeline.Range{Topic: topic, Partition: p, Offset: first[p], Length: next[p] - first[p]}, func(r stream.Record) error {
			each(r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
