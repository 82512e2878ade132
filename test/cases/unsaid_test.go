package cases

import (
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// unsaidRows are inputs that would train without an error on what nobody meant.
func unsaidRows() []row {
	const binary = "import keras\nmodel = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation='sigmoid')])\nmodel.compile('adam', 'binary_crossentropy', metrics=['accuracy'])\n"
	sent := func(id, right, source, format string, config message, want []string, values ...string) row {
		return row{id: id, right: right, want: want, try: func(a *attempt) string {
			m, err := a.model("", source)
			a.must(err)
			var records []record
			for _, v := range values {
				records = append(records, record{value: []byte(v)})
			}
			_, said := a.send(m, pipeline.DeploymentForm{}, records, format, config)
			return said
		}}
	}
	ab := message{"data_fields": []string{"a", "b"}, "label_field": "y"}
	return []row{
		sent("Y1", "three classes for two: refused by record", binary, "JSON", ab, []string{"failed", "@1", "label 2", "0 to 1", "an output for each"}, `{"a":1,"b":2,"y":1}`, `{"a":1,"b":2,"y":2}`),
		sent("Y2", "-1 and 1: refused by record", binary, "JSON", ab, []string{"failed", "@0", "label -1", "hinge"}, `{"a":1,"b":2,"y":-1}`),
		sent("Y3", "soft labels train", binary, "JSON", ab, []string{"finished"}, `{"a":1,"b":2,"y":0.25}`),
	}
}
