package predict

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// structuredBody asks for records of the model structured.
func structuredBody(t testing.TB, records []int) string {
	var inputs []string
	for name, datatype := range map[string]string{"age": "FP32", "job": "BYTES", "zone": "INT64"} {
		inputs = append(inputs, fmt.Sprintf(`{"name":%q,"shape":[%d,1],"datatype":%q,"data":%s}`, name, len(records), datatype, rowsJSON(t, "structured", name, records)))
	}
	return `{"inputs":[` + strings.Join(inputs, ",") + `]}`
}

// servedOfJSON serves a model whose records are JSON, and gives its URL.
func servedOfJSON(t *testing.T, model string) string {
	job := newJob(t, nil, model, 0)
	job.InputFormat, job.InputConfig = pipeline.JSON, json.RawMessage(`{}`)
	return serveHTTP(t, start(t, nil, model, job)).URL + "/v2/models/inference-7"
}

func TestInferText(t *testing.T) {
	url := servedOfJSON(t, "structured")
	many := make([]int, 300) // more than a batch
	for i := range many {
		many[i] = (i * 7) % 5
	}
	for _, records := range [][]int{{0}, {4, 3, 2, 1, 0}, many} {
		var got inferred
		if status := ask(t, http.MethodPost, url+"/infer", structuredBody(t, records), &got); status != http.StatusOK {
			t.Fatalf("%d %s", status, got.Error)
		}
		checkRows(t, "structured", got, records)
	}
	var described struct{ Inputs []tensorMetadata }
	ask(t, http.MethodGet, url, "", &described)
	if i := slices.IndexFunc(described.Inputs, func(m tensorMetadata) bool { return m.Name == "job" }); i < 0 || described.Inputs[i].Datatype != "BYTES" {
		t.Errorf("%+v", described)
	}
	for name, c := range map[string][2]string{
		"a number":          {`"datatype":"BYTES","data":[1]`, "not a string"},
		"an object":         {`"datatype":"BYTES","data":[{"a":"b"}]`, "not a string"},
		"too many":          {`"datatype":"BYTES","data":["a","b"]`, "more than 1"},
		"none":              {`"datatype":"BYTES","data":[]    `, "0 strings, not 1"},
		"a type of numbers": {`"datatype":"FP32","data":[1.5]`, "takes BYTES"},
	} {
		body := strings.Replace(structuredBody(t, []int{0}), `"datatype":"BYTES","data":[["nurse"]]`, c[0], 1)
		var got inferred
		if status := ask(t, http.MethodPost, url+"/infer", body, &got); status != http.StatusBadRequest || !strings.Contains(got.Error, c[1]) {
			t.Errorf("%s: %d %q", name, status, got.Error)
		}
	}
}

func TestTextByTopic(t *testing.T) {
	c := streamtest.Cluster(t)
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		t.Run(string(delivery), func(t *testing.T) {
			job := newJob(t, c, "structured", 1)
			job.InputFormat, job.InputConfig, job.Delivery = pipeline.JSON, json.RawMessage(`{}`), delivery
			s := start(t, c, "structured", job)
			var records []stream.Record
			for i := range 120 {
				value := fmt.Sprintf(`{"job":%s,"zone":%s,"age":%s}`, input(t, "job", i), input(t, "zone", i), input(t, "age", i))
				if i%50 == 33 {
					value = strings.Replace(value, `"job":`, `"trade":`, 1)
				}
				records = append(records, stream.Record{Topic: job.InputTopic, Key: fmt.Append(nil, i), Value: []byte(value), Offset: int64(i)})
			}
			if delivery == pipeline.Direct {
				if _, err := c.Produce(t.Context(), job.InputTopic, 0, records); err != nil {
					t.Fatal(err)
				}
				consumeUntilEnd(t, s)
			} else {
				for i := range records {
					if _, err := s.door.source.handle(t.Context(), &records[i]); (err != nil) != (i%50 == 33) {
						t.Fatal(i, err)
					}
				}
			}
			for _, out := range await(t, c, job.OutputTopic, 118) {
				var i int
				var got struct{ Values []float64 }
				if _, err := fmt.Sscan(string(out.Key), &i); err != nil || json.Unmarshal(out.Value, &got) != nil {
					t.Fatalf("%q: %q", out.Key, out.Value)
				}
				m := tensorflowtest.Load(t, "structured")
				for _, rows := range m.Outputs {
					closeTo(t, got.Values, tensorflowtest.Flat(t, rows[i%5]))
				}
			}
			if letters := await(t, c, job.DeadLetter, 2); len(letters) != 2 {
				t.Errorf("%d dead letters", len(letters))
			}
		})
	}
}

// input is the one value of an input of record i of the model structured.
func input(t testing.TB, name string, i int) string {
	return strings.Trim(string(tensorflowtest.Load(t, "structured").Inputs[name][i%5]), "[]")
}

func TestValuesOfText(t *testing.T) {
	layout := []codec.Tensor{{Name: "n", DType: codec.Float32, Shape: []int{1}}, {Name: "tags", DType: codec.String, Shape: []int{2}}}
	data := [][]byte{make([]byte, 4), nil}
	if err := readValues([]byte(`{"values":{"tags":[["a"],["\u00e9"]],"n":1}}`), layout, data); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("\x01\x00\x00\x00a\x02\x00\x00\x00é", string(data[1])); diff != "" {
		t.Error(diff)
	}
	if err := readValues([]byte(`{"values":{"tags":["a"],"n":1}}`), layout, [][]byte{make([]byte, 4), nil}); err == nil || !strings.Contains(err.Error(), "1 strings, not 2") {
		t.Errorf("%v", err)
	}
}

// The model worded gives text: by REST as BYTES, and on the output topic as JSON
// strings, each as Keras has it.
func TestInferGivesText(t *testing.T) {
	url := servedOfJSON(t, "worded")
	records := make([]int, 300) // more than a batch
	for i := range records {
		records[i] = (i * 3) % 5
	}
	body := func(more string) string {
		return fmt.Sprintf(`{"inputs":[{"name":"x","shape":[%d,3],"datatype":"FP32","data":%s}]%s}`, len(records), rowsJSON(t, "worded", "x", records), more)
	}
	var got inferred
	if status := ask(t, http.MethodPost, url+"/infer", body(""), &got); status != http.StatusOK || len(got.Outputs) != 3 {
		t.Fatalf("%d %s", status, got.Error)
	}
	m := tensorflowtest.Load(t, "worded")
	for _, o := range got.Outputs[1:] {
		var want, have []string
		for _, i := range records {
			want = append(want, tensorflowtest.Texts(t, m.Outputs[o.Name][i])...)
		}
		if err := json.Unmarshal(o.Data, &have); err != nil || o.Datatype != "BYTES" || o.Shape[0] != len(records) {
			t.Fatalf("%s %v: %v", o.Datatype, o.Shape, err)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: %s", o.Name, diff)
		}
	}
	var one inferred
	if ask(t, http.MethodPost, url+"/infer", body(`,"outputs":[{"name":"word"}]`), &one); len(one.Outputs) != 1 || one.Outputs[0].Name != "word" {
		t.Errorf("%+v", one.Outputs)
	}
	var described struct{ Outputs []tensorMetadata }
	ask(t, http.MethodGet, url, "", &described)
	if diff := cmp.Diff([]tensorMetadata{{"chances", "FP32", []int{-1, 4}}, {"word", "BYTES", []int{-1}}, {"words", "BYTES", []int{-1, 2}}}, described.Outputs); diff != "" {
		t.Error(diff)
	}
}

func TestTextOnTheOutputTopic(t *testing.T) {
	c := streamtest.Cluster(t)
	m := tensorflowtest.Load(t, "worded")
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		t.Run(string(delivery), func(t *testing.T) {
			job := newJob(t, c, "worded", 1)
			job.InputFormat, job.InputConfig, job.Delivery = pipeline.JSON, json.RawMessage(`{}`), delivery
			s := start(t, c, "worded", job)
			var records []stream.Record
			for i := range 100 {
				records = append(records, stream.Record{Topic: job.InputTopic, Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"x":%s}`, m.Inputs["x"][i%5]), Offset: int64(i)})
			}
			if delivery == pipeline.Direct {
				if _, err := c.Produce(t.Context(), job.InputTopic, 0, records); err != nil {
					t.Fatal(err)
				}
				consumeUntilEnd(t, s)
			} else {
				for i := range records {
					if _, err := s.door.source.handle(t.Context(), &records[i]); err != nil {
						t.Fatal(i, err)
					}
				}
			}
			for _, out := range await(t, c, job.OutputTopic, 100) {
				var i int
				var got struct {
					Values struct{ Word, Words []string }
				}
				if _, err := fmt.Sscan(string(out.Key), &i); err != nil || json.Unmarshal(out.Value, &got) != nil {
					t.Fatalf("%q: %q", out.Key, out.Value)
				}
				want := [][]string{tensorflowtest.Texts(t, m.Outputs["word"][i%5]), tensorflowtest.Texts(t, m.Outputs["words"][i%5])}
				if diff := cmp.Diff(want, [][]string{got.Values.Word, got.Values.Words}); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}
