package cases

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Models that others trained, with what their own library says of some records.
const (
	otherTools = "../../shared/framework/onnx/onnximport/testdata/"
	ofKeras    = "../../shared/framework/keras/testdata/import/"
)

// importedRows are models that were trained elsewhere.
func importedRows() []row {
	return []row{
		{id: "I1", right: "as scikit-learn", want: []string{"served by onnx", "as its library"}, try: func(a *attempt) string {
			return a.importAndServe(otherTools+"forest", ".onnx", "X", "probabilities", pipeline.InferenceForm{})
		}},
		{id: "I2", right: "as Keras, by ONNX and by TensorFlow", want: []string{"served by onnx", "served by tensorflow", "as its library"}, try: func(a *attempt) string {
			return a.importAndServe(ofKeras+"trained", ".keras", "input_layer", "", pipeline.InferenceForm{Engine: "tensorflow"})
		}},
		{id: "I3", right: "trained on from the weights of the file", want: []string{"finished", "as from the weights"}, try: trainOn},
	}
}

// known is what a library says of records.
type known struct {
	Inputs, Outputs json.RawMessage
	Labels          []int
	Loss            float64
}

func (a *attempt) known(file string) (k known) {
	b, err := os.ReadFile(file + ".json") // #nosec G304 -- of the tests
	a.must(err)
	a.must(json.Unmarshal(b, &k))
	return k
}

// rowsOf are the records of a tensor, which is alone or has a name.
func (a *attempt) rowsOf(raw json.RawMessage, name string) (rows [][]float64) {
	if raw[0] == '{' {
		var named map[string]json.RawMessage
		a.must(json.Unmarshal(raw, &named))
		raw = named[name]
	}
	a.must(json.Unmarshal(raw, &rows))
	return rows
}

// imports imports a file from the command line, and gives the result.
func (a *attempt) imports(file string) (r pipeline.Result, said string) {
	path, err := filepath.Abs(file)
	a.must(err)
	said, code := a.types("models", "import", "-f", path, "--name", fmt.Sprintf("%s-%d", a.topic, a.unique()), "-o", "json")
	if code != 0 {
		return r, fmt.Sprintf("exit %d: %s", code, said)
	}
	var made pipeline.ImportedModel
	a.must(json.Unmarshal([]byte(said), &made))
	return made.Result, ""
}

// importAndServe imports a file, serves it as it is and as form says, and compares
// what comes of its records with what its own library says.
func (a *attempt) importAndServe(file, extension, input, output string, form pipeline.InferenceForm) string {
	r, said := a.imports(file + extension)
	if r.ID == 0 {
		return said
	}
	k := a.known(file)
	forms := []pipeline.InferenceForm{{}, form}
	if form.Engine == "" {
		forms = forms[:1]
	}
	for _, f := range forms {
		f.InputFormat = pipeline.JSON
		i := a.serveAs(r, pipeline.Direct, a.makeTopic(1), f)
		said += fmt.Sprintf("served by %s: %s; ", i.ServedBy, a.compared(i, a.rowsOf(k.Inputs, input), a.rowsOf(k.Outputs, output), input, output))
	}
	return said
}

// compared sends records and says whether the predictions are those of a library.
func (a *attempt) compared(i pipeline.Inference, inputs, outputs [][]float64, input, output string) string {
	var records []record
	for _, x := range inputs {
		records = append(records, record{value: jsonOf(a, message{input: x})})
	}
	said := a.predict(i, records...)
	got := a.read(i.OutputTopic)
	if len(got) != len(outputs) {
		return said
	}
	worst := 0.0
	for n, r := range got {
		var one struct{ Values json.RawMessage }
		a.must(json.Unmarshal(r.Value, &one))
		var values []float64
		if one.Values[0] == '{' {
			var named map[string][]float64
			a.must(json.Unmarshal(one.Values, &named))
			values = named[output]
		} else {
			a.must(json.Unmarshal(one.Values, &values))
		}
		for k, v := range values {
			worst = max(worst, math.Abs(v-outputs[n][k]))
		}
	}
	if worst > 1e-5 {
		return fmt.Sprintf("other than its library by %g", worst)
	}
	return fmt.Sprintf("as its library, to %.1g", worst)
}

// trainOn makes one step from the weights of a file, whose loss is that of the
// weights.
func trainOn(a *attempt) string {
	r, said := a.imports(ofKeras + "trained.keras")
	if r.ID == 0 {
		return said
	}
	k := a.known(ofKeras + "trained")
	var records []record
	for n, x := range a.rowsOf(k.Inputs, "") {
		records = append(records, record{value: jsonOf(a, message{"x": x, "label": k.Labels[n]})})
	}
	m, err := a.client.Models().Get(a.ctx, r.Model)
	a.must(err)
	trained, said := a.send(m, pipeline.DeploymentForm{BatchSize: len(records), TrainingKwargs: pipeline.Arguments(`"epochs=1, shuffle=False"`)}, records, "JSON",
		message{"data_fields": []string{"x"}, "label_field": "label"})
	if loss := trained.Metrics.Training["loss"]; math.Abs(loss-k.Loss) > 1e-5 {
		return fmt.Sprintf("%s; the loss of the weights is %g, not %g", said, k.Loss, loss)
	}
	return said + "; as from the weights"
}
