package cases

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// servedRows are sources whose predictions are known to the last digit.
func servedRows() []row {
	return []row{
		{
			id: "A15", right: "3.0 and 4.0; a record of 24 bytes is a dead letter of its own", try: lengths,
			want: []string{"predictions", "[3]", "200", "4", "24 bytes", "16"},
		},
		{id: "A16 predicted", right: "predictions on text", want: []string{"finished", "2 predictions, 0 dead"}, try: func(a *attempt) string {
			return a.serves(trainings()["A16"], record{value: []byte(`{"review":"good film"}`)}, record{value: []byte(`{"review":"no such words"}`)})
		}},
		{id: "A18", right: "221 and 0, by JSON and by REST", try: structured, want: []string{"loss 0 ", "[221]", "[0]", "200", "221"}},
		{id: "A21", right: "21 by REST, loss 441 by JSON", try: dictionary(false, "JSON"), want: []string{"loss 441 ", "[21]", "200"}},
		{id: "A21 RAW", right: "loss 441 with the order that is shown", try: dictionary(false, "RAW"), want: []string{"loss 441 "}},
		{id: "A21 AVRO", right: "loss 441", try: dictionary(false, "AVRO"), want: []string{"loss 441 "}},
		{id: "A21 AVRO turned", right: "loss 441", try: dictionary(true, "AVRO"), want: []string{"loss 441 "}},
		{id: "A22", right: "34 by the names that are listed", try: crossed("x1", "x0"), want: []string{"loss 1156 "}},
		{id: "A22 keys", right: "refused with x1 and x0, or 34", try: crossed("left", "right"), want: []string{"x1|loss 1156 ", "x0|loss 1156 "}},
		{id: "A41 predicted", right: "sums to 1", try: probabilities, want: []string{"sum 1.000"}},
		{id: "A42 predicted", right: "16777217", want: []string{"[16777217]"}, try: func(a *attempt) string {
			return a.serves(trainings()["A42"], record{value: appendValue(nil, "float64", 1<<24+1)})
		}},
		{id: "A43 predicted", right: "2 within 0.001", want: []string{"[1.9999|[2.000|[2]"}, try: func(a *attempt) string {
			return a.serves(trainings()["A43"], record{value: appendValue(nil, "float32", 9)})
		}},
		{
			id: "A48 downloaded", right: "SavedModel; .keras is not written, and why", try: downloads,
			want: []string{"savedmodel 0", "keras 3|keras 4", "SavedModel only"},
		},
	}
}

// serves trains, serves the result and predicts records.
func (a *attempt) serves(s training, records ...record) string {
	r, said := s.train(a)
	if r.Status != pipeline.ResultFinished {
		return said
	}
	return said + "; " + a.predict(a.serve(r, pipeline.Direct), records...)
}

func floats(values ...float64) (b []byte) {
	for _, v := range values {
		b = appendValue(b, "float32", v)
	}
	return b
}

// lengths is a model that takes sequences of any length.
func lengths(a *attempt) string {
	s := training{file: "15", records: 8, batch: 4, fit: "epochs=1", x: []column{{dtype: "float32", shape: []int{4, 1}, fill: func(_, e int) float64 {
		return []float64{2, 4, 0, 0}[e]
	}}}, y: []column{number()}}
	r, said := s.train(a)
	if r.Status != pipeline.ResultFinished {
		return said
	}
	i := a.serve(r, pipeline.Direct)
	said = a.predict(i, record{value: floats(2, 4, 0, 0)}, record{value: floats(2, 4, 6, 0, 0, 0)})
	m, err := a.model(seeded, source("15"))
	a.must(err)
	return said + "; REST " + a.infer(i, tensor{m.Inputs[0].Name, "FP32", []int{1, 6, 1}, []float64{2, 4, 6, 0, 0, 0}})
}

// structured is a model of a number, a word and an id, 221 and 0 by its weights.
func structured(a *attempt) string {
	nurse := func(int, int) float64 { return 221 }
	s := training{file: "18", records: 8, batch: 4, fit: "epochs=1", format: "JSON", y: []column{{dtype: "float32", fill: nurse}}, x: []column{
		{name: "age", dtype: "float32", fill: func(int, int) float64 { return 50 }},
		{name: "job", dtype: "string", text: func(int) string { return "nurse" }},
		{name: "zone", dtype: "int64", fill: func(int, int) float64 { return 20 }},
	}}
	r, said := s.train(a)
	if r.Status != pipeline.ResultFinished {
		return said
	}
	i := a.serve(r, pipeline.Direct)
	said += "; " + a.predict(i, record{value: []byte(`{"age":50,"job":"nurse","zone":20}`)}, record{value: []byte(`{"age":40,"job":"cook","zone":99}`)})
	return said + "; REST " + a.infer(i,
		tensor{"age", "FP32", []int{1, 1}, []float64{50}}, tensor{"job", "BYTES", []int{1, 1}, []string{"nurse"}}, tensor{"zone", "INT64", []int{1, 1}, []int{20}})
}

// dictionary sends alpha 1 and zeta 2, for which the model gives 21, with a
// label of 0.
func dictionary(turned bool, format string) func(a *attempt) string {
	return func(a *attempt) string {
		alpha := column{name: "alpha", dtype: "float32", fill: func(int, int) float64 { return 1 }}
		zeta := column{name: "zeta", dtype: "float32", fill: func(int, int) float64 { return 2 }}
		s := training{file: "21", records: 8, batch: 4, fit: "epochs=1", format: format, x: []column{alpha, zeta}, y: []column{{dtype: "float32", fill: zeros}}}
		if turned {
			s.x = []column{zeta, alpha}
		}
		if format == "RAW" {
			return a.inShownOrder(s)
		}
		r, said := s.train(a)
		if r.Status != pipeline.ResultFinished || format != "JSON" {
			return said
		}
		i := a.serve(r, pipeline.Direct)
		said += "; " + a.predict(i, record{value: []byte(`{"zeta":2,"alpha":1}`)})
		return said + "; REST " + a.infer(i, tensor{"zeta", "FP32", []int{1, 1}, []int{2}}, tensor{"alpha", "FP32", []int{1, 1}, []int{1}})
	}
}

// inShownOrder sends one RAW record of all inputs in the order that the model
// shows.
func (a *attempt) inShownOrder(s training) string {
	m, err := a.model(seeded, source(s.file))
	a.must(err)
	values := map[string]float64{"alpha": 1, "zeta": 2}
	var value []byte
	for _, t := range m.Inputs {
		value = append(value, floats(values[t.Name])...)
	}
	records := make([]record, 8)
	for i := range records {
		records[i] = record{key: floats(0), value: value}
	}
	_, said := a.send(m, pipeline.DeploymentForm{}, records, "RAW", message{"data_type": "float32", "data_reshape": "2", "label_type": "float32"})
	return fmt.Sprintf("shown:%s; %s", tensors(m.Inputs), said)
}

// crossed sends 3 and 4 under two names; a label of 0 makes the loss 34 squared.
func crossed(left, right string) func(a *attempt) string {
	return training{file: "22", records: 8, batch: 4, fit: "epochs=1", format: "JSON", y: []column{{dtype: "float32", fill: zeros}}, x: []column{
		{name: left, dtype: "float32", fill: func(int, int) float64 { return 3 }},
		{name: right, dtype: "float32", fill: func(int, int) float64 { return 4 }},
	}}.try
}

func probabilities(a *attempt) string {
	s := trainings()["A41"]
	r, said := s.train(a)
	if r.Status != pipeline.ResultFinished {
		return said
	}
	i := a.serve(r, pipeline.Direct)
	said = a.predict(i, record{value: s.x[0].raw(3)})
	var p struct{ Values []float64 }
	a.must(json.Unmarshal(a.read(i.OutputTopic)[0].Value, &p))
	sum := 0.0
	for _, v := range p.Values {
		sum += v
	}
	return fmt.Sprintf("sum %.4f of %s", sum, said)
}

func downloads(a *attempt) string {
	r, said := trainings()["A48"].train(a)
	if r.Status != pipeline.ResultFinished {
		return said
	}
	said = ""
	for _, format := range []string{"savedmodel", "keras"} {
		file := filepath.Join(a.dir, a.topic+"."+format)
		text, code := a.types("results", "download", fmt.Sprint(r.ID), "--format", format, "--to", file)
		said += fmt.Sprintf("%s %d %s; ", format, code, text)
		_ = os.Remove(file) // it may not be there
	}
	return said
}
