package predict

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// inferred is the answer to an inference request.
type inferred struct {
	ModelName    string `json:"model_name"`
	ModelVersion string `json:"model_version"`
	ID           string `json:"id"`
	Outputs      []struct {
		Name       string
		Datatype   string
		Shape      []int
		Data       json.RawMessage
		Parameters struct {
			BinarySize int `json:"binary_data_size"`
		}
	}
	Error string
}

func ask(t testing.TB, method, url, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return resp.StatusCode
}

// rowsJSON writes the model's records i... of an input, nested.
func rowsJSON(t testing.TB, model, input string, records []int) string {
	var rows []string
	for _, i := range records {
		rows = append(rows, string(tensorflowtest.Load(t, model).Inputs[input][i]))
	}
	return "[" + strings.Join(rows, ",") + "]"
}

func checkRows(t testing.TB, model string, got inferred, records []int) {
	t.Helper()
	for _, o := range got.Outputs {
		var want []float64
		for _, i := range records {
			want = append(want, tensorflowtest.Flat(t, tensorflowtest.Load(t, model).Outputs[o.Name][i])...)
		}
		if o.Datatype != "FP32" || o.Shape[0] != len(records) {
			t.Errorf("%s: %s %v", o.Name, o.Datatype, o.Shape)
		}
		closeTo(t, tensorflowtest.Flat(t, o.Data), want)
	}
}

func TestInferSeveral(t *testing.T) {
	job := newJob(t, nil, "several", 0)
	job.InputFormat, job.InputConfig = pipeline.JSON, json.RawMessage(`{}`)
	url := serveHTTP(t, start(t, nil, "several", job)).URL + "/v2/models/inference-7"
	records := []int{4, 0, 2}
	left := fmt.Sprintf(`{"name":"left","shape":[3,2],"datatype":"FP32","data":%s}`, rowsJSON(t, "several", "left", records))
	right := fmt.Sprintf(`{"name":"right","shape":[3,3],"datatype":"INT64","data":%s}`, rowsJSON(t, "several", "right", records))
	var got inferred
	if status := ask(t, http.MethodPost, url+"/infer", `{"id":"a\"b","inputs":[`+right+`,`+left+`]}`, &got); status != http.StatusOK {
		t.Fatalf("%d %s", status, got.Error)
	}
	if got.ID != `a"b` || got.ModelName != "inference-7" || got.ModelVersion != "3" || len(got.Outputs) != 2 || !slices.Equal(got.Outputs[0].Shape, []int{3, 2, 2}) {
		t.Errorf("%+v", got)
	}
	checkRows(t, "several", got, records)
	got = inferred{}
	ask(t, http.MethodPost, url+"/versions/3/infer", `{"outputs":[{"name":"total"}],"inputs":[`+right+`,`+left+`]}`, &got)
	if len(got.Outputs) != 1 || got.Outputs[0].Name != "total" {
		t.Errorf("only total was asked for: %+v", got)
	}
}

// More rows than a batch holds, and rows of a length that the model leaves open.
func TestInferManyAndOpen(t *testing.T) {
	job := newJob(t, nil, "small", 0)
	url := serveHTTP(t, start(t, nil, "small", job)).URL + "/v2/models/inference-7/infer"
	var records []int
	for i := range 1000 {
		records = append(records, i%5)
	}
	name := job.Export.Inputs[0].Name
	var got inferred
	body := fmt.Sprintf(`{"inputs":[{"name":%q,"shape":[1000,3],"datatype":"FP64","data":%s}]}`, name, rowsJSON(t, "small", name, records))
	if status := ask(t, http.MethodPost, url, body, &got); status != http.StatusOK {
		t.Fatalf("%d %s", status, got.Error)
	}
	checkRows(t, "small", got, records)

	job = newJob(t, nil, "sequence", 0)
	job.InputConfig = raw("float32", "7 2") // records have another length
	url = serveHTTP(t, start(t, nil, "sequence", job)).URL + "/v2/models/inference-7/infer"
	name, got = job.Export.Inputs[0].Name, inferred{}
	body = fmt.Sprintf(`{"inputs":[{"name":%q,"shape":[2,4,2],"datatype":"FP32","data":%s}]}`, name, rowsJSON(t, "sequence", name, []int{1, 3}))
	if status := ask(t, http.MethodPost, url, body, &got); status != http.StatusOK {
		t.Fatalf("%d %s", status, got.Error)
	}
	checkRows(t, "sequence", got, []int{1, 3})
}

func TestInferRefuses(t *testing.T) {
	server := serveHTTP(t, start(t, nil, "words", newJob(t, nil, "words", 0)))
	name := tensorflowtest.Load(t, "words").Export.Inputs[0].Name
	input := func(rest string) string { return fmt.Sprintf(`{"inputs":[{"name":%q,%s}]}`, name, rest) }
	cases := map[string]struct {
		path, body string
		status     int
		want       string
	}{
		"not JSON":        {"", `{`, 400, "not JSON"},
		"no inputs":       {"", `{}`, 400, "takes 1"},
		"another input":   {"", `{"inputs":[{"name":"x"}]}`, 400, "missing"},
		"no shape":        {"", input(`"datatype":"INT32","data":[1,2,3,4]`), 400, "first size"},
		"no rows":         {"", input(`"shape":[0,4],"datatype":"INT32","data":[]`), 400, "first size"},
		"another shape":   {"", input(`"shape":[1,5],"datatype":"INT32","data":[1,2,3,4,5]`), 400, "does not fit"},
		"a huge shape":    {"", input(`"shape":[1048576,1048576,1048576,1048576],"datatype":"INT32","data":[1]`), 400, "too large"},
		"negative":        {"", input(`"shape":[1,-4],"datatype":"INT32","data":[1]`), 400, "too large"},
		"fewer numbers":   {"", input(`"shape":[2,4],"datatype":"INT32","data":[1,2,3,4,5]`), 400, "5 numbers, not 8"},
		"none":            {"", input(`"shape":[1,4],"datatype":"INT32"`), 400, "fewer"},
		"a type of text":  {"", input(`"shape":[1,4],"datatype":"BYTES","data":["a"]`), 400, "BYTES"},
		"out of its type": {"", input(`"shape":[1,4],"datatype":"INT8","data":[1,2,3,400]`), 400, "does not fit int8"},
		"a fraction":      {"", input(`"shape":[1,4],"datatype":"FP32","data":[1,2,3,0.5]`), 400, "does not fit int32"},
		"the graph fails": {"", input(`"shape":[1,4],"datatype":"INT32","data":[1,2,3,99]`), 400, "99"},
		"no such output":  {"", fmt.Sprintf(`{"outputs":[{"name":"x"}],"inputs":[{"name":%q,"shape":[1,4],"datatype":"INT32","data":[1,2,3,4]}]}`, name), 400, "no output"},
		"another model":   {"/v2/models/other/infer", `{}`, 404, "inference-7"},
		"another version": {"/v2/models/inference-7/versions/9/infer", `{}`, 404, "the version is 3"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := c.path
			if path == "" {
				path = "/v2/models/inference-7/infer"
			}
			var got inferred
			if status := ask(t, http.MethodPost, server.URL+path, c.body, &got); status != c.status || !strings.Contains(got.Error, c.want) {
				t.Errorf("%d %q, want %d and %q", status, got.Error, c.status, c.want)
			}
		})
	}
}

func TestMetadataAndHealth(t *testing.T) {
	job := newJob(t, nil, "several", 0)
	job.InputFormat, job.InputConfig = pipeline.JSON, json.RawMessage(`{}`)
	server := serveHTTP(t, start(t, nil, "several", job))
	var got any
	ask(t, http.MethodGet, server.URL+"/v2/models/inference-7", "", &got)
	var want any
	if err := json.Unmarshal([]byte(`{"name":"inference-7","versions":["3"],"platform":"tensorflow_savedmodel",
		"inputs":[{"name":"left","datatype":"FP32","shape":[-1,2]},{"name":"right","datatype":"INT32","shape":[-1,3]}],
		"outputs":[{"name":"grid","datatype":"FP32","shape":[-1,2,2]},{"name":"total","datatype":"FP32","shape":[-1,1]}]}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]string{
		"/health/liveness": "ALIVE", "/health/readiness": "READY", "/v2/health/live": "true", "/v2/health/ready": "true",
		"/v2/models/inference-7/ready": "true", "/v2": "kafkaml", "/metrics": "kafkaml_predict_batch_records",
	} {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s %v", path, resp.StatusCode, body, err)
		}
	}
}

func FuzzReadTensors(f *testing.F) {
	f.Add(`{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32","data":[1,2.5]}]}`)
	f.Add(`{"inputs":[{"name":"a","shape":[2,2],"datatype":"BOOL","data":[[true,false],[0,1]]}]}`)
	f.Add(`{"inputs":[{"name":"a","shape":[1,2],"datatype":"INT64","data":[9223372036854775807,-1e3]}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		var request inferRequest
		if json.Unmarshal([]byte(body), &request) != nil {
			return
		}
		for _, want := range []pipeline.Tensor{{Name: "a", DType: "float32", Shape: []int{2}}, {Name: "a", DType: "int32", Shape: []int{-1, 2}}} {
			in, err := readTensors(request.Inputs, []pipeline.Tensor{want})
			if err == nil && len(in.data[0]) != in.rows*in.layout[0].Bytes() {
				t.Errorf("%d bytes for %d rows of %v", len(in.data[0]), in.rows, in.layout[0])
			}
		}
	})
}

func FuzzReadValues(f *testing.F) {
	f.Add(`{"values":[1,2]}`)
	f.Add(`{"values":{"a":[[1],[-2.5e-3]]}}`)
	f.Add(`{"values":[NaN]}`)
	f.Fuzz(func(t *testing.T, body string) {
		layout := asModel([]pipeline.Tensor{{Name: "a", DType: "float64", Shape: []int{2}}}, nil)
		data := make([]byte, 16)
		if readValues([]byte(body), layout, [][]byte{data}) != nil {
			return
		}
		var nested struct{ Values any }
		if err := json.Unmarshal([]byte(body), &nested); err != nil {
			t.Fatalf("%s was read, but is no JSON: %v", body, err)
		}
	})
}
