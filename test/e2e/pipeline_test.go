package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/functions/predict/openinference"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/toolchain"
	"github.com/kafkaml/kafkaml/shared/tracing/tracingtest"
)

// TestPipeline walks the whole pipeline with the commands that a person types,
// over each broker: two models trained on one stream, results downloaded, one
// served by each delivery, and predictions counted one by one.
func TestPipeline(t *testing.T) {
	t.Parallel()
	// Starting plain Keras takes seconds: over each broker one delivery is compared with it.
	for broker, compared := range map[string]pipeline.Delivery{"development": pipeline.Direct, "kafka": pipeline.Source} {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			var spans *tracingtest.Collector // over one broker only: over the other nothing is exported
			var env []string
			if broker == "development" {
				spans = tracingtest.New(t)
				env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + spans.URL, "OTEL_BSP_SCHEDULE_DELAY=200"}
			}
			m := newMachine(t, env, "--broker", broker)
			rows := m.pointsFile(2200)
			m.model("small", "small.py")
			m.model("wide", "wide.py")
			m.kafkaml("configurations", "create", "--name", "both", "--models", "small,wide")
			deployment := m.created("deployments", "create", "--configuration", "both", "--batch-size", "10", "--training-kwargs", "epochs=8, verbose=0")
			m.env = append(env, "TRACEPARENT="+parentOf(streamTrace))
			m.kafkaml("stream", "send", rows, "--label", "class", "--format", "RAW", "--topic", "points", "--partitions", "3",
				"--deployment", deployment, "--validation-rate", "0.1", "--test-rate", "0.1")
			m.env = env
			m.kafkaml("deployments", "show", deployment, "--watch")
			results := m.finished(deployment, 2)
			for _, r := range results {
				trained(t, r)
			}
			tracedToTheResult(t, m, spans, results)
			if listed := m.kafkaml("results", "list"); !strings.Contains(listed, "small v1") || !strings.Contains(listed, "wide v1") {
				t.Errorf("results list:\n%s", listed)
			}
			c := m.dial()
			for i, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
				inference := serve(t, m, c, results[i], delivery)
				if spans != nil {
					spans.Await(t, recordTrace, "process "+inference.InputTopic, "send "+inference.OutputTopic)
				}
				if delivery == compared {
					sameAsDownloaded(t, m, c, results[i], inference)
				}
			}
		})
	}
}

// The traces that a stream, and a record to predict, are sent with.
const (
	streamTrace = "0af7651916cd43dd8448eb211c80319c"
	recordTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
)

func parentOf(trace string) string { return "00-" + trace + "-b7ad6b7169203331-01" }

// tracedToTheResult wants one trace from the control message to the result, in rows,
// logs and spans, of each process where they are exported.
func tracedToTheResult(t *testing.T, m *machine, spans *tracingtest.Collector, results []pipeline.Result) {
	t.Helper()
	for _, r := range results {
		log := m.kafkaml("results", "logs", fmt.Sprint(r.ID))
		if !strings.Contains(r.Traceparent, streamTrace) || !strings.Contains(log, `"trace_id":"`+streamTrace) {
			t.Errorf("result %d is in the trace %q, its log:\n%s", r.ID, r.Traceparent, log)
		}
		for line := range strings.Lines(log) {
			if strings.Contains(line, `"level":"WARN"`) && strings.Contains(line, `"component":"library"`) { // of a training that went well
				t.Errorf("the log of result %d: %s", r.ID, line)
			}
		}
	}
	if spans == nil {
		return
	}
	services := map[string]int{}
	for _, s := range spans.Await(t, streamTrace, "process "+eventing.KafkaRecord, "send "+eventing.DatasourceReceived, "process "+eventing.DatasourceReceived, "start training",
		"train", "open", "read", "fit", "evaluate", "save", "convert", "send "+eventing.TrainingFinished, "process "+eventing.TrainingFinished) {
		if services[s.Service]++; s.Parent == "" || s.Error {
			t.Errorf("%+v", s)
		}
	}
	if len(services) != 2 || services["kafkaml-train"] == 0 || services["kafkaml"] == 0 {
		t.Errorf("spans by service: %v", services)
	}
}

// trained wants a result that learned the points, with figures of all splits.
func trained(t *testing.T, r pipeline.Result) {
	t.Helper()
	s := r.Split
	if s == nil || s.Training.Records != 1760 || s.Test.Records != 220 || s.Validation.Records != 220 {
		t.Errorf("split of %s: %+v", r.ModelName, s)
	}
	for split, metrics := range map[string]pipeline.Metrics{"training": r.Metrics.Training, "validation": r.Metrics.Validation, "test": r.Metrics.Test} {
		if metrics["accuracy"] < 0.85 || metrics["loss"] <= 0 {
			t.Errorf("%s of %s: %v", split, r.ModelName, metrics)
		}
	}
	if r.Lineage.Records != 2200 || r.Lineage.WeightsHash == "" || r.Lineage.ContentHash == "" || r.EpochsDone != 8 {
		t.Errorf("lineage of %s after %d epochs: %+v", r.ModelName, r.EpochsDone, r.Lineage)
	}
}

// sample is the last that each inference is fed with, under the key "last".
var sample = []float32{0.5, -0.25, 1}

// serve deploys a result and feeds it with good and bad records.
func serve(t *testing.T, m *machine, c *stream.Cluster, r pipeline.Result, delivery pipeline.Delivery) pipeline.Inference {
	t.Helper()
	const rows = 300
	in, out := fmt.Sprintf("%s-in", delivery), fmt.Sprintf("%s-out", delivery)
	name := m.created("inferences", "create", "--result", fmt.Sprint(r.ID), "--delivery", string(delivery), "--replicas", "2",
		"--input-topic", in, "--output-topic", out, "--watch")
	i := jsonOf[pipeline.Inference](m, "inferences", "show", name)
	m.kafkaml("stream", "send", m.pointsFile(rows), "--label", "class", "--format", "RAW", "--topic", in, "--predict")
	bad := stream.Record{Key: []byte("bad"), Value: []byte(undecodable), Headers: []stream.Header{{Key: "from", Value: []byte("e2e")}, {Key: "traceparent", Value: []byte(parentOf(recordTrace))}}}
	send(t, c, in, 0, bad, bad, bad, stream.Record{Key: []byte("last"), Value: floats(sample), Headers: bad.Headers})

	if repeated := everyRecord(t, c, i.ID, in, out); repeated != 0 {
		t.Errorf("%s: %d predictions came twice though nothing failed", delivery, repeated)
	}
	deadLetters(t, c, in, 3)
	carried(t, c, out)
	byTopic := m.kafkaml("stream", "tail", out, "--from", "earliest", "--count", fmt.Sprint(rows+1), "--wait", "30s", "-o", "json")
	if n := len(readOut[map[string]any](t, byTopic)); n != rows+1 {
		t.Errorf("stream tail printed %d of %d predictions", n, rows+1)
	}
	return i
}

// sameAsDownloaded wants each prediction, of the topic and by HTTP, to be what
// plain Keras says with the downloaded model.
func sameAsDownloaded(t *testing.T, m *machine, c *stream.Cluster, r pipeline.Result, i pipeline.Inference) {
	t.Helper()
	records := inputs(t, c, i.ID, i.InputTopic)
	ids := slices.Sorted(maps.Keys(records))
	var samples [][]float32
	for _, id := range ids {
		samples = append(samples, point(records[id].Value))
	}
	want := downloaded(t, m, r.ID, samples)
	for _, p := range predictions(t, c, i.OutputTopic) {
		n, found := slices.BinarySearch(ids, p.id)
		if !found || !close32(p.values, want[n]) {
			t.Fatalf("%s %v: the topic has %v, Keras says %v", p.id, samples[n], p.values, want[n])
		}
		if p.key == "last" {
			byHTTP(t, i, sample, want[n])
		}
	}
}

// deadLetters wants n records that could not be decoded, with where they came
// from and why.
func deadLetters(t *testing.T, c *stream.Cluster, topic string, n int64) {
	t.Helper()
	within(t, waitTime, "dead letters", func() (string, bool) {
		got := total(count(t, c, topic+".dead-letter"))
		return fmt.Sprint(got), got >= n
	})
	letters := read(t, c, topic+".dead-letter")
	if int64(len(letters)) != n {
		t.Errorf("%d dead letters, want %d", len(letters), n)
	}
	for _, l := range letters {
		h := headersOf(l)
		if string(l.Value) != undecodable || string(l.Key) != "bad" || h["from"] != "e2e" || h["kafkaml-source-topic"] != topic || h["kafkaml-error"] == "" {
			t.Errorf("dead letter %q: %q %v", l.Key, l.Value, h)
		}
	}
}

// carried wants key and headers of the last record on its prediction.
func carried(t *testing.T, c *stream.Cluster, topic string) {
	t.Helper()
	for _, p := range predictions(t, c, topic) {
		if p.key == "last" && p.headers["from"] == "e2e" && strings.HasPrefix(p.headers["traceparent"], "00-"+recordTrace) && p.headers["ce_type"] == "io.kafkaml.prediction.made.v1" {
			return
		}
	}
	t.Errorf("no prediction in %s has the last record's key and headers", topic)
}

// downloaded fetches a result in both forms and predicts in plain Keras.
func downloaded(t *testing.T, m *machine, result int64, samples [][]float32) [][]float64 {
	t.Helper()
	keras, zipped, folder := m.path(fmt.Sprintf("%d.keras", result)), m.path(fmt.Sprintf("%d.zip", result)), m.path(fmt.Sprintf("%d", result))
	m.kafkaml("results", "download", fmt.Sprint(result), "--format", "keras", "--to", keras)
	m.kafkaml("results", "download", fmt.Sprint(result), "--to", zipped)
	unzip(t, zipped, folder)
	input, err := json.Marshal(samples)
	if err != nil {
		t.Fatal(err)
	}
	python, packages, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, m.source("predict.py"), keras, folder)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+packages, "CUDA_VISIBLE_DEVICES=", "TF_CPP_MIN_LOG_LEVEL=3")
	cmd.Stdin = bytes.NewReader(input)
	answer, err := cmd.Output()
	var got struct {
		Keras, SavedModel [][]float64
		Compiled          bool
	}
	if err == nil {
		err = json.Unmarshal(answer, &got)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
	if !got.Compiled {
		t.Error("the .keras file holds no compiled model")
	}
	for i := range got.Keras {
		if !close32(got.Keras[i], got.SavedModel[i]) {
			t.Fatalf("sample %d: .keras says %v, the SavedModel %v", i, got.Keras[i], got.SavedModel[i])
		}
	}
	return got.Keras
}

func unzip(t *testing.T, file, dir string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		err = os.Mkdir(dir, 0o755)
	}
	if err == nil {
		err = artifact.ReadZip(f, info.Size(), dir, artifact.DefaultLimits)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// byHTTP asks an inference by the Open Inference Protocol and by a CloudEvent.
func byHTTP(t *testing.T, i pipeline.Inference, sample []float32, want []float64) {
	t.Helper()
	var tensors struct {
		Outputs []struct{ Data []float64 }
	}
	post(t, i.URL+"v2/models/"+i.Name+"/infer", nil, map[string]any{
		"inputs": []any{map[string]any{"name": inputName(t, i), "datatype": "FP32", "shape": []int{1, 3}, "data": sample}},
	}, &tensors)
	if len(tensors.Outputs) != 1 || !close32(tensors.Outputs[0].Data, want) {
		t.Errorf("the Open Inference Protocol answers %+v, want %v", tensors, want)
	}
	if got := byGRPC(t, i, sample); !close32(got, want) {
		t.Errorf("the Open Inference Protocol answers %v over gRPC, want %v", got, want)
	}
	var values struct{ Values []float64 }
	header := post(t, i.URL, map[string]string{
		"Ce-Specversion": "1.0", "Ce-Id": "e2e-1", "Ce-Source": "/e2e", "Ce-Type": "io.kafkaml.prediction.make.v1",
	}, map[string]any{"values": sample}, &values)
	if !close32(values.Values, want) || header.Get("Ce-Type") != "io.kafkaml.prediction.made.v1" {
		t.Errorf("the event is answered %v %v, want %v", header, values, want)
	}
}

// byGRPC asks an inference over gRPC at the address of all functions, packed.
func byGRPC(t *testing.T, i pipeline.Inference, sample []float32) (values []float64) {
	t.Helper()
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	u, err := url.Parse(i.URL)
	if err != nil {
		t.Fatal(err)
	}
	at := "http://" + u.Host + pipeline.GRPCService
	client := &http.Client{Transport: transport}
	live := connect.NewClient[openinference.ServerLiveRequest, openinference.ServerLiveResponse](client, at+"ServerLive", connect.WithGRPC())
	if said, err := live.CallUnary(t.Context(), connect.NewRequest(&openinference.ServerLiveRequest{})); err != nil || !said.Msg.GetLive() {
		t.Errorf("the server is not live: %v", err)
	}
	infer := connect.NewClient[openinference.ModelInferRequest, openinference.ModelInferResponse](client, at+"ModelInfer", connect.WithGRPC(), connect.WithSendGzip())
	answer, err := infer.CallUnary(t.Context(), connect.NewRequest(&openinference.ModelInferRequest{
		ModelName: i.Name, Inputs: []*openinference.ModelInferRequest_InferInputTensor{{
			Name: inputName(t, i), Datatype: "FP32", Shape: []int64{1, 3}, Contents: &openinference.InferTensorContents{Fp32Contents: sample},
		}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range answer.Msg.GetOutputs() {
		for _, v := range o.GetContents().GetFp32Contents() {
			values = append(values, float64(v))
		}
	}
	return values
}

// inputName asks the inference what its input is called.
func inputName(t *testing.T, i pipeline.Inference) string {
	t.Helper()
	resp, err := http.Get(i.URL + "v2/models/" + i.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var about struct{ Inputs []struct{ Name string } }
	if err := json.NewDecoder(resp.Body).Decode(&about); err != nil || len(about.Inputs) != 1 {
		t.Fatalf("%v %+v", err, about)
	}
	return about.Inputs[0].Name
}

// post sends JSON and reads JSON.
func post(t *testing.T, url string, headers map[string]string, body, answer any) http.Header {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(got, answer)
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %s %v: %s", url, resp.Status, err, got)
	}
	return resp.Header
}
