package cases

import (
	"fmt"
	"slices"

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
				records = append(records, record{key: []byte{1}, value: []byte(v)})
			}
			_, said := a.send(m, pipeline.DeploymentForm{}, records, format, config)
			return said
		}}
	}
	const grid = "import keras\nmodel = keras.Sequential([keras.Input((3, 2)), keras.layers.Flatten(), keras.layers.Dense(1)])\nmodel.compile('adam', 'mse')\n"
	x := message{"data_fields": []string{"x"}, "label_field": "y"}
	const three = "import keras\nmodel = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])\nmodel.compile('adam', 'mse')\n"
	const counts = "import keras\nmodel = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation='softplus')])\nmodel.compile('adam', 'poisson')\n"
	const classes = "import keras\nmodel = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation='softmax')])\nmodel.compile('adam', 'categorical_crossentropy')\n"
	ab := message{"data_fields": []string{"a", "b"}, "label_field": "y"}
	rows := message{
		"data_scheme":  `{"type":"record","name":"R","fields":[{"name":"x","type":{"type":"array","items":{"type":"array","items":"int"}}}]}`,
		"label_scheme": `{"type":"record","name":"L","fields":[{"name":"y","type":"int"}]}`,
	}
	const whole = "import keras\nmodel = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile('adam', 'mse')\n"
	const subclassed = "import keras\n\nclass Model(keras.Model):\n    def __init__(self):\n        super().__init__()\n        self.last = keras.layers.Dense(1, kernel_initializer='ones')\n\n" +
		"    def call(self, x):\n        return self.last(x)\n\nmodel = Model()\nmodel(keras.ops.zeros((1, 2)))\nmodel.compile('adam', 'binary_crossentropy')\n"
	const words = "import keras\na, b = keras.Input((1,), name='class'), keras.Input((1,), name='self')\nmodel = keras.Model([a, b], keras.layers.Dense(1)(keras.layers.Concatenate()([a, b])))\nmodel.compile('adam', 'mse')\n"
	turned := message{"data_type": "int32", "data_reshape": "2", "label_type": "uint8"}
	return []row{
		sent("Y23", "a filter that is spelt wrong: a warning", points, "JSON", message{"data_fields": []string{"a", "b"}, "label_field": "y", "wher": "value.a > 1.0"}, []string{"finished, 1 records", "wher", "where", "no effect"}, `{"a":1,"b":2,"y":1}`),
		sent("Y24", "whole numbers with the highest byte first: a warning", whole, "RAW", turned, []string{"finished", "numbers up to 256 become", "little-endian"}, slices.Repeat([]string{"\x00\x00\x00\x07\x00\x00\x01\x00"}, 20)...),
		sent("Y25", "floats that are said to be whole numbers: a warning", whole, "RAW", turned, []string{"finished", "float32", "read as int32"}, slices.Repeat([]string{"\x00\x00\x80\x3f\x00\x00\x00\xc0", "\x00\x00\x00\xbf\x00\x00\x80\x3f"}, 10)...),
		sent("Y26", "several classes for one: a warning", classes, "JSON", ab, []string{"finished", "1 of 2 to more", "binary_crossentropy"}, `{"a":1,"b":2,"y":[1,1,0]}`, `{"a":1,"b":2,"y":[0,1,0]}`),
		sent("Y27", "a subclassed model that gives no probabilities: a warning", subclassed, "JSON", ab, []string{"finished", "takes probabilities", "from_logits=True"}, `{"a":1,"b":2,"y":1}`),
		sent("Y28", "inputs named by words of Python train", words, "JSON", message{"data_fields": []string{"class", "self"}, "label_field": "y"}, []string{"finished, 1 records"}, `{"class":1,"self":2,"y":1}`),
		sent("Y29", "a loss beyond float32: a warning", whole, "JSON", ab, []string{"finished", "loss is infinite from epoch 1 on"}, `{"a":1,"b":2,"y":1e30}`),
		sent("Y31", "the hour of a time in seconds: refused by record", points, "JSON", message{"inputs": []any{"a", message{"path": "at", "as": "hour"}}, "label": "y"}, []string{"failed", "@0", "seconds since 1970", "milliseconds"}, `{"a":1,"at":1704110400,"y":1}`),
		{id: "Y30", right: "a member of the message that is spelt wrong: a warning", want: []string{"finished", "validationRate", "is validation_rate meant"}, try: func(a *attempt) string {
			topic := a.makeTopic(1)
			a.produce(topic, 0, somePoints(0, 10))
			m := pointMessage(topic+":0:0:10", 10)
			m["validationRate"] = 0.2
			return a.trains(m)
		}},
		sent("Y1", "three classes for two: refused by record", binary, "JSON", ab, []string{"failed", "@1", "label 2", "0 to 1", "an output for each"}, `{"a":1,"b":2,"y":1}`, `{"a":1,"b":2,"y":2}`),
		sent("Y2", "-1 and 1: refused by record", binary, "JSON", ab, []string{"failed", "@0", "label -1", "hinge"}, `{"a":1,"b":2,"y":-1}`),
		sent("Y3", "soft labels train", binary, "JSON", ab, []string{"finished"}, `{"a":1,"b":2,"y":0.25}`),
		sent("Y4", "2x3 for 3x2: refused by record", grid, "JSON", x, []string{"failed", "@0", "x", "2x3", "3x2", "transpose"}, `{"x":[[1,2,3],[4,5,6]],"y":1}`),
		sent("Y5", "rows of different lengths: refused by record", grid, "JSON", x, []string{"failed", "@1", "x", "different lengths", "3", "2"}, `{"x":[[1,2],[3,4],[5,6]],"y":1}`, `{"x":[[1,2,3],[4,5],[6]],"y":1}`),
		sent("Y6", "3x2, and flat", grid, "JSON", x, []string{"finished"}, `{"x":[[1,2],[3,4],[5,6]],"y":1}`, `{"x":[1,2,3,4,5,6],"y":1}`),
		sent("Y8", "a fraction for a class: whole numbers", points, "JSON", ab, []string{"failed", "@0", "0.5", "whole numbers"}, `{"a":1,"b":2,"y":0.5}`),
		sent("Y9", "a number within: its path", points, "JSON", ab, []string{"failed", "@0", `"inputs"`, "p.a"}, `{"p":{"a":1},"b":2,"y":1}`),
		sent("Y10", "floats with the highest byte first: warned of", points, "RAW", message{"data_type": "float32", "data_reshape": "2", "label_type": "uint8"}, []string{"finished", "little-endian"}, "\x3f\x80\x00\x00\x40\x00\x00\x00", "\x3f\x80\x00\x00\x40\x00\x00\x00"),
		sent("Y7", "RAW of 2x3 for 3x2: refused", grid, "RAW", message{"data_type": "uint8", "data_reshape": "2 3", "label_type": "uint8"}, []string{"failed", "data_reshape", "another order", "3x2"}, "123456"),
		sent("Y11", "arrays of other lengths in one record: refused", three, "JSON", ab, []string{"failed", "@1", `"a"`, "2 values", "1 in the first record", "one length"}, `{"a":[1],"b":[2,3],"y":1}`, `{"a":[1,2],"b":[3],"y":1}`),
		sent("Y12", "by path, too", three, "JSON", message{"inputs": []string{"p.a", "b"}, "label": "y"}, []string{"failed", "@1", "p.a", "2 values", "1 in the first record"}, `{"p":{"a":[1]},"b":[2,3],"y":1}`, `{"p":{"a":[1,2]},"b":3,"y":1}`),
		sent("Y14", "2x3 for 3x2, by path", grid, "JSON", message{"inputs": "p.x", "label": "y"}, []string{"failed", "@0", "p.x", "2x3", "3x2", "transpose"}, `{"p":{"x":[[1,2,3],[4,5,6]]},"y":1}`),
		sent("Y15", "2x3 for 3x2 of AVRO", grid, "AVRO", rows, []string{"failed", "@1", "x", "2x3", "3x2", "transpose"}, "\x06\x04\x02\x04\x00\x04\x06\x08\x00\x04\x0a\x0c\x00\x00", "\x04\x06\x02\x04\x06\x00\x06\x08\x0a\x0c\x00\x00"),
		sent("Y16", "-1 for poisson: refused by record", counts, "JSON", ab, []string{"failed", "@1", "label -1", "poisson", "0 and more"}, `{"a":1,"b":2,"y":1}`, `{"a":1,"b":2,"y":-1}`),
		sent("Y17", "numbers for one-hot labels", classes, "JSON", ab, []string{"failed", "@0", "label 2", "categorical_crossentropy", "sparse_categorical_crossentropy"}, `{"a":1,"b":2,"y":[0,2,0]}`),
		{id: "Y18", right: "linear by a crossentropy: a warning at the line", want: []string{"4", "linear", "softmax", "from_logits=True"}, try: func(a *attempt) string {
			m, err := a.model("", "import keras\n\nmodel = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])\nmodel.compile('adam', 'sparse_categorical_crossentropy')\n")
			a.must(err)
			return fmt.Sprint(m.Warnings)
		}},
		sent("Y19", "a null label: refused by record", counts, "JSON", ab, []string{"failed", "@1", "label NaN", "null", "on_bad"}, `{"a":1,"b":2,"y":1}`, `{"a":1,"b":2,"y":null}`),
		sent("Y20", "and skipped", counts, "JSON", message{"data_fields": []string{"a", "b"}, "label_field": "y", "on_bad": "skip"}, []string{"finished, 1 records"}, `{"a":1,"b":2,"y":1}`, `{"a":1,"b":2,"y":null}`),
		sent("Y21", "a weight for each record: refused", points, "JSON", message{"data_fields": []string{"a", "b"}, "label_field": "y", "sample_weight": "w"}, []string{"failed", "sample_weight", "class_weight"}, `{"a":1,"b":2,"y":1,"w":2}`),
		sent("Y22", "a label that is missing, beside a key", points, "JSON", ab, []string{"failed", "@1", `no "y"`, "on_bad"}, `{"a":1,"b":2,"y":1}`, `{"a":1,"b":2}`),
		sent("Y13", "an array for a number", points, "JSON", ab, []string{"failed", "@1", "as many fields as elements"}, `{"a":1,"b":2,"y":1}`, `{"a":[1,2],"b":[],"y":1}`),
	}
}
