package streaming

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// kafkaml runs a stream command against a cluster; no server of kafkaml runs.
func kafkaml(t *testing.T, c *stream.Cluster, args ...string) (code int, out, errs string) {
	t.Helper()
	return against(t, "http://127.0.0.1:1", c, args...) // nothing listens there
}

func against(t *testing.T, server string, c *stream.Cluster, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	env := &cli.Env{
		Program: "kafkaml", In: strings.NewReader(""), Out: &o, Err: &e, Now: time.Now,
		Getenv: func(name string) string {
			return map[string]string{
				"KAFKA_BROKERS": strings.Join(c.Config().Brokers, ","),
				"KAFKAML_URL":   server,
			}[name]
		},
	}
	cmd := Command(env)
	env.GlobalFlags(cmd.PersistentFlags())
	code = env.Execute(t.Context(), cmd, args)
	return code, o.String(), e.String()
}

func table(t *testing.T, rows int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("width,height,kind\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d.5,%d,%s\n", i, i*i, []string{"small", "large"}[i%2])
	}
	path := filepath.Join(t.TempDir(), "boxes.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A training stream lies in the log once, and its control message says exactly
// where.
func TestSendForTraining(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 3)
	code, out, errs := kafkaml(t, c, "send", table(t, 300), "--topic", topic, "--deployment", "7",
		"--label", "kind", "--validation-rate", "0.2", "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if !strings.Contains(errs, "classes: 0 ") {
		t.Errorf("the classes of a text label are not told: %s", errs)
	}
	for _, want := range []string{"header: the first row names the columns", "label: kind", "row 1 (line 2): width=0.5 height=0 -> kind=\"small\" (class 1)"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is not said: %s", want, errs)
		}
	}
	var sum control.Summary
	if err := json.Unmarshal([]byte(out), &sum); err != nil {
		t.Fatal(err)
	}
	// The topic is new to this connection, too.
	if err := c.EnsureTopic(t.Context(), control.Topic, 1); err != nil {
		t.Fatal(err)
	}
	var announced pipeline.Datasource
	at := pipeline.Range{Topic: control.Topic, Partition: sum.Control.Partition, Offset: sum.Control.Offset, Length: 1}
	err := c.Read(t.Context(), at, func(r stream.Record) (err error) {
		announced, err = control.Parse(r.Key, r.Value)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if announced.Deployment != 7 || announced.TotalMsg != 300 || announced.ValidationRate != 0.2 || announced.InputFormat != pipeline.AVRO {
		t.Errorf("control message %+v", announced)
	}
	if diff := cmp.Diff(sum.Ranges, announced.Ranges); diff != "" {
		t.Error(diff)
	}
	n := 0
	for _, r := range announced.Ranges {
		if err := c.Read(t.Context(), r, func(stream.Record) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if n != 300 {
		t.Errorf("%d records in the log, want 300", n)
	}
}

func TestSendForPrediction(t *testing.T) {
	c := streamtest.Cluster(t)
	topic := streamtest.Topic(t, c, 2)
	start := time.Now()
	code, out, errs := kafkaml(t, c, "send", table(t, 30), "--topic", topic, "--predict", "--format", "JSON", "--rate", "100", "--label", "kind")
	if code != 0 || !strings.HasPrefix(out, "30 records as JSON") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if spent := time.Since(start); spent < 250*time.Millisecond {
		t.Errorf("30 records at 100 a second took %v", spent)
	}
	code, out, errs = kafkaml(t, c, "topics", topic, "-o", "json")
	var partitions []Partition
	if err := json.Unmarshal([]byte(out), &partitions); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s", code, err, errs)
	}
	want := []Partition{{topic, 0, 0, 15}, {topic, 1, 0, 15}}
	if diff := cmp.Diff(want, partitions); diff != "" {
		t.Error(diff)
	}
}

func TestSendRefusals(t *testing.T) {
	c := streamtest.Cluster(t)
	good := table(t, 3)
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("a,b\n1,2\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		code int
	}{
		{"no topic", []string{"send", good, "--predict"}, cli.Misused},
		{"neither training nor prediction", []string{"send", good, "--topic", "x"}, cli.Misused},
		{"both", []string{"send", good, "--topic", "x", "--predict", "--deployment", "1"}, cli.Misused},
		{"a rate that is none", []string{"send", good, "--topic", "x", "--deployment", "1", "--test-rate", "2"}, cli.Refused},
		{"a limit below 0", []string{"send", good, "--topic", "x", "--predict", "--limit", "-1"}, cli.Misused},
		{"rows to skip below 0", []string{"send", good, "--topic", "x", "--predict", "--skip", "-1"}, cli.Misused},
		{"no partition", []string{"send", good, "--topic", "x", "--predict", "--partitions", "0"}, cli.Misused},
		{"a header and none", []string{"send", good, "--topic", "x", "--predict", "--header", "--no-header"}, cli.Misused},
		{"a kind that is none", []string{"send", good, "--topic", "x", "--predict", "--as", "xls"}, cli.Refused},
		{"no such file", []string{"send", "gone.csv", "--topic", "x", "--predict"}, cli.Refused},
		{"no such column", []string{"send", good, "--topic", "x", "--predict", "--label", "depth"}, cli.Refused},
		{"a broken row", []string{"send", bad, "--topic", "x", "--predict"}, cli.Refused},
		{"records for the control topic", []string{"send", good, "--topic", control.Topic, "--deployment", "1"}, cli.Refused},
		{"records for a control topic of another name", []string{"send", good, "--topic", "mine", "--control-topic", "mine", "--predict", "--label", "kind"}, cli.Refused},
		{"no such topic", []string{"topics", "gone"}, cli.Missing},
		{"tail of no topic", []string{"tail", "gone"}, cli.Missing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if code, out, errs := kafkaml(t, c, tc.args...); code != tc.code {
				t.Errorf("exit %d, want %d: %s%s", code, tc.code, out, errs)
			}
		})
	}
}

// Whoever sends for a tenant writes to no neighbour's topic by mistake: Kafka may let
// them.
func TestSendOfATenant(t *testing.T) {
	c := streamtest.Cluster(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"control_topic": "a.control", "tenant": "a"}`)
	}))
	defer server.Close()
	file := table(t, 3)
	code, _, errs := against(t, server.URL, c, "send", file, "--label", "kind", "--topic", "boxes", "--predict")
	if code != cli.Refused || !strings.Contains(errs, "name it a.boxes") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, _ := kafkaml(t, c, "topics", "boxes"); code != cli.Missing {
		t.Error("the topic was made")
	}
	if code, _, errs := against(t, server.URL, c, "send", file, "--label", "kind", "--topic", "a.boxes", "--predict"); code != 0 {
		t.Errorf("of the tenant: exit %d: %s", code, errs)
	}
	if code, _, errs := against(t, server.URL, c, "send", file, "--label", "kind", "--topic", "boxes", "--predict", "--unchecked"); code != 0 {
		t.Errorf("unchecked: exit %d: %s", code, errs)
	}
}

// predictions puts n input records into a topic and, 8 ms later by their
// timestamps, their predictions into another, the last of them twice.
func predictions(t *testing.T, c *stream.Cluster, in, out string, n int) {
	t.Helper()
	made := time.UnixMilli(time.Now().UnixMilli()).Add(-time.Minute)
	var inputs, outputs []stream.Record
	for i := range n {
		inputs = append(inputs, stream.Record{Value: []byte{byte(i)}, Time: made})
		outputs = append(outputs, prediction(in, i, made.Add(8*time.Millisecond), `{"values":[0.25,0.7,0.05]}`))
	}
	outputs = append(outputs, outputs[n-1])
	for topic, records := range map[string][]stream.Record{in: inputs, out: outputs} {
		if _, err := c.Produce(t.Context(), topic, 0, records); err != nil {
			t.Fatal(err)
		}
	}
}

func prediction(in string, offset int, at time.Time, value string) stream.Record {
	id := fmt.Sprintf("3:%s:0:%d", in, offset)
	return stream.Record{Key: []byte{byte(offset % 3)}, Value: []byte(value), Time: at, Headers: []stream.Header{{Key: "ce_id", Value: []byte(id)}}}
}

func TestTail(t *testing.T) {
	c := streamtest.Cluster(t)
	in, out := streamtest.Topic(t, c, 1), streamtest.Topic(t, c, 1)
	predictions(t, c, in, out, 20)
	code, text, errs := kafkaml(t, c, "tail", out, "--from", "earliest", "--count", "21", "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var p Prediction
	if err := json.Unmarshal([]byte(lines[4]), &p); err != nil || len(lines) != 21 {
		t.Fatalf("%d lines: %v", len(lines), err)
	}
	if p.Offset != 4 || p.Class == nil || *p.Class != 1 || p.Key != "1" || p.Latency == nil || math.Abs(*p.Latency-8) > 0.01 {
		t.Errorf("decoded as %s", lines[4])
	}
	if want := "21 predictions, 1 of them twice"; !strings.HasPrefix(errs, want) || !strings.Contains(errs, "latency p50 8.0 ms, p99 8.0 ms") {
		t.Errorf("totals %q, want %q and the latency", errs, want)
	}
	code, text, errs = kafkaml(t, c, "tail", out, "--from", "2", "--count", "2")
	if code != 0 || strings.Count(text, "-> 1  [0.25 0.7 0.05]  8.0 ms\n") != 2 {
		t.Errorf("exit %d: %s%s", code, text, errs)
	}
	if code, _, errs = kafkaml(t, c, "tail", out, "--count", "1", "--wait", "300ms"); code != cli.Failed {
		t.Errorf("exit %d though nothing came: %s", code, errs)
	}
}

func TestDecode(t *testing.T) {
	header := func(name, value string) []stream.Header { return []stream.Header{{Key: name, Value: []byte(value)}} }
	one := 1
	for _, tc := range []struct {
		name   string
		record stream.Record
		want   Prediction
	}{
		{"classes", stream.Record{Value: []byte(`{"values":[0.1,0.9]}`)}, Prediction{Values: json.RawMessage(`[0.1,0.9]`), Class: &one}},
		{"one number", stream.Record{Value: []byte(`{"values":[3.5]}`)}, Prediction{Values: json.RawMessage(`[3.5]`)}},
		{"several outputs", stream.Record{Value: []byte(`{"values":{"a":[1,2]}}`)}, Prediction{Values: json.RawMessage(`{"a":[1,2]}`)}},
		{"a dead letter", stream.Record{Value: []byte("x"), Headers: header("kafkaml-error", "too short")}, Prediction{Error: "too short"}},
		{"something else", stream.Record{Value: []byte("{}")}, Prediction{Error: `2 bytes that are no prediction, which is {"values": ...}`}},
		{"a key of text", stream.Record{Key: []byte("né"), Value: []byte(`{"values":1}`)}, Prediction{Key: "né", Values: json.RawMessage(`1`)}},
		{"an id of another maker", stream.Record{Value: []byte(`{"values":1}`), Headers: header("ce_id", "a:b:c:d")}, Prediction{ID: "a:b:c:d", Values: json.RawMessage(`1`)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := decode(tc.record)
			if got.input != (origin{}) {
				t.Errorf("an origin %v out of nothing", got.input)
			}
			got.input = origin{}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(Prediction{}, origin{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShown(t *testing.T) {
	for values, want := range map[string]string{
		`[0.123456, 1, -2e-7]`:                "[0.1235 1 -2e-07]",
		`{"b":[1],"a":[[1,2],[3,4]]}`:         "a [[1 2] [3 4]]  b [1]",
		`[1,2,3,4,5,6,7,8,9,10,11,12,13]`:     "[1 2 3 4 5 6 7 8 9 10 11 12 ...]",
		`[null,"NaN",true]`:                   `[<nil> "NaN" true]`,
		`{"word":["a \"good\" one",""]}`:      `word ["a \"good\" one" ""]`,
		`["` + strings.Repeat("é", 70) + `"]`: `["` + strings.Repeat("é", 60) + `…"]`,
		`[[[[1]]]]`:                           "[[[[1]]]]",
	} {
		if got := shown(json.RawMessage(values)); got != want {
			t.Errorf("%s shown as %q, want %q", values, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("k"), []byte(`{"values":[0.1,0.9]}`), "3:in:0:5")
	f.Add([]byte{7}, []byte(`{"values":{"a":[[1,2]]}}`), "::")
	f.Add([]byte(nil), []byte(`{`), "1:t:-1:9223372036854775808")
	f.Fuzz(func(t *testing.T, key, value []byte, id string) {
		p := decode(stream.Record{Key: key, Value: value, Headers: []stream.Header{{Key: "ce_id", Value: []byte(id)}}})
		if (p.Error == "") == (len(p.Values) == 0) {
			t.Errorf("values %q and error %q", p.Values, p.Error)
		}
		if p.input.offset < 0 || p.input.partition < 0 {
			t.Errorf("origin %v", p.input)
		}
		shown(p.Values)
	})
}
