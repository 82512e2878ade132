package main

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// contract is a served document and the schemas in it.
type contract struct {
	text     []byte
	document map[string]any
	compiler *jsonschema.Compiler
}

func readContract(t *testing.T, url string) *contract {
	t.Helper()
	status, _, text := ask(t, http.MethodGet, url, nil, "")
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", url, status, text)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{text: text, document: value.(map[string]any), compiler: jsonschema.NewCompiler()}
	if err := c.compiler.AddResource("urn:contract", value); err != nil {
		t.Fatal(err)
	}
	return c
}

// validate holds JSON against the schema at a pointer into the document.
func (c *contract) validate(t *testing.T, pointer string, text []byte) {
	t.Helper()
	s, err := c.compiler.Compile("urn:contract#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("is off the schema at %s: %v\n%s", pointer, err, text)
	}
}

func pointer(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(p))
	}
	return b.String()
}

// at reads a member of nested objects; nil where one is missing.
func at(v any, names ...string) any {
	for _, n := range names {
		m, _ := v.(map[string]any)
		v = m[n]
	}
	return v
}

func ask(t *testing.T, method, url string, body []byte, contentType string) (status int, media string, answer []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	media, _, _ = mime.ParseMediaType(res.Header.Get("Content-Type"))
	if media == api.Stream { // it has no end
		return res.StatusCode, media, nil
	}
	if answer, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, media, answer
}

// TestTheDocumentsAreServed reads the documents of the whole and of each step,
// and leaves the whole ones in bin/, where ui's tests hold them against the
// validators of the two specifications.
func TestTheDocumentsAreServed(t *testing.T) {
	s := serveFunctions(t)
	dir := filepath.Join("..", "..", "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"openapi.json", "asyncapi.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), readContract(t, s.URL+"/"+name).text, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, step := range pipeline.Steps {
			readContract(t, s.URL+"/"+step+"/"+name)
		}
	}
}
