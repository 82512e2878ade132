package cases

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// clerk is a model of a number and a text: the number, and 10 for a nurse, 20 for
// 007, 1000 for others.
const clerk = `import keras
import numpy as np
from keras import layers

age = keras.Input((1,), name="age")
job = keras.Input((1,), dtype="string", name="job")
x = layers.Concatenate()([age, layers.StringLookup(vocabulary=["nurse", "007"], output_mode="one_hot")(job)])
kernel = np.array([[1], [1000], [10], [20]], "float32")
model = keras.Model([age, job], layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(kernel))(x))
model.compile(keras.optimizers.SGD(0.0), "mse")
`

// review is a model of one text: 1 for good, 0 for others.
const review = `import keras
import numpy as np
from keras import layers

text = keras.Input((1,), dtype="string", name="review")
x = layers.StringLookup(vocabulary=["good", "12.50"], output_mode="one_hot")(text)
kernel = np.array([[0], [1], [5]], "float32")
model = keras.Model(text, layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(kernel))(x))
model.compile(keras.optimizers.SGD(0.0), "mse")
`

// worded is a model of three numbers that gives chances and, without a loss, the
// likeliest class as a word.
const worded = `import keras
import numpy as np
from keras import layers

x = keras.Input((3,), name="x")
kernel = keras.initializers.Constant(5 * np.eye(3, dtype="float32"))
chances = layers.Dense(3, activation="softmax", kernel_initializer=kernel, name="chances")(x)
word = layers.StringLookup(vocabulary=["bad", "good é"], invert=True, name="word")(keras.ops.argmax(chances, axis=-1))
model = keras.Model(x, {"chances": chances, "word": word})
model.compile(keras.optimizers.SGD(0.0), {"chances": "sparse_categorical_crossentropy"})
`

const clerks = "age,job,pay\n41,nurse,51\n28,007,48\n"

// textRows are text into models and out of them.
func textRows() []row {
	const enum = `{"type":"enum","name":"E","symbols":["cook","nurse"]}`
	return []row{
		{
			id: "T1", right: "a CSV of numbers and text trains by AVRO, loss 0, and is shown as text", try: tableOfText(clerk, clerks, "pay", "AVRO", "\x0a\x06a\"b"),
			want: []string{"age, job (text)", `row 2 (line 3): age=28 job="007" -> pay=48`, "loss 0 ", `"sample":[[41],["nurse"]]`, `"sample":[[28],["007"]]`, "1 predictions, 0 dead letters", "[1005]"},
		},
		{
			id: "T2", right: "likewise by JSON", try: tableOfText(clerk, clerks, "pay", "JSON", `{"job":"007","age":5}`),
			want: []string{"loss 0 ", `"sample":[[28],["007"]]`, "[25]"},
		},
		{
			id: "T3", right: "a CSV of one text trains by RAW", try: tableOfText(review, "y,review\n1,good\n5,12.50\n0,\"caf\xc3\xa9 \"\"x\"\"\"\n", "y", "RAW", "good"),
			want: []string{"review (text)", "loss 0 ", `"sample":[["12.50"]]`, `"sample":[["café \"x\""]]`, "[1]"},
		},
		{id: "T4", right: "text where numbers are wanted is refused by its column", want: []string{"0 in the log", `column "age" holds text ("old") in row 1 (line 2), where numbers are wanted`, "!nurse"}, try: func(a *attempt) string {
			said, _ := a.table("age,job,pay\nold,nurse,51\n", fmt.Sprintf("--label pay --deployment %d", a.deployed(clerk)))
			return said
		}},
		{id: "T5", right: "the symbols of an enum are the text", want: []string{"loss 0 "}, try: func(a *attempt) string {
			m, err := a.model("", clerk)
			a.must(err)
			_, said := a.send(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf("epochs=1")}, []record{{key: floats(51), value: []byte("\x02\x52")}, {key: floats(1028), value: []byte("\x00\x38")}}, "AVRO", message{
				"data_scheme":  `{"type":"record","name":"r","fields":[{"name":"job","type":` + enum + `},{"name":"age","type":"int"}]}`,
				"label_scheme": `{"type":"record","name":"l","fields":[{"name":"y","type":"float"}]}`,
			})
			return said
		}},
		{id: "T6", right: "the word of each class on the topic, by REST and in the tail", want: []string{"finished", `"word":["good é"]`, `"word":["[UNK]"]`, `"datatype":"BYTES","shape":[1],"data":["bad"]`, `word ["good é"]`}, try: givesWords},
	}
}

// table sends a table of text to the row's topic.
func (a *attempt) table(text, args string) (said, topic string) {
	path := filepath.Join(a.dir, fmt.Sprintf("%s-%d.csv", a.topic, a.unique()))
	a.must(os.WriteFile(path, []byte(text), 0o600))
	return a.streams(path + " " + args)
}

// tableOfText trains a model on a table, and says how it is shown and what is
// predicted of a record.
func tableOfText(source, text, label, format, predicted string) func(a *attempt) string {
	return func(a *attempt) string {
		d := a.deployed(source)
		said, _ := a.table(text, fmt.Sprintf("--label %s --format %s --deployment %d", label, format, d))
		r, trained := a.result(d)
		if r.Status != pipeline.ResultFinished {
			return said + trained
		}
		said += trained + "; " + a.get(fmt.Sprintf("records/datasources/%d/records", r.Datasource))
		return said + "; " + a.predict(a.serve(r, pipeline.Direct), record{value: []byte(predicted)})
	}
}

// get is what a resource of the product answers.
func (a *attempt) get(path string) string {
	resp, err := http.Get(a.url + "/" + path) // #nosec G107 -- of the product
	a.must(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	a.must(err)
	return string(answer)
}

func givesWords(a *attempt) string {
	d := a.deployed(worded)
	said, _ := a.table("a,b,c,class\n1,0,0,0\n0,0,1,2\n0,1,0,1\n", fmt.Sprintf("--label class --format JSON --deployment %d", d))
	r, trained := a.result(d)
	if r.Status != pipeline.ResultFinished {
		return said + trained
	}
	i := a.serve(r, pipeline.Direct)
	said = trained + "; " + a.predict(i, record{value: []byte(`{"a":0,"b":0.1,"c":1}`)}, record{value: []byte(`{"a":1,"b":0,"c":0}`)})
	said += "; REST " + a.infer(i, tensor{"x", "FP32", []int{1, 3}, []float64{0, 1, 0}})
	tail, _ := a.types("stream", "tail", i.OutputTopic, "--from", "earliest", "--count", "2")
	return said + "; " + tail
}
