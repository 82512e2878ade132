package predict

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// Triton's clients, over HTTP and gRPC, get what Keras gives, from models of
// numbers and of text.
func TestTritonsClients(t *testing.T) {
	type told struct {
		Address string            `json:"address"`
		Inputs  map[string][2]any `json:"inputs"`
	}
	records := []int{4, 0, 2}
	all := map[string]told{}
	for model, inputs := range map[string]map[string]string{
		"several":    {"left": "FP32", "right": "INT32"},
		"structured": {"age": "FP64", "job": "BYTES", "zone": "INT64"},
		"worded":     {"x": "FP32"},
	} {
		address, _, _ := strings.Cut(strings.TrimPrefix(servedOfJSON(t, model), "http://"), "/")
		all[model] = told{address, map[string][2]any{}}
		for name, datatype := range inputs {
			all[model].Inputs[name] = [2]any{datatype, json.RawMessage(rowsJSON(t, model, name, records))}
		}
	}
	var answers []struct {
		Way, Model string
		Outputs    map[string]json.RawMessage
		Said       []any
	}
	askByClients(t, all, &answers)
	for _, a := range answers {
		if a.Said != nil {
			checkSaid(t, a.Way, a.Said)
		}
		for name, values := range a.Outputs {
			checkColumn(t, a.Model, name, values, records)
		}
	}
	if ways := 2*(4+3) + 2; len(answers) != len(all)*ways {
		t.Errorf("%d answers, want %d for each of %d models", len(answers), ways, len(all))
	}
}

// askByClients runs the clients.
func askByClients(t *testing.T, told, answers any) {
	interpreter, site, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	clients, err := toolchain.Clients()
	if err != nil {
		t.Fatal(err)
	}
	questions, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), interpreter, "testdata/clients.py") // #nosec G204 -- of the toolchain
	c.Env = append(c.Environ(), "PYTHONPATH="+clients+":"+site, "PYTHONDONTWRITEBYTECODE=1", "NO_PROXY=*", "no_grpc_proxy=*")
	var complaints bytes.Buffer
	c.Stdin, c.Stderr = bytes.NewReader(questions), &complaints
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &complaints)
	}
	if err := json.Unmarshal(out, answers); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// checkSaid checks what a client says of health and of requests that are refused.
func checkSaid(t *testing.T, way string, said []any) {
	missing, wrong := "404: ", "400: "
	if way == "grpc" {
		missing, wrong = "StatusCode.NOT_FOUND: ", "StatusCode.INVALID_ARGUMENT: "
	}
	for i, want := range []any{true, true, true} {
		if said[i] != want {
			t.Errorf("%s: %v", way, said)
		}
	}
	version, _ := said[3].(string)
	inputs, _ := said[4].(string)
	if !strings.HasPrefix(version, missing) || !strings.Contains(version, "the version is 3") || !strings.HasPrefix(inputs, wrong) || !strings.Contains(inputs, "the model takes") {
		t.Errorf("%s: %q, %q", way, version, inputs)
	}
}

// checkColumn holds an output of records against what Keras gives.
func checkColumn(t *testing.T, model, output string, values json.RawMessage, records []int) {
	rows := tensorflowtest.Load(t, model).Outputs[output]
	if bytes.HasPrefix(values, []byte(`["`)) {
		var want, have []string
		for _, i := range records {
			want = append(want, tensorflowtest.Texts(t, rows[i])...)
		}
		if err := json.Unmarshal(values, &have); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: %s", output, diff)
		}
		return
	}
	var want []float64
	for _, i := range records {
		want = append(want, tensorflowtest.Flat(t, rows[i])...)
	}
	closeTo(t, tensorflowtest.Flat(t, values), want)
}
