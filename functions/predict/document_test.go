package predict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// documented is the OpenAPI document as a service gives it.
type documented struct {
	url      string
	paths    map[string]map[string]operation
	compiler *jsonschema.Compiler
}

// operation is what the test reads of one.
type operation struct {
	Parameters []struct {
		Name, In string
		Example  any
	}
	RequestBody struct {
		Content map[string]struct {
			Example  json.RawMessage
			Examples map[string]struct{ Value json.RawMessage }
		}
	}
	Responses map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]json.RawMessage
	}
}

func readDocument(t *testing.T, url string) documented {
	t.Helper()
	var all struct {
		Paths map[string]map[string]operation
	}
	_, _, text := exchange(t, http.MethodGet, url+"/openapi.json", "", nil)
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := documented{url: url, paths: all.Paths, compiler: jsonschema.NewCompiler()}
	if err := d.compiler.AddResource("urn:document", value); err != nil {
		t.Fatal(err)
	}
	return d
}

func exchange(t *testing.T, method, url, media string, body []byte) (status int, answered string, text []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	answered, _, _ = strings.Cut(res.Header.Get("Content-Type"), ";")
	return res.StatusCode, answered, text
}

// call sends a request of an operation and holds the answer against the
// document; replace changes the examples of its path.
func (d documented) call(t *testing.T, path, method, media string, body []byte, replace map[string]string, want int) {
	t.Helper()
	op, at := d.paths[path][method], path
	for _, p := range op.Parameters {
		if v, ok := replace[p.Name]; ok {
			p.Example = v
		}
		if p.In == "path" {
			at = strings.ReplaceAll(at, "{"+p.Name+"}", fmt.Sprint(p.Example))
		}
	}
	status, answered, text := exchange(t, strings.ToUpper(method), d.url+at, media, body)
	if status != want {
		t.Errorf("%s %s: %d, want %d: %s", method, at, status, want, text)
		return
	}
	answer, ok := op.Responses[strconv.Itoa(status)]
	if strings.HasSuffix(answer.Ref, "/Problem") && answered == "application/problem+json" {
		return
	}
	if _, known := answer.Content[answered]; !ok || !known {
		t.Errorf("%s %s: %d as %q is not in the document: %s", method, at, status, answered, text)
		return
	}
	if !strings.HasSuffix(answered, "json") {
		return
	}
	pointer := ""
	for _, part := range []string{"paths", path, method, "responses", strconv.Itoa(status), "content", answered, "schema"} {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(part)
	}
	s, err := d.compiler.Compile("urn:document#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = s.Validate(value)
	}
	if err != nil {
		t.Errorf("%s %s: %v\n%s", method, at, err, text)
	}
}

// Every operation of the OpenAPI document does what it says, with its examples
// and with requests that are refused.
func TestTheDocumentIsWhatIsServed(t *testing.T) {
	c := streamtest.Cluster(t)
	job := newJob(t, c, "small", 1)
	job.Name, job.Result = "inference-1", 1
	d := readDocument(t, serveHTTP(t, start(t, c, "small", job)).URL)
	for path, methods := range d.paths {
		for method, op := range methods {
			if len(op.RequestBody.Content) == 0 {
				d.call(t, path, method, "", nil, nil, http.StatusOK)
			}
			for media, body := range op.RequestBody.Content {
				examples := [][]byte{body.Example}
				for _, e := range body.Examples {
					examples = append(examples, e.Value)
				}
				sent := 0
				for _, e := range examples {
					if len(e) > 0 {
						d.call(t, path, method, media, e, nil, http.StatusOK)
						sent++
					}
				}
				if sent == 0 && strings.HasSuffix(media, "json") { // JSON holds no example of another
					t.Errorf("%s %s has no example", method, path)
				}
				d.call(t, path, method, media, []byte("{"), nil, http.StatusBadRequest)
			}
			if strings.Contains(path, "{name}") {
				d.call(t, path, method, "application/json", []byte("{}"), map[string]string{"name": "another"}, http.StatusNotFound)
			}
		}
	}
}
