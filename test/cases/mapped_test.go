package cases

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// mappedModel takes three numbers, a text, and whether the second is there.
const mappedModel = `import keras
x, kind, there = keras.Input((3,), name="x"), keras.Input((1,), dtype="string", name="kind"), keras.Input((1,), name="there")
look = keras.layers.StringLookup(vocabulary=["SHOP", "ONLINE"], output_mode="one_hot")(kind)
y = keras.layers.Dense(2, activation="softmax")(keras.layers.Concatenate()([x, look, there]))
model = keras.Model([x, kind, there], y)
model.compile("sgd", "sparse_categorical_crossentropy")
`

// payments are records that nobody made for a model, with how they are taken.
var payments = message{
	"inputs": map[string]any{
		"x":    []any{"payment.amount", message{"path": "card.limit", "missing": "mean", "mask": "there"}, message{"path": "at", "as": "hour"}},
		"kind": "payment.kind",
	},
	"label": message{"path": "fraud", "classes": []string{"no", "yes"}},
	"where": "value.payment.kind != 'TEST'", "on_bad": message{"skip": 2},
}

func aPayment(amount float64, kind, limit, fraud string) record {
	return record{value: fmt.Appendf(nil, `{"payment":{"amount":%v,"kind":%q},"card":{"limit":%s},"at":"2024-06-10T17:20:30Z","fraud":%s}`, amount, kind, limit, fraud)}
}

func somePayments() (all []record) {
	for i := range 20 {
		all = append(all, aPayment(float64(i), "SHOP", []string{"4", "8", "null"}[i%3], []string{`"no"`, `"yes"`}[i%2]))
	}
	all[4], all[5], all[6] = aPayment(1, "TEST", "4", `"no"`), aPayment(1, "SHOP", "4", `null`), aPayment(1, "SHOP", "4", `"perhaps"`)
	return all
}

// mappedRows are topics that are taken by a mapping.
func mappedRows() []row {
	altered := func(id, right, member string, is any, want ...string) row {
		return row{id: id, right: right, want: want, try: func(a *attempt) string {
			m, err := a.model("", mappedModel)
			a.must(err)
			config := message{}
			for k, v := range payments {
				config[k] = v
			}
			config[member] = is
			_, said := a.send(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf("epochs=1")}, somePayments(), "JSON", config)
			return said
		}}
	}
	return []row{
		{
			id: "MAP1", right: "trained and served from the same records, in both ways: one is predicted, one left out, one at fault", try: paymentsServed,
			want: []string{
				"finished, 17 records", `"left_out":1`, `"skipped":{"records":2`, `"offset":5,"reason":"label: \"fraud\" is null"`, `which is none of the classes no, yes`, `"means":{"x":[`, "confusion of [no yes]",
				"direct: 1 predictions, 1 dead letters:", "source: 1 predictions, 1 dead letters:", `"payment.amount" is not there; the record has`,
			},
		},
		altered("MAP2", "the bound is passed, the first are named", "on_bad", message{"skip": 1}, "failed", "more than 1 records are at fault", "[0]@5", "[0]@6", "on_bad"),
		altered("MAP3", "the first record at fault is named", "on_bad", "fail", "failed", "[0]@5", `"fraud" is null`, "on_bad"),
		altered("MAP4", "an expression that does not compile: its column, before a Job", "where", "value.a >> 2", "failed", "column", "!@0"),
		altered("MAP5", "nothing is left", "where", "value.payment.amount < 0.0", "failed", "no record is left", "20 out"),
		{id: "MAP6", right: "the same weights from RAW, nested JSON and nested AVRO of the same numbers", want: []string{"3 finished", "1 hash"}, try: sameWeights},
	}
}

func paymentsServed(a *attempt) string {
	m, err := a.model("", mappedModel)
	a.must(err)
	r, said := a.send(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf("epochs=1")}, somePayments(), "JSON", payments)
	if r.Status != pipeline.ResultFinished {
		return said
	}
	said += fmt.Sprintf("; confusion of %v", r.Confusion.Labels)
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		i := a.serve(r, delivery)
		a.produce(i.InputTopic, 0, []record{
			aPayment(3, "TEST", "4", `"no"`), aPayment(3, "SHOP", "null", `"no"`), {value: []byte(`{"payment":{"kind":"SHOP"},"card":null,"at":0}`)},
		})
		said += fmt.Sprintf("; %s: %s", delivery, a.predicted(i, 2))
	}
	return said
}

// sameWeights trains one model on the same numbers in three formats.
func sameWeights(a *attempt) string {
	m, err := a.model("", points)
	a.must(err)
	const nested = `{"type":"record","name":"r","fields":[{"name":"p","type":{"type":"record","name":"P","fields":[{"name":"a","type":"float"},{"name":"b","type":["null","float"]}]}},{"name":"y","type":"int"}]}`
	mapping := message{"inputs": []string{"p.a", "p.b"}, "label": "y"}
	withScheme := message{"inputs": []string{"p.a", "p.b"}, "label": "y", "data_scheme": json.RawMessage(nested)}
	var raw, asJSON, avro []record
	for i := range 40 {
		x, z, class := float32(i)/7, float32(i*i)/9, byte(i%10)
		bits := func(dst []byte, v float32) []byte { return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v)) }
		raw = append(raw, record{key: []byte{class}, value: bits(bits(nil, x), z)})
		asJSON = append(asJSON, record{value: fmt.Appendf(nil, `{"p":{"b":%v,"a":%v},"y":%d}`, z, x, class)})
		avro = append(avro, record{value: append(bits(append(bits(nil, x), 2), z), 2*class)})
	}
	hashes, finished := map[string]bool{}, 0
	var all []string
	for _, s := range []struct {
		format  string
		records []record
		config  message
	}{{"RAW", raw, pointConfig}, {"JSON", asJSON, mapping}, {"AVRO", avro, withScheme}} {
		r, said := a.send(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf("epochs=2"), Engine: "graph"}, s.records, s.format, s.config)
		if r.Status == pipeline.ResultFinished {
			finished++
		}
		hashes[r.Lineage.WeightsHash] = true
		all = append(all, said)
	}
	return fmt.Sprintf("%d finished, %d hash; %s", finished, len(hashes), strings.Join(all, "; "))
}
