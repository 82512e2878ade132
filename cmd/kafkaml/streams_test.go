package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/streaming"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// points is a file of 50 points of a line.
func points(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("x,y\n")
	for i := range 50 {
		fmt.Fprintf(&b, "%d.25,%d.5\n", i, 2*i)
	}
	path := filepath.Join(t.TempDir(), "points.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ok runs a line that has to succeed and gives its standard output.
func (s *server) ok(t *testing.T, line string) string {
	t.Helper()
	r := s.run(t, line, "")
	if r.code != 0 {
		t.Fatalf("kafkaml %s: exit %d\n%s", line, r.code, r.err)
	}
	return r.out
}

// deployLine deploys the model line alone, as the next deployment.
func (s *server) deployLine(t *testing.T) string {
	t.Helper()
	return strings.TrimPrefix(strings.TrimSpace(s.ok(t, "deployments create --configuration single --batch-size 8 -o name")), "deployment/")
}

func TestStreams(t *testing.T) {
	s := servePrepared(t)
	s.reconcile(t)
	file := points(t)
	s.ok(t, "deployments create --configuration pair --batch-size 8")
	deployment := s.deployOf(t, "single")

	t.Run("a stream that a model cannot read is not sent", func(t *testing.T) {
		r := s.run(t, "stream send "+file+" --label y --topic points --deployment 1", "")
		if r.code != 4 || !strings.Contains(r.err, "model digits of deployment 1 cannot read it") {
			t.Errorf("exit %d: %s", r.code, r.err)
		}
		if r := s.run(t, "stream topics points", ""); r.code != 3 {
			t.Errorf("the topic was made: %s", r.out)
		}
	})
	t.Run("a stream that would train nothing is not sent", func(t *testing.T) {
		s.ok(t, "deployments stop 1")
		for line, want := range map[string]struct {
			code int
			says string
		}{
			"--deployment 1":  {4, "deployment 1 is stopped"},
			"--deployment 99": {3, "there is no deployment 99"},
		} {
			r := s.run(t, "stream send "+file+" --label y --topic nowhere "+line, "")
			if r.code != want.code || !strings.Contains(r.err, want.says) || !strings.Contains(r.err, "create") {
				t.Errorf("%s: exit %d: %s", line, r.code, r.err)
			}
		}
		if r := s.run(t, "stream topics nowhere", ""); r.code != 3 {
			t.Errorf("the topic was made: %s", r.out)
		}
	})
	t.Run("a stream starts its training", func(t *testing.T) {
		out := s.ok(t, "stream send "+file+" --label y --topic points --validation-rate 0.2 --description lines --deployment "+deployment)
		if !strings.HasPrefix(out, "50 records as AVRO") || !strings.Contains(out, ": points:0:0:50\n") {
			t.Errorf("sent: %s", out)
		}
		// The program of the Jobs fails, and the watch says so.
		r := s.run(t, "deployments show "+deployment+" --watch", "")
		if r.code != 1 || !strings.Contains(r.out, "line: failed: ") || !strings.HasPrefix(r.err, "error: result 3 of model line: ") {
			t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
		}
	})
	t.Run("a datasource is shown", func(t *testing.T) {
		golden(t, "datasources", s.transcript(t, "datasources list", "datasources show 1", "datasources list --deployment 99"))
	})
	t.Run("a stream is sent to another deployment without a record", func(t *testing.T) { testResend(t, s) })
	t.Run("an inference", func(t *testing.T) { testInferences(t, s) })
}

func testResend(t *testing.T, s *server) {
	before := s.ok(t, "stream topics points -o json")
	another := s.deployLine(t)
	var d pipeline.Datasource
	s.must(t, &d, "datasources resend datasource/1 -o json --deployment "+another)
	if d.ResendOf != 1 || fmt.Sprint(d.Deployment) != another || d.TotalMsg != 50 {
		t.Errorf("re-sent as %+v", d)
	}
	if after := s.ok(t, "stream topics points -o json"); after != before {
		t.Errorf("records were sent again: %s", after)
	}
	var all []streaming.Partition
	if err := json.Unmarshal([]byte(before), &all); err != nil || len(all) != 1 || all[0].Next != 50 {
		t.Errorf("%v: %s", err, before)
	}
}

// finish makes result 3 a finished one, as a training would.
func (s *server) finish(t *testing.T, id int64) {
	t.Helper()
	s.do(t, func(tx *registry.Tx) error {
		r, err := tx.Result(id)
		if err != nil {
			return err
		}
		for _, status := range []pipeline.ResultStatus{pipeline.ResultScheduled, pipeline.ResultRunning, pipeline.ResultFinished} {
			r.Status, r.Artifact = status, pipeline.ResultArtifact(id, r.Attempt)
			if err := tx.UpdateResult(&r); err != nil {
				return err
			}
		}
		return nil
	})
}

func testInferences(t *testing.T, s *server) {
	if r := s.run(t, "inferences create --result 1 --input-topic in --output-topic out", ""); r.code != 4 {
		t.Errorf("of a result that is not finished: exit %d: %s", r.code, r.err)
	}
	s.finish(t, 3)
	var hint pipeline.InferenceForm
	s.must(t, &hint, "inferences suggest --result result/3 -o json")
	if hint.InputFormat != pipeline.AVRO || !strings.Contains(string(hint.InputConfig), `"x"`) {
		t.Errorf("suggested %s %s", hint.InputFormat, hint.InputConfig)
	}
	var i pipeline.Inference
	s.must(t, &i, "inferences create --result 3 --input-topic in --output-topic out --replicas 0-2 --name lines -o json")
	if i.InputFormat != pipeline.AVRO || i.Replicas != 0 || i.MaxReplicas != 2 || i.Delivery != pipeline.Source {
		t.Errorf("deployed as %+v", i)
	}
	testSendAsRead(t, s)
	for _, step := range []struct {
		line string
		code int
		want string
	}{
		{"inferences scale lines 3", 0, "inference 1 lines scaled to 3\n"},
		{"inferences scale lines few", 2, ""},
		{"inferences list --result 3 -o name", 0, "inference/lines\n"},
		{"inferences stop lines", 0, "inference lines stopped\n"},
		{"inferences list --status stopped -q", 0, "1\n"},
		{"results delete 3", 4, ""},
		{"inferences delete lines", 0, "inference lines deleted\n"},
		{"inferences show lines", 3, ""},
	} {
		if r := s.run(t, step.line, ""); r.code != step.code || r.out != step.want {
			t.Errorf("kafkaml %s: exit %d, %s%s", step.line, r.code, r.out, r.err)
		}
	}
}

// Records to predict are written as the inference of their topic reads them.
func testSendAsRead(t *testing.T, s *server) {
	file := filepath.Join(t.TempDir(), "new.csv")
	if err := os.WriteFile(file, []byte("id,x\n7,3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.run(t, "stream send "+file+" --topic in --predict", "")
	if r.code != 0 || !strings.HasPrefix(r.out, "1 records as AVRO, 8 B") || strings.Contains(r.err, "cannot read") || strings.Contains(r.err, "not checked") {
		t.Errorf("of a column that was double in the training stream: exit %d: %s%s", r.code, r.out, r.err)
	}
	r = s.run(t, "stream send "+file+" --topic in --predict --format JSON", "")
	if r.code != 4 || !strings.Contains(r.err, "inference lines reads topic in as AVRO") {
		t.Errorf("in another format: exit %d: %s", r.code, r.err)
	}
	s.ok(t, "stream send "+file+" --topic in --predict --format JSON --unchecked")
	if r := s.run(t, "stream send "+file+" --topic inn --predict", ""); r.code != 0 || !strings.Contains(r.err, "no inference reads topic inn yet") {
		t.Errorf("to a topic that nothing reads: exit %d: %s", r.code, r.err)
	}
	s.ok(t, `inferences create --result 3 --input-topic bytes --output-topic numbers --name bytes --input-format RAW --input-config '{"data_type":"float32","data_reshape":"1"}'`)
	r = s.run(t, "stream send "+file+" --topic bytes --predict", "") // two numbers, where the model takes one
	if r.code != 0 || !strings.Contains(r.err, "inference bytes cannot read the first record, which becomes a dead letter") || !strings.Contains(r.err, "8 bytes, 4 are wanted") {
		t.Errorf("of another layout: exit %d: %s", r.code, r.err)
	}
	if r := s.run(t, "stream send "+file+" --drop id --topic bytes --predict", ""); r.code != 0 || strings.Contains(r.err, "cannot read") {
		t.Errorf("of the layout: exit %d: %s", r.code, r.err)
	}
	s.ok(t, "inferences delete bytes")
}

// The stream of facts gives each fact once and in order, also when the
// connection is cut.
func TestFollowOverACut(t *testing.T) {
	s := serveFunctions(t)
	c := client.New(s.URL)
	seen := make(chan int64, 16)
	done := make(chan error, 1)
	go func() {
		done <- c.Follow(t.Context(), pipeline.StepModelRegister, 0, nil, func(f client.Fact) error {
			seen <- f.Seq
			if f.Event.Type() == client.Type("configuration", "created") {
				return client.Stop()
			}
			return nil
		})
	}()
	s.ok(t, "models create -f testdata/line.yaml")
	first := <-seen
	s.cut()
	s.ok(t, "models update line --description again")
	s.ok(t, "configurations create --name single --models line")
	last := first
	for last-first < 2 {
		select {
		case seq := <-seen:
			if seq <= last {
				t.Fatalf("fact %d after %d", seq, last)
			}
			last = seq
		case <-time.After(2 * time.Minute):
			t.Fatal("the facts after the cut did not come")
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Control records that are refused are shown with their reason.
func TestRejectedDatasource(t *testing.T) {
	s := serveFunctions(t)
	record := stream.Record{Key: []byte{1}, Value: []byte(`{"topic": "points:0:0:10", "input_format": "XML", "input_config": {}}`)}
	if _, err := s.Cluster.Produce(t.Context(), control.Topic, 0, []stream.Record{record}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for {
		r := s.run(t, "datasources list", "")
		if strings.Contains(r.out, "rejected: ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no rejection is listed: %s%s", r.out, r.err)
		}
		time.Sleep(50 * time.Millisecond) // between polls, up to the deadline
	}
}

// A topic that nobody made for a model is listed and looked at, and the command
// that trains on it is said.
func TestTopics(t *testing.T) {
	s := servePrepared(t)
	deployment := s.deployOf(t, "single")
	var all []stream.Record
	for i := range 30 {
		all = append(all, stream.Record{Value: fmt.Appendf(nil, `{"sensor": "s\u001b[31m-%d", "x": %d.5, "kind": "%s", "target": %d}`, i, i, []string{"cold", "warm"}[i%2], 2*i)})
	}
	if err := s.Cluster.EnsureTopic(t.Context(), "readings", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Cluster.Produce(t.Context(), "readings", 0, all); err != nil {
		t.Fatal(err)
	}
	if list := s.ok(t, "topics list -q READ"); !strings.Contains(list, "readings") || !strings.Contains(list, "30") {
		t.Error(list)
	}
	shown := s.ok(t, "topics show readings --deployment "+deployment)
	for _, want := range []string{
		"all of 30 records are JSON", "0.5 to 29.5", "label",
		"kafkaml datasources create --topic readings --deployment " + deployment + " --format JSON", `--input-config '{"data_fields":["x"],"label_field":"target"}'`,
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in:\n%s", want, shown)
		}
	}
	if strings.Contains(shown, "\x1b") {
		t.Errorf("a record steers the terminal: %q", shown)
	}
	s.tries(t, deployment)
	if r := s.run(t, "topics show no-such-topic", ""); r.code == 0 || !strings.Contains(r.err, "no-such-topic") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
}

// tries holds that records and models are tried before a training is asked for.
func (s *server) tries(t *testing.T, deployment string) {
	t.Helper()
	shown := s.ok(t, "topics preview readings --deployment "+deployment)
	for _, want := range []string{"records tried:", "30", "0:0", "model line: one training step on ", "loss "} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in:\n%s", want, shown)
		}
	}
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(`{"inputs": "x", "label": {"path": "kind", "classes": ["cold", "warm"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if shown := s.ok(t, "topics preview readings --format JSON --input-config @"+file+" --deployment "+deployment); !strings.Contains(shown, "model line: one training step on ") || !strings.Contains(shown, "cold: 15, warm: 15") {
		t.Error(shown)
	}
	if r := s.run(t, "topics preview readings --format JSON --input-config {x --deployment "+deployment, ""); r.code != cli.Misused || !strings.Contains(r.err, "--input-config") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	if _, err := s.Cluster.Produce(t.Context(), "readings", 0, []stream.Record{{Value: []byte(`{"x": "many", "target": 1}`)}, {Value: []byte(`{"x": 1e30, "target": 1}`)}}); err != nil {
		t.Fatal(err)
	}
	create := "datasources create --topic %s --deployment " + deployment + ` --format JSON --input-config {"data_fields":["x"],"label_field":"target"}`
	if r := s.run(t, fmt.Sprintf(create, "readings"), ""); r.code != cli.Refused || !strings.Contains(r.err, "offset 30") || !strings.Contains(r.err, "--unchecked") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	if r := s.run(t, fmt.Sprintf(create, "readings:0:31:1"), ""); r.code != cli.Refused || !strings.Contains(r.err, "the loss of the step is infinite (partition 0, offset 31)") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	if r := s.run(t, fmt.Sprintf(create, "readings:0:0:30"), ""); r.code != 0 || !strings.Contains(r.err, "model line: one step on ") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
}

// deployOf deploys the model line in a configuration of its own.
func (s *server) deployOf(t *testing.T, configuration string) string {
	t.Helper()
	s.ok(t, "configurations create --name "+configuration+" --models line")
	return s.deployLine(t)
}
