package deployinference_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/door/doortest"
	deployinference "github.com/kafkaml/kafkaml/functions/deploy-inference"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/local"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// The replicas of these tests are this program: a process that takes records
// over HTTP and writes to its output topic, as predict does, without a model.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "predict" {
		os.Exit(replica())
	}
	os.Exit(streamtest.Main(m))
}

func replica() int {
	var job pipeline.PredictJob
	config, err := stream.FromEnv(os.Getenv)
	if err != nil || platform.ReadDescription(os.Getenv, platform.PredictVariable, &job) != nil {
		return 2
	}
	if job.OutputTopic == "broken" {
		fmt.Fprintln(os.Stderr, "cannot load the model")
		return 1
	}
	cluster, err := stream.Dial(context.Background(), config)
	if err != nil {
		return 1
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/health/readiness", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		e, err := eventing.Read(r.Context(), r.Header, r.Body)
		if err == nil {
			_, err = cluster.Produce(r.Context(), job.OutputTopic, 0, []stream.Record{{Key: fmt.Append(nil, os.Getpid()), Value: e.Data()}})
		}
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s := &http.Server{Addr: os.Getenv("LISTEN_ADDRESS"), Handler: mux}
	go func() {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		<-stop
		_ = s.Shutdown(context.Background())
	}()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return 1
	}
	return 0
}

// rig is the step over a development broker, SQLite and child processes.
type rig struct {
	*httptest.Server
	cluster *stream.Cluster
	store   *registry.Store
	dir     string
	result  int64 // finished
	waiting int64 // a result that is not
	end     func()

	mayRead, mayWrite identity.Topics
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOf(t, []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{4}}}, pipeline.RAW, `{"data_type":"uint8","data_reshape":"4","label_type":"uint8","label_reshape":""}`)
}

// newRigOf is the rig with a model of such inputs, trained on such a stream.
func newRigOf(t *testing.T, inputs []pipeline.Tensor, format pipeline.Format, config string) *rig {
	t.Helper()
	r := &rig{cluster: streamtest.Cluster(t), dir: t.TempDir()}
	var err error
	if r.store, err = registry.Open(t.Context(), "sqlite:"+filepath.Join(r.dir, "registry.db")); err != nil {
		t.Fatal(err)
	}
	r.fill(t, inputs, format, config)
	r.begin(t)
	t.Cleanup(func() {
		r.end()
		_ = r.store.Close()
	})
	return r
}

// begin starts the step as a process would; end ends it.
func (r *rig) begin(t *testing.T) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	processes, err := local.New(local.Config{Programs: map[string]string{"tensorflow": os.Args[0], "onnx": os.Args[0]}, Dir: r.dir, Log: log, BaseURL: "http://here/predict"})
	if err != nil {
		t.Fatal(err)
	}
	d := eventing.NewDispatcher(r.cluster, func(to eventing.Destination) []string { return processes.URLs(to.Ref.Name) }, log)
	s := deployinference.NewService(deployinference.Deps{
		Store: r.store, Topics: r.cluster, Brokers: r.cluster.Config().Brokers, Services: processes, Sources: d, Env: r.cluster.Config().Env(), ControlTopic: "control", Log: log, MayRead: r.mayRead, MayWrite: r.mayWrite,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	r.Server = httptest.NewServer(doortest.AsRole(door.New(s.Function(), door.Config{Store: r.store, Log: log})))
	r.end = sync.OnceFunc(func() {
		r.Server.Close()
		cancel()
		wg.Wait()
		_ = d.Close()
		_ = processes.Close()
	})
}

// fill makes a finished result of a model with one number out.
func (r *rig) fill(t *testing.T, inputs []pipeline.Tensor, format pipeline.Format, config string) {
	t.Helper()
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		m := pipeline.Model{Name: "m", Source: "s", Artifact: "models/1"}
		m.Inputs = inputs
		m.Outputs = []pipeline.Tensor{{Name: "y", DType: "float32", Shape: []int{1}}}
		src := pipeline.Datasource{
			Ranges: []pipeline.Range{{Topic: "t", Length: 10}}, InputFormat: format, TotalMsg: 10, InputConfig: json.RawMessage(config),
		}
		d, result, err := registrytest.Deployed(tx, m)
		if err != nil {
			return err
		}
		if err := tx.CreateDatasource(&src); err != nil {
			return err
		}
		waiting := pipeline.Result{Deployment: d.ID, Configuration: d.Configuration, Model: result.Model, ModelName: m.Name, ModelVersion: 1, Status: pipeline.ResultWaiting}
		if err := tx.CreateResult(&waiting); err != nil {
			return err
		}
		r.result, r.waiting = result.ID, waiting.ID
		return finish(tx, r.result, src.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// finish finishes the training of a result.
func finish(tx *registry.Tx, result, datasource int64) error {
	for _, s := range []pipeline.ResultStatus{pipeline.ResultScheduled, pipeline.ResultRunning, pipeline.ResultFinished} {
		res, err := tx.Result(result)
		if err != nil {
			return err
		}
		res.Status, res.Datasource, res.Attempt, res.Artifact = s, datasource, 1, "results/1/attempt-1"
		if err := tx.UpdateResult(&res); err != nil {
			return err
		}
	}
	return nil
}

// call sends JSON and gives the status and the answer.
func (r *rig) call(t *testing.T, method, path string, body any) (int, []byte) {
	t.Helper()
	var b []byte
	var err error
	if body != nil {
		if b, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, got
}

type members map[string]any

func (r *rig) deploy(t *testing.T, changes members) pipeline.Inference {
	t.Helper()
	form := members{"result": r.result, "input_topic": "in", "output_topic": "out"}
	for k, v := range changes {
		form[k] = v
	}
	status, body := r.call(t, "POST", "/inferences", form)
	var i pipeline.Inference
	if err := json.Unmarshal(body, &i); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	return i
}

// await polls an inference until cond holds.
func (r *rig) await(t *testing.T, id int64, what string, cond func(pipeline.Inference) bool) pipeline.Inference {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var i pipeline.Inference
		_, body := r.call(t, "GET", fmt.Sprintf("/inferences/%d", id), nil)
		if err := json.Unmarshal(body, &i); err != nil {
			t.Fatalf("%s", body)
		}
		if cond(i) {
			return i
		}
		if time.Now().After(deadline) {
			t.Fatalf("never %s: %s", what, body)
		}
	}
}

func ready(n int) func(pipeline.Inference) bool {
	return func(i pipeline.Inference) bool {
		return i.Status == pipeline.InferenceRunning && i.Ready == n && i.Wanted == n
	}
}

// feed produces n records and waits for total in the output topic; it gives
// the processes that wrote them.
func (r *rig) feed(t *testing.T, n, total int) map[string]int {
	t.Helper()
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{Value: []byte{1, 2, 3, 4}}
	}
	if _, err := r.cluster.Produce(t.Context(), "in", 0, records); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		_, next, err := r.cluster.Offsets(t.Context(), "out")
		if err != nil {
			t.Fatal(err)
		}
		if int(next[0]) >= total {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d records are in the output topic", next[0], total)
		}
	}
	by := map[string]int{}
	err := r.cluster.Read(t.Context(), pipeline.Range{Topic: "out", Length: int64(total)}, func(rec stream.Record) error {
		by[string(rec.Key)]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return by
}

func TestInferenceLives(t *testing.T) {
	r := newRig(t)
	i := r.deploy(t, members{"replicas": 2})
	if i.Name != "inference-1" || i.Status != pipeline.InferenceDeploying || i.DeadLetter != "in.dead-letter" || i.InputFormat != pipeline.RAW || i.Partitions != 2 {
		t.Errorf("%+v", i)
	}
	i = r.await(t, i.ID, "ready", ready(2))
	if i.URL != "http://here/predict/inference-1/" {
		t.Errorf("url %q", i.URL)
	}
	if by := r.feed(t, 200, 200); len(by) != 2 {
		t.Errorf("predicted by %v, want two processes", by)
	}
	if status, body := r.call(t, "PUT", "/inferences/1", members{"replicas": 1}); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	r.await(t, i.ID, "scaled", ready(1))

	if status, body := r.call(t, "POST", "/inferences/1/stop", members{}); status != 200 || !strings.Contains(string(body), `"status":"stopped"`) {
		t.Fatalf("%d %s", status, body)
	}
	r.await(t, i.ID, "stopped", func(i pipeline.Inference) bool { return i.Status == pipeline.InferenceStopped && i.Ready == 0 })
	if status, body := r.call(t, "POST", "/inferences/1/start", members{}); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	r.await(t, i.ID, "started", ready(1))
	r.feed(t, 10, 210)

	if status, body := r.call(t, "DELETE", "/inferences/1", nil); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := r.call(t, "GET", "/inferences/1", nil); status != 404 {
		t.Errorf("a deleted inference is %d", status)
	}
}

// A restart of the step finds its inferences in the registry and goes on where
// the group stopped.
func TestInferencesAreServedAgainAfterARestart(t *testing.T) {
	r := newRig(t)
	i := r.deploy(t, nil)
	r.await(t, i.ID, "ready", ready(1))
	r.feed(t, 50, 50)
	r.end()
	r.begin(t)
	r.await(t, i.ID, "ready", ready(1))
	if by := r.feed(t, 50, 100); len(by) != 2 {
		t.Errorf("predicted by %v: want a process before and one after", by)
	}
}

func TestDeploymentIsRefused(t *testing.T) {
	r := newRig(t)
	taken := r.deploy(t, members{"name": "taken", "input_topic": "a", "output_topic": "b"})
	for _, c := range []struct {
		name    string
		changes members
		status  int
		field   string
	}{
		{"no such result", members{"result": 99}, 422, "result"},
		{"a result that is not finished", members{"result": r.waiting}, 409, "result"},
		{"a loop", members{"output_topic": "in"}, 422, "output_topic"},
		{"dead letters into the input", members{"dead_letter_topic": "in"}, 422, "dead_letter_topic"},
		{"no topic's name", members{"input_topic": "a b"}, 422, "input_topic"},
		{"no service's name", members{"name": "A_B"}, 422, "name"},
		{"a taken name", members{"name": taken.Name}, 409, "name"},
		{"too many replicas", members{"replicas": 101}, 422, "replicas"},
		{"a range upside down", members{"replicas": 3, "max_replicas": 2}, 422, "max_replicas"},
		{"direct without a replica", members{"replicas": 0, "delivery": "direct"}, 422, "replicas"},
		{"another delivery", members{"delivery": "mail"}, 422, "delivery"},
		{"a config that does not fit", members{"input_config": members{"data_type": "uint8", "data_reshape": "5"}}, 422, "input_config.data_reshape"},
		{"a member that is none", members{"replica": 1}, 422, "replica"},
	} {
		t.Run(c.name, func(t *testing.T) {
			form := members{"result": r.result, "input_topic": "in", "output_topic": "out"}
			for k, v := range c.changes {
				form[k] = v
			}
			status, body := r.call(t, "POST", "/inferences", form)
			var p struct{ Field, Detail string }
			if err := json.Unmarshal(body, &p); err != nil || status != c.status || p.Field != c.field || p.Detail == "" {
				t.Errorf("%d %s; want %d, field %s", status, body, c.status, c.field)
			}
		})
	}
	if status, body := r.call(t, "PUT", "/inferences/1", members{"input_topic": "other"}); status != 422 {
		t.Errorf("another input topic: %d %s", status, body)
	}
}

func TestDescriptionIsKeptUntilItChanges(t *testing.T) {
	r := newRig(t)
	i := r.deploy(t, members{"description": "for the shop window"})
	for _, step := range []struct {
		change members
		want   string
	}{{members{"replicas": 1}, "for the shop window"}, {members{"description": "for the cellar"}, "for the cellar"}, {members{"description": ""}, ""}} {
		status, body := r.call(t, "PUT", fmt.Sprintf("/inferences/%d", i.ID), step.change)
		var got pipeline.Inference
		if err := json.Unmarshal(body, &got); err != nil || status != 200 || got.Description != step.want {
			t.Errorf("%v: %d %s; want %q", step.change, status, body, step.want)
		}
	}
}

// change changes the finished result.
func (r *rig) change(t *testing.T, how func(*pipeline.Result)) {
	t.Helper()
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		res, err := tx.Result(r.result)
		if err == nil {
			how(&res)
			err = tx.UpdateResult(&res)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What serves an inference is what its result was found to be served best by,
// unless it asks for another that can.
func TestTheEngineThatServes(t *testing.T) {
	r := newRig(t)
	put := func(change members) (int, pipeline.Inference, string) {
		status, body := r.call(t, "PUT", "/inferences/1", change)
		var i pipeline.Inference
		if status == 200 {
			if err := json.Unmarshal(body, &i); err != nil {
				t.Fatal(err)
			}
		}
		return status, i, string(body)
	}
	if i := r.deploy(t, nil); i.ServedBy != "tensorflow" || i.Engine != "" { // of an earlier version
		t.Errorf("served by %q, asked for %q", i.ServedBy, i.Engine)
	}
	if status, _, body := put(members{"engine": "onnx"}); status != 422 || !strings.Contains(body, "engine") || !strings.Contains(body, "use tensorflow") {
		t.Errorf("%d %s", status, body)
	}
	r.change(t, func(res *pipeline.Result) {
		res.Serving = &pipeline.Serving{Engine: "onnx", Engines: []string{"tensorflow", "onnx"}}
	})
	for _, step := range []struct {
		asked any
		want  string
	}{{"", "onnx"}, {"tensorflow", "tensorflow"}, {"auto", "onnx"}} {
		if status, i, body := put(members{"engine": step.asked}); status != 200 || i.ServedBy != step.want {
			t.Errorf("%v: %d %s", step, status, body)
		}
	}
	r.await(t, 1, "ready", ready(1))
}

// A model whose numbers are none is served as asked, and warned of: after an
// update, too, and no longer once another result is served.
func TestInferenceOfAnUnsoundResultIsWarnedOf(t *testing.T) {
	r := newRig(t)
	change := func(unsound string, metrics pipeline.Metrics) {
		r.change(t, func(res *pipeline.Result) { res.Unsound, res.Metrics.Training = unsound, metrics })
	}
	change("the loss is NaN from epoch 2 on", nil)
	i := r.deploy(t, nil)
	if len(i.Warnings) != 1 || i.Warnings[0] != "of result 1, the loss is NaN from epoch 2 on: its predictions will be NaN" {
		t.Errorf("%q", i.Warnings)
	}
	for _, step := range []struct {
		loss float64
		want int
	}{{math.NaN(), 1}, {0.5, 0}} {
		change("", pipeline.Metrics{"loss": step.loss})
		status, body := r.call(t, "PUT", fmt.Sprintf("/inferences/%d", i.ID), members{"description": "d"})
		var got pipeline.Inference
		if err := json.Unmarshal(body, &got); err != nil || status != 200 || len(got.Warnings) != step.want {
			t.Errorf("loss %v: %d %s", step.loss, status, body)
		}
	}
}

// A result that does not know the lengths of its fields, of an earlier version, cannot
// refuse records by them, which is warned of.
func TestInferenceOfUnknownLengthsIsWarnedOf(t *testing.T) {
	r := newRigOf(t, []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{3}}}, pipeline.JSON, `{"data_fields":["a","b"],"label_field":"y"}`)
	if i := r.deploy(t, nil); len(i.Warnings) != 1 || !strings.Contains(i.Warnings[0], `of result 1, it is not known how many values each of the fields a, b brings to "x"`) || !strings.Contains(i.Warnings[0], "Train again") {
		t.Errorf("%q", i.Warnings)
	}
	r.change(t, func(res *pipeline.Result) {
		res.Split = &pipeline.SplitAudit{Lengths: map[string]map[string]int{"x": {"a": 1, "b": 2}}}
	})
	if i := r.deploy(t, members{"output_topic": "known"}); len(i.Warnings) != 0 {
		t.Errorf("%q", i.Warnings)
	}
}

// A member of the input_config that nothing reads does nothing in an inference either,
// whether it was given for it or is that of the training.
func TestInferenceOfAMisspeltMemberIsWarnedOf(t *testing.T) {
	x := []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{1}}}
	r := newRigOf(t, x, pipeline.JSON, `{"data_fields":["a"],"label_field":"y","wher":"value.a > 3.0"}`)
	r.change(t, func(res *pipeline.Result) {
		res.Split = &pipeline.SplitAudit{Lengths: map[string]map[string]int{"x": {"a": 1}}}
	})
	for topic, c := range map[string]struct{ config, says string }{
		"inherited": {"", `they have no effect: "wher" (is "where" meant?)`},
		"given":     {`{"data_fields":["a"],"wnidow":{"size":2}}`, `they have no effect: "wnidow" (is "window" meant?)`},
		"right":     {`{"data_fields":["a"],"where":"value.a > 3.0"}`, ""},
	} {
		asked := members{"output_topic": topic}
		if c.config != "" {
			asked["input_config"] = json.RawMessage(c.config)
		}
		if said := strings.Join(r.deploy(t, asked).Warnings, "; "); (said == "") != (c.says == "") || !strings.Contains(said, c.says) {
			t.Errorf("%s: %q", topic, said)
		}
	}
}

func TestInferenceThatDoesNotStartSaysWhy(t *testing.T) {
	r := newRig(t)
	i := r.deploy(t, members{"output_topic": "broken"})
	i = r.await(t, i.ID, "failed", func(i pipeline.Inference) bool { return i.Status == pipeline.InferenceFailed })
	if !strings.Contains(i.Reason, "cannot load the model") {
		t.Errorf("reason %q", i.Reason)
	}
	if status, body := r.call(t, "PUT", "/inferences/1", members{"output_topic": "out"}); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if i = r.await(t, i.ID, "mended", ready(1)); i.Reason != "" {
		t.Errorf("reason %q", i.Reason)
	}
}

// What is suggested of a result with text is as it was trained, and is taken.
func TestSuggestOfText(t *testing.T) {
	job := []pipeline.Tensor{{Name: "age", DType: "float32", Shape: []int{1}}, {Name: "job", DType: "string", Shape: []int{1}}}
	scheme := `{"type":"record","name":"r","fields":[{"name":"age","type":"int"},{"name":"job","type":{"type":"enum","name":"E","symbols":["nurse","cook"]}}]}`
	for name, c := range map[string]struct {
		inputs []pipeline.Tensor
		format pipeline.Format
		config string
	}{
		"JSON":            {job, pipeline.JSON, `{"data_fields":["job","age"],"label_field":"y"}`},
		"JSON, no config": {job, pipeline.JSON, `{}`},
		"AVRO":            {job, pipeline.AVRO, `{"data_scheme":` + scheme + `,"label_scheme":""}`},
		"RAW":             {job[1:], pipeline.RAW, `{"data_type":"string","data_reshape":"1","label_type":"int32","label_reshape":""}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigOf(t, c.inputs, c.format, c.config)
			status, body := r.call(t, "GET", fmt.Sprintf("/inferences/suggest?result=%d", r.result), nil)
			var form map[string]any
			if err := json.Unmarshal(body, &form); err != nil || status != 200 || form["input_format"] != string(c.format) {
				t.Fatalf("%d %s", status, body)
			}
			if status, body := r.call(t, "POST", "/inferences", form); status != 201 {
				t.Errorf("the suggestion is refused: %d %s", status, body)
			}
		})
	}
}

func TestSuggest(t *testing.T) {
	r := newRig(t)
	status, body := r.call(t, "GET", fmt.Sprintf("/inferences/suggest?result=%d", r.result), nil)
	var form map[string]any
	if err := json.Unmarshal(body, &form); err != nil || status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if form["input_format"] != "RAW" || form["input_config"].(map[string]any)["data_type"] != "uint8" || form["input_topic"] != "result-1-in" {
		t.Errorf("%s", body)
	}
	if status, body := r.call(t, "POST", "/inferences", form); status != 201 {
		t.Errorf("the suggestion is refused: %d %s", status, body)
	}
	for _, q := range []string{"", "?result=x", "?result=99"} {
		if status, _ := r.call(t, "GET", "/inferences/suggest"+q, nil); status != 422 {
			t.Errorf("%q: %d", q, status)
		}
	}
}
