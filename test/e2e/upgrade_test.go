package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// TestUpgrade opens what each earlier version left behind, in a data folder
// and in PostgreSQL, and goes on with it: nothing is missing or different, and
// everything works. testdata/upgrade/make.sh says what is in it.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/upgrade/*.tar.zst")
	if err != nil || len(archives) == 0 {
		t.Fatal(archives, err)
	}
	for _, archive := range archives {
		dir := folder(t)
		unpack(t, archive, dir)
		for _, registry := range []string{"sqlite", "postgres"} {
			t.Run(strings.TrimSuffix(filepath.Base(archive), ".tar.zst")+"/"+registry, func(t *testing.T) {
				t.Parallel()
				m := resume(t, filepath.Join(dir, registry))
				m.keeps(m.path("said"))
				m.resumesEvents(m.path("said/events.txt"))
				servesAgain(t, m, "inference-1", registry == "sqlite") // ran and runs
				m.kafkaml("inferences", "start", "direct")
				servesAgain(t, m, "direct", false)
				servesByONNX(t, m, "direct")
				m.trainsAgain()
			})
		}
	}
}

// changing are the members that say how things are now, not what they are.
var changing = map[string][]string{
	"datasources": {"retention"},
	"inferences":  {"url", "ready", "wanted", "status", "status_changed", "updated"},
}

// keeps wants all that the earlier version said to be said still. New members
// may have come.
func (m *machine) keeps(said string) {
	m.t.Helper()
	for name, command := range map[string]string{
		"models": "models list", "configurations": "configurations list", "deployments": "deployments list", "results": "results list",
		"datasources": "datasources list", "inferences": "inferences list", "versions": "models versions small", "metrics": "results metrics 1",
	} {
		before := readJSON[[]map[string]any](m.t, filepath.Join(said, name+".json"))
		for _, item := range before {
			for _, member := range changing[name] {
				delete(item, member)
			}
		}
		now := jsonOf[any](m, strings.Fields(command)...)
		if path := differs(asAny(before), now); path != "" {
			m.t.Errorf("kafkaml %s -o json: %s is not what it was", command, path)
		}
	}
	log, err := os.ReadFile(filepath.Join(said, "log.txt"))
	if err != nil {
		m.t.Fatal(err)
	}
	if now := m.kafkaml("results", "logs", "1"); now != string(log) {
		m.t.Errorf("the log of result 1 was\n%s\nand is\n%s", log, now)
	}
}

func asAny[T any](items []T) any {
	all := make([]any, len(items))
	for i, item := range items {
		all[i] = item
	}
	return all
}

// differs gives the path of the first value of before that now lacks or has
// otherwise, empty where it has all of them.
func differs(before, now any) string {
	switch before := before.(type) {
	case map[string]any:
		now, _ := now.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(before)) {
			if path := differs(before[name], now[name]); path != "" {
				return "." + name + path
			}
		}
		return ""
	case []any:
		now, _ := now.([]any)
		if len(before) != len(now) {
			return fmt.Sprintf(": %d items of %d", len(now), len(before))
		}
		for i := range before {
			if path := differs(before[i], now[i]); path != "" {
				return fmt.Sprintf("[%d]", i) + path
			}
		}
		return ""
	}
	if before == now {
		return ""
	}
	return fmt.Sprintf(": %v, it was %v", now, before)
}

// resumesEvents asks for what follows an event in the middle, and wants what
// the earlier version told, then what this version tells, without a gap.
func (m *machine) resumesEvents(said string) {
	m.t.Helper()
	file, err := os.Open(said)
	if err != nil {
		m.t.Fatal(err)
	}
	defer file.Close()
	before := maps.Collect(events(file))
	m.kafkaml("configurations", "create", "--name", "later", "--models", "small")
	next := len(before) / 2
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.URL+"/model-register/events?facts=all", nil)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Last-Event-ID", strconv.Itoa(next))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	for seq, now := range events(resp.Body) {
		if next++; seq != next {
			m.t.Fatalf("event %d comes after %d", seq, next-1)
		}
		if path := differs(before[seq], now); path != "" {
			m.t.Errorf("event %d: %s is not what it was", seq, path)
		}
		if seq > len(before) && now["type"] == "io.kafkaml.configuration.created.v1" {
			return
		}
	}
	m.t.Errorf("the stream ended after event %d of %d", next, len(before))
}

// events reads the events of a stream with their sequence numbers.
func events(r io.Reader) iter.Seq2[int, map[string]any] {
	return func(yield func(int, map[string]any) bool) {
		seq := 0
		for lines := bufio.NewScanner(r); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			var event map[string]any
			switch {
			case name == "id":
				seq, _ = strconv.Atoi(value)
			case name == "data" && json.Unmarshal([]byte(value), &event) == nil && !yield(seq, event):
				return
			}
		}
	}
}

// servesAgain sends the records that the earlier version predicted once more
// and wants the same predictions; of the downloaded model, too, where compared.
func servesAgain(t *testing.T, m *machine, name string, compared bool) {
	t.Helper()
	var i pipeline.Inference
	within(t, waitTime, "inference "+name, func() (string, bool) {
		i = jsonOf[pipeline.Inference](m, "inferences", "show", name)
		return fmt.Sprintf("%s, %d of %d: %s", i.Status, i.Ready, i.Wanted, i.Reason), i.Status == pipeline.InferenceRunning && i.Ready == i.Wanted
	})
	c := m.dial()
	before := map[string][]float64{} // by the record's value
	predicted := valuesOf(t, c, i)
	var again []stream.Record
	for id, r := range inputs(t, c, i.ID, i.InputTopic) {
		if values, ok := predicted[id]; ok {
			before[string(r.Value)] = values
			again = append(again, stream.Record{Key: []byte("again"), Value: r.Value})
		}
	}
	if len(again) != 20 {
		t.Fatalf("%d predictions of an earlier version, want 20", len(again))
	}
	send(t, c, i.InputTopic, 0, again...)
	sameAgain(t, c, i, before)
	if compared {
		var samples [][]float32
		var want [][]float64
		for value, values := range before {
			samples, want = append(samples, point([]byte(value))), append(want, values)
		}
		if got := downloaded(t, m, i.Result, samples); !slices.EqualFunc(got, want, close32) {
			t.Errorf("the downloaded model predicts %v, the topic has %v", got, want)
		}
		return
	}
	zipped := m.path(name + ".zip")
	m.kafkaml("results", "download", fmt.Sprint(i.Result), "--to", zipped)
	unzip(t, zipped, m.path(name))
	m.kafkaml("results", "download", fmt.Sprint(i.Result), "--format", "keras", "--to", m.path(name+".keras"))
	unzip(t, m.path(name+".keras"), m.path(name+"-keras"))
}

// servesByONNX serves the result of an earlier version, which had no ONNX form, by
// ONNX Runtime: deployed, it gets one, which predicts the same.
func servesByONNX(t *testing.T, m *machine, name string) {
	t.Helper()
	i := jsonOf[pipeline.Inference](m, "inferences", "show", name)
	within(t, waitTime, "the ONNX form of result "+fmt.Sprint(i.Result), func() (string, bool) {
		r := jsonOf[pipeline.Result](m, "results", "show", fmt.Sprint(i.Result))
		return fmt.Sprintf("%+v", r.Serving), r.Serving != nil && slices.Contains(r.Serving.Engines, "onnx")
	})
	m.kafkaml("inferences", "update", name, "--engine", "onnx")
	within(t, waitTime, "inference "+name+" by ONNX Runtime", func() (string, bool) {
		i = jsonOf[pipeline.Inference](m, "inferences", "show", name)
		return fmt.Sprintf("%s by %s, %d of %d: %s", i.Status, i.ServedBy, i.Ready, i.Wanted, i.Reason), i.ServedBy == "onnx" && i.Status == pipeline.InferenceRunning && i.Ready == i.Wanted
	})
	c := m.dial()
	before := map[string][]float64{}
	predicted := valuesOf(t, c, i)
	var again []stream.Record
	for id, r := range inputs(t, c, i.ID, i.InputTopic) {
		if string(r.Key) == "again" {
			before[string(r.Value)] = predicted[id]
			again = append(again, stream.Record{Key: r.Key, Value: r.Value})
		}
	}
	send(t, c, i.InputTopic, 0, again...)
	sameAgain(t, c, i, before)
}

// valuesOf are the predictions of an inference by their ids.
func valuesOf(t *testing.T, c *stream.Cluster, i pipeline.Inference) map[string][]float64 {
	t.Helper()
	values := map[string][]float64{}
	for _, p := range predictions(t, c, i.OutputTopic) {
		values[p.id] = p.values
	}
	return values
}

// sameAgain waits until each record sent again has its prediction, and wants
// that to be what it was before.
func sameAgain(t *testing.T, c *stream.Cluster, i pipeline.Inference, before map[string][]float64) {
	t.Helper()
	records := inputs(t, c, i.ID, i.InputTopic)
	maps.DeleteFunc(records, func(_ string, r stream.Record) bool { return string(r.Key) != "again" })
	var predicted map[string][]float64
	within(t, waitTime, "predictions of inference "+i.Name, func() (string, bool) {
		predicted = valuesOf(t, c, i)
		maps.DeleteFunc(predicted, func(id string, _ []float64) bool { _, sent := records[id]; return !sent })
		return fmt.Sprintf("%d of %d", len(predicted), len(records)), len(predicted) == len(records)
	})
	for id, values := range predicted {
		if was := before[string(records[id].Value)]; !close32(values, was) {
			t.Errorf("%s: %v is predicted, it was %v", id, values, was)
		}
	}
}

// trainsAgain trains on the kept stream once more, and lets the deployment
// that waited have a new one.
func (m *machine) trainsAgain() {
	m.t.Helper()
	again := m.created("deployments", "create", "--configuration", "one", "--batch-size", "10", "--training-kwargs", "epochs=3, verbose=0")
	m.kafkaml("datasources", "resend", "1", "--deployment", again)
	m.kafkaml("stream", "send", m.pointsFile(400), "--label", "class", "--format", "RAW", "--topic", "later", "--deployment", "4")
	m.finished("4", 2)
	first, now := jsonOf[pipeline.Result](m, "results", "show", "4"), m.finished(again, 1)[0]
	if now.Lineage.ContentHash != first.Lineage.ContentHash || math.Abs(now.Metrics.Test["accuracy"]-first.Metrics.Test["accuracy"]) > 0.05 {
		m.t.Errorf("the same stream gave %+v %v, before %+v %v", now.Lineage, now.Metrics, first.Lineage, first.Metrics)
	}
}
