package modelregister

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// fileOf is a model that scikit-learn trained and skl2onnx wrote.
func fileOf(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("../../shared/framework/onnx/onnximport/testdata/logistic.onnx")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sendFile posts a file as the body of an import.
func (r *rig) sendFile(t *testing.T, query string, body io.Reader, header ...string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/models/import?"+query, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return do(t, req)
}

// empty wants nothing to be stored: no row, no artifact, nothing in the scratch
// folder.
func (r *rig) empty(t *testing.T) {
	t.Helper()
	if list := r.want(t, http.StatusOK, "GET", "/models", nil)["items"].([]any); len(list) > 0 {
		t.Errorf("models are stored: %v", list)
	}
	for _, pattern := range []string{filepath.Join(r.blobs, "*", "*", "*", "*"), filepath.Join(r.Scratch, "import-*"), filepath.Join(r.Scratch, "export-*")} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("something is left: %v, %v", left, err)
		}
	}
}

func TestImport(t *testing.T) {
	r := newRig(t)
	file := fileOf(t)
	for range 2 { // the same key again: the same answer, nothing more
		status, made := r.sendFile(t, "file=logistic.onnx&description=by+hand", bytes.NewReader(file), "Idempotency-Key", "1")
		model, result := made["model"].(map[string]any), made["result"].(map[string]any)
		if status != http.StatusCreated || model["name"] != "logistic" || model["description"] != "by hand" || result["status"] != "finished" || result["model"] != model["id"] {
			t.Fatalf("status %d: %v", status, made)
		}
		from := result["imported"].(map[string]any)
		if from["file"] != "logistic.onnx" || from["format"] != "onnx" || from["bytes"] != float64(len(file)) || from["sha256"] != model["source_hash"] {
			t.Errorf("imported is %v", from)
		}
	}
	kept, err := os.ReadFile(filepath.Join(r.blobs, "results", "1", "attempt-1", "model.onnx"))
	if err != nil || !bytes.Equal(kept, file) {
		t.Error("the file is not kept as it is:", err)
	}
	types := map[string]int{}
	found, err := registry.Read(t.Context(), r.Store, func(tx *registry.Tx) (registry.Page[pipeline.Result], error) { return tx.Results(registry.Query{}) })
	if err != nil || len(found.Items) != 1 {
		t.Errorf("results %v, %v", found.Items, err)
	}
	stored, err := r.Store.Events(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range stored {
		types[e.Event.Type()]++
	}
	if len(types) != 2 || types[eventing.ModelRegistered] != 1 || types[eventing.ResultFinished] != 1 {
		t.Errorf("published are %v, want a new model and a finished result", types)
	}
}

func TestImportByEvent(t *testing.T) {
	r := newRig(t)
	e := eventing.New(eventing.ModelImport, "test", "", pipeline.ImportForm{Name: "iris", Content: base64.StdEncoding.EncodeToString(fileOf(t))})
	if status, made := r.send(t, e); status != http.StatusOK || made["model"].(map[string]any)["name"] != "iris" {
		t.Errorf("status %d: %v", status, made)
	}
	e = eventing.New(eventing.ModelImport, "test", "", pipeline.ImportForm{Name: "other"})
	if _, refusal := r.send(t, e); refusal["field"] != "content" || !strings.Contains(refusal["hint"].(string), "POST /models/import") {
		t.Errorf("an event without a file: %v", refusal)
	}
	e = eventing.New(eventing.ModelImport, "test", "", map[string]any{"name": "other", "content": "https://example.org/model.onnx"})
	if _, refusal := r.send(t, e); refusal["field"] != "content" || !strings.Contains(refusal["hint"].(string), "URL") {
		t.Errorf("an event with a URL: %v", refusal)
	}
}

func TestImportedModelHasNoSource(t *testing.T) {
	r := newRig(t)
	if status, made := r.sendFile(t, "name=iris", bytes.NewReader(fileOf(t))); status != http.StatusCreated {
		t.Fatal(made)
	}
	r.want(t, http.StatusOK, "PUT", "/models/1", map[string]any{"name": "flowers", "description": "of Fisher"})
	if m := r.want(t, http.StatusOK, "GET", "/models/1", nil); m["version"] != 1.0 || m["imported"] == nil {
		t.Errorf("after an update: %v", m)
	}
	for what, problem := range map[string]map[string]any{
		"source":        r.want(t, http.StatusUnprocessableEntity, "PUT", "/models/1", map[string]any{"source": small}),
		"configuration": r.want(t, http.StatusUnprocessableEntity, "POST", "/configurations", map[string]any{"name": "c", "models": []int{1}}),
	} {
		if problem["hint"] == nil {
			t.Errorf("%s: refused without a hint: %v", what, problem)
		}
	}
}

func TestFilesThatAreNoModels(t *testing.T) {
	r := newRig(t)
	tests := map[string]struct{ file, says, hint string }{
		"empty":           {"", "empty", "POST /models/import"},
		"text":            {"import keras\n\nmodel = ...\n", "text", "models create"},
		"JSON":            {`{"learner": {}}`, "text", ".onnx"},
		"Keras 2":         {"\x89HDF\r\n\x1a\n\x00\x00\x00", "HDF5", "model.keras"},
		"pickle":          {"\x80\x04\x95\x1c", "pickle", "of a classifier with options"},
		"a pointer":       {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "pointer of Git LFS", "git lfs pull"},
		"compressed":      {"\x1f\x8b\x08\x00\x00", "compressed", ".zip"},
		"TensorFlow Lite": {"\x1c\x00\x00\x00TFL3\x14\x00", "TensorFlow Lite", "converted from"},
		"noise":           {"\xff\xfe\x00\x12\x00", "no ONNX file", ".onnx"},
		"empty zip":       {"PK\x05\x06" + strings.Repeat("\x00", 18), "the zip holds neither", "zip the folder"},
		"cut off":         {string(fileOf(t)[:300]), "refused", "cut off"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, problem := r.sendFile(t, "name=x&file=mine.onnx", strings.NewReader(tt.file))
			if tt.file != "" && !strings.HasPrefix(problem["detail"].(string), "mine.onnx: ") {
				t.Errorf("%v does not name the file", problem)
			}
			if status != http.StatusUnprocessableEntity || !strings.Contains(problem["detail"].(string), tt.says) || !strings.Contains(problem["hint"].(string), tt.hint) {
				t.Errorf("status %d, %v: want %q and the hint %q", status, problem, tt.says, tt.hint)
			}
			r.empty(t)
		})
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	r := newRig(t)
	if status, problem := r.tooLarge(t); status != http.StatusRequestEntityTooLarge || problem["hint"] == "" {
		t.Errorf("2 GB: status %d, %v", status, problem)
	}
	for name, header := range map[string]string{"JSON": "application/json", "a form": "multipart/form-data; boundary=x"} {
		status, problem := r.sendFile(t, "name=x", strings.NewReader("{}"), "Content-Type", header)
		if status != http.StatusUnsupportedMediaType || !strings.Contains(problem["hint"].(string), "--data-binary") {
			t.Errorf("%s: status %d, %v", name, status, problem)
		}
	}
	for query, field := range map[string]string{"": "name", "name=x&url=http://a": "url", "file=a%00b": "file"} {
		if status, problem := r.sendFile(t, query, bytes.NewReader(fileOf(t))); status != http.StatusUnprocessableEntity || problem["field"] != field {
			t.Errorf("query %q: status %d, %v", query, status, problem)
		}
	}
	if status, problem := r.cutOff(t, fileOf(t)[:200]); status != http.StatusBadRequest || !strings.Contains(problem["detail"].(string), "ended after 200 bytes") {
		t.Errorf("cut off: status %d, %v", status, problem)
	}
	r.empty(t)
}

// tooLarge announces a file of more than is allowed, which is not sent.
func (r *rig) tooLarge(t *testing.T) (int, map[string]any) {
	return r.raw(t, "Content-Length: 2147483648\r\nExpect: 100-continue\r\n", nil)
}

// cutOff sends the beginning of a file.
func (r *rig) cutOff(t *testing.T, part []byte) (int, map[string]any) {
	return r.raw(t, "Content-Length: 1000\r\n", part)
}

// raw sends a request of a header and a body, ends it, and reads the answer.
func (r *rig) raw(t *testing.T, header string, body []byte) (status int, answer map[string]any) {
	t.Helper()
	address := strings.TrimPrefix(r.url, "http://")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	request := "POST /models/import?name=x HTTP/1.1\r\nHost: " + address + "\r\n" + header + "\r\n" + string(body)
	_, err = conn.Write([]byte(request))
	if err := errors.Join(err, conn.(*net.TCPConn).CloseWrite()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}
