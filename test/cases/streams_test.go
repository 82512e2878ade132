package cases

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// streamRows are records as people have them, topics as they are in real
// clusters, and messages of the control topic.
func streamRows() []row {
	return slicesOf(topicRows(), recordRows(), givenRows(), deliveryRows(), messageRows(), madeAnewRows(), waitingRows(), sourceRows(), lifeRows())
}

// dense is a small classifier of n numbers; the points of the streams are two.
func dense(n, classes int, loss string) string {
	activation := "softmax"
	if classes == 1 {
		activation = "linear"
	}
	return fmt.Sprintf("import keras\nmodel = keras.Sequential([keras.Input((%d,)), keras.layers.Dense(%d, activation='%s')])\nmodel.compile('sgd', '%s')\n",
		n, classes, activation, loss)
}

const (
	sparse  = "sparse_categorical_crossentropy"
	oneHots = "categorical_crossentropy"
)

// points is the model of most streams: two numbers, a class of ten.
var points = dense(2, 10, sparse)

// point is the n-th record of most streams, as RAW.
func point(n int) record {
	return record{key: []byte{byte(n % 10)}, value: floats(float64(n)/10, 1-float64(n)/10)}
}

func somePoints(from, n int) (all []record) {
	for i := range n {
		all = append(all, point(from+i))
	}
	return all
}

// pointConfig is how they are to be read.
var pointConfig = message{"data_type": "float32", "data_reshape": "2", "label_type": "uint8", "label_reshape": ""}

// pointMessage announces ranges of points.
func pointMessage(ranges string, total int) message {
	return message{"topic": ranges, "input_format": "RAW", "input_config": pointConfig, "validation_rate": 0, "test_rate": 0, "total_msg": total}
}

// deployed is a new deployment of a source.
func (a *attempt) deployed(source string) int64 {
	m, err := a.model("", source)
	a.must(err)
	d, err := a.deployment(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf("epochs=1"), Engine: "graph"})
	a.must(err)
	return d.ID
}

// trains announces a message to a new deployment of points, and says what came
// of it.
func (a *attempt) trains(m message) string {
	d := a.deployed(points)
	a.announce(d, m)
	_, said := a.result(d)
	return said
}

// generatedStream reads records and their control message as a generator made
// them.
func (a *attempt) generatedStream(name string) (records []record, control string) {
	dir, err := generated()
	a.must(err)
	if !strings.Contains(name, "/") {
		name = "*/" + name
	}
	found, err := filepath.Glob(filepath.Join(dir, "b", name+".jsonl"))
	a.must(err)
	if len(found) != 1 {
		a.must(fmt.Errorf("%d streams are called %s", len(found), name))
	}
	text, err := os.ReadFile(found[0])
	a.must(err)
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r struct{ Key, Value []byte }
		a.must(json.Unmarshal(lines.Bytes(), &r))
		records = append(records, record{key: r.Key, value: r.Value})
	}
	b, err := os.ReadFile(strings.TrimSuffix(found[0], ".jsonl") + ".control.json")
	a.must(err)
	return records, string(b)
}

// stream sends what a generator made to a new deployment of a source.
func (a *attempt) stream(name, source string) (pipeline.Result, string) {
	records, control := a.generatedStream(name)
	topic := a.makeTopic(1)
	a.produce(topic, 0, records)
	d := a.deployed(source)
	n := fmt.Sprint(len(records))
	control = strings.NewReplacer("{TOPIC}", topic, "{OFFSET}", "0", "{END}", n, "{N}", n).Replace(control)
	a.announceBytes(fmt.Appendf(nil, "%02d", d), []byte(control))
	return a.result(d)
}

// generatedRow is a row of a generator's stream.
func generatedRow(id, right, name, source string, want ...string) row {
	return row{id: id, right: right, want: want, try: func(a *attempt) string {
		_, said := a.stream(name, source)
		return said
	}}
}

// recordRows are records of all formats.
func recordRows() []row {
	all := []row{
		generatedRow("B1 key and value", "registry framing named", "b1-confluent-framing", points, "failed", "@0", "registry"),
		generatedRow("B1 value", "registry framing named", "b1-confluent-framing-value-only", points, "failed", "@0", "registry"),
		framed("B1 ints", `{"name":"a","type":"int"},{"name":"b","type":"int"}`, []byte{2, 4}),
		framed("B1 array", `{"name":"x","type":{"type":"array","items":"double"}}`, append(append([]byte{4}, make([]byte, 16)...), 0)),
		{id: "B1 JSON", right: "read behind the framing of a registry", want: []string{"finished", "20 records"}, try: func(a *attempt) string {
			return a.altered("b0-plain", "JSON", func(r *record) { r.value = append([]byte{0, 0, 0, 0, 12}, r.value...) })
		}},
		generatedRow("B2", "C3 01 named", "b2-single-object", points, "failed", "@0", "single-object"),
		generatedRow("B3", "the container named", "b3-container-in-value", points, "failed", "container", "@0"),
		generatedRow("B4", "NaN: failed, a and b are missing", "b4-nullable", points, "failed", "NaN", "a", "b"),
		generatedRow("B5 logical types", "refused by field", "b5-logical-types", points, "failed|rejected", "price"),
		generatedRow("B5 times of 13 digits", "trains, and float32 is warned of", "b5-logical-times-only", dense(3, 10, sparse), "finished", "multiples of", "float32"),
		generatedRow("B6", "the bytes are text", "b6-csv-lines", dense(2, 1, "mse"), "failed", "@0", "text"),
		generatedRow("B7 nested", "refused by field", "b7-nested-and-text", points, "failed|rejected", "engine|tags|raw|failure_occurred"),
		generatedRow("B7 enum and array", "6 numbers", "b7-enum-and-array", dense(6, 10, sparse), "finished", "20 records"),
		generatedRow("B8 web page", "refused shortly", "b8-schema-is-a-web-page", points, "rejected|failed", "schema", "!xxxxxxxx"),
		generatedRow("B8 quotes", "taken", "b8-schema-python-quotes", points, "finished"),
		generatedRow("B8 defaults", "taken", "b8-schema-defaults-off", points, "finished"),
		generatedRow("B8 enum default", "taken", "b8-schema-enum-default-off", dense(3, 10, sparse), "finished"),
		generatedRow("B9 blocks", "2 numbers", "b9-array-sized-blocks", points, "finished"),
		generatedRow("B9 newer schema", "refused", "b9-newer-writer-schema", points, "failed", "@0", "1 byte"),
		generatedRow("B10", "offset 6, NaN is no JSON", "b10-nan", points, "failed", "@6", "NaN"),
		generatedRow("B11 text", "text", "b11-numbers-as-text", points, "failed", "@0", "text"),
		generatedRow("B11 truth", "text, offset 6", "b11-truth-as-text", points, "failed", "@6", "text"),
		generatedRow("B11 null", "NaN: failed, t is missing in 1", "b11-null", points, "failed", "NaN", "t"),
		generatedRow("B11 missing", "the member, offset 6", "b11-missing", points, "failed", "@6", "h"),
		generatedRow("B11 null label", "the label, offset 6", "b11-null-label", points, "failed", "@6", "y"),
		generatedRow("B12", "taken, or the first level only", "b12-nested", points, "finished|level|within|nested"),
		generatedRow("B13 iso", "text", "b13-iso-time", points, "failed", "text"),
		generatedRow("B13 epoch", "trains, and float32 is warned of", "b13-epoch-ms", points, "finished", "multiples of", "float32"),
		generatedRow("B14 matrix", "row-major", "b14-matrix", dense(4, 10, sparse), "finished"),
		generatedRow("B14 ragged", "1 of 4 is missing", "b14-ragged", dense(4, 10, sparse), "failed", "@9"),
		generatedRow("B14 one-hot", "taken", "b14-one-hot-label", dense(2, 2, oneHots), "finished"),
		generatedRow("B14 one-hot, sparse loss", "one-hot: the categorical loss", "b14-one-hot-label", dense(2, 2, sparse), "failed|rejected", "one-hot"),
		generatedRow("B15", "taken, or refused with a hint", "b15-telegraf", points, "finished|failed|rejected", "fields"),
		generatedRow("B15 batch", "refused with a hint", "b15-telegraf-batch", points, "failed", "metrics"),
		generatedRow("B15 text", "no labels", "b15-telegraf-str", points, "rejected", "label|inference"),
		generatedRow("B16 bom", "taken, or named", "b16-bom", points, "finished|byte order mark"),
		generatedRow("B16 utf16", "UTF-16", "b16-utf16", points, "failed", "UTF-16"),
		generatedRow("B16 quotes", "single quotes", "b16-single-quotes", points, "failed", "quotes"),
		generatedRow("B16 two objects", "two", "b16-two-objects", points, "failed", "two|more than one|after"),
		generatedRow("B16 twice", "encoded twice", "b16-encoded-twice", points, "failed", "text|twice"),
		generatedRow("B16 duplicate", "twice", "b16-duplicate", points, "failed", "twice"),
		generatedRow("B16 array", "not an object", "b16-top-level-array", points, "failed", "object"),
		generatedRow("B16 names", "taken", "b16-unicode-names", points, "finished"),
		generatedRow("B17", "envelope of change data", "b17-debezium", points, "failed", "@0", "Debezium|envelope|after"),
		generatedRow("B18", "out of range", "b18-edges", points, "failed", "@0", "1e400"),
		{id: "B18 others", right: "taken", want: []string{"finished", "8 records"}, try: func(a *attempt) string {
			return a.altered("b18-edges", "JSON", func(r *record) { r.value = bytes.Replace(r.value, []byte("1e400"), []byte("1e-300"), 1) })
		}},
		generatedRow("B19 label", "label 16777216", "b19-big-endian-label", points, "failed", "@1", "16777216"),
		generatedRow("B19 named", "types listed", "b19-big-endian-named", points, "rejected|failed", "float32"),
		generatedRow("B20 double", "16 bytes, 8 are wanted", "b20-double-sent", points, "failed", "@0", "16 bytes"),
		generatedRow("B20 int64 label", "8 bytes, 4 are wanted", "b20-int64-label-sent", points, "failed", "@0", "8 bytes"),
		generatedRow("B20 short", "offset 13", "b20-one-short-record", points, "failed", "@13", "7 bytes"),
		generatedRow("B21 digit", "48 is the text 0", "b21-digit-as-text", points, "failed", "@0", "48", "text|digit"),
		generatedRow("B21 float", "taken", "b21-float-label", points, "finished"),
		generatedRow("B21 fraction", "refused", "b21-fraction-for-a-class", points, "failed", "@0", "0.5", "!junk"),
		generatedRow("B22 (2,)", "taken, or the form", "b22-reshape-forms", points, "finished|28 28|blanks|separated"),
		generatedRow("B22 null", "one number: does not fill two", "b22-reshape-none", points, "finished|failed", "finished|does not fill"),
		generatedRow("B23", "PNG", "b23-png-bytes", "import keras\nmodel = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10)])\nmodel.compile('sgd', 'sparse_categorical_crossentropy')\n", "failed", "@0", "PNG"),
	}
	for _, name := range []string{"int", "eagertensor", "str_", "float_", "f4", "empty"} {
		all = append(all, generatedRow("B22 "+name, "refused with the list", "b22-type-"+name, points, "rejected|failed", "float32"))
	}
	for _, name := range []string{"bool_", "float"} {
		all = append(all, generatedRow("B22 "+name, "taken, or bytes told", "b22-type-"+name, points, "finished|8 bytes|rejected"))
	}
	return append(all, numberRows()...)
}

// altered sends a JSON stream of the generators with its records changed.
func (a *attempt) altered(name, format string, change func(*record)) string {
	dir, err := generated()
	a.must(err)
	text, err := os.ReadFile(filepath.Join(dir, "b", strings.ToLower(format), name+".jsonl"))
	a.must(err)
	var records []record
	for line := range strings.Lines(string(text)) {
		var r struct{ Key, Value []byte }
		a.must(json.Unmarshal([]byte(line), &r))
		one := record{key: r.Key, value: r.Value}
		change(&one)
		records = append(records, one)
	}
	m, err := a.model("", points)
	a.must(err)
	_, said := a.send(m, pipeline.DeploymentForm{}, records, format, message{"data_fields": []string{"t", "h"}, "label_field": "y"})
	return said
}

// framed is a stream of Avro bodies behind the framing of a schema registry.
func framed(id, fields string, body []byte) row {
	return row{id: id, right: "registry framing named", want: []string{"failed", "@0", "registry"}, try: func(a *attempt) string {
		m, err := a.model("", points)
		a.must(err)
		var records []record
		for range 20 {
			records = append(records, record{key: []byte{2}, value: append([]byte{0, 0, 0, 0, 11}, body...)})
		}
		_, said := a.send(m, pipeline.DeploymentForm{}, records, "AVRO", message{
			"data_scheme":  `{"type":"record","name":"Sample","fields":[` + fields + `]}`,
			"label_scheme": `{"type":"record","name":"Label","fields":[{"name":"y","type":"int"}]}`,
		})
		return said
	}}
}

// numberRows are whole numbers that no float64 holds: the loss of y = x shows
// whether they came as they were sent.
func numberRows() (all []row) {
	const source = "import keras\ni = keras.Input((1,), dtype='int64')\n" +
		"x = keras.layers.Lambda(lambda t: keras.ops.cast(t - %d, 'float32'), output_shape=(1,))(i)\n" +
		"model = keras.Model(i, keras.layers.Dense(1, use_bias=False, kernel_initializer='ones')(x))\nmodel.compile(keras.optimizers.SGD(0.0), 'mse')\n"
	for _, n := range []int64{9007199254740993, 1234567890123456789, 1<<63 - 1} {
		for format, config := range map[string]message{
			"JSON": {"data_fields": []string{"x"}, "label_field": "y"},
			"RAW":  {"data_type": "int64", "data_reshape": "1", "label_type": "float32", "label_reshape": ""},
			"AVRO": {"data_scheme": `{"type":"record","name":"S","fields":[{"name":"x","type":"long"}]}`, "label_scheme": `{"type":"record","name":"L","fields":[{"name":"y","type":"float"}]}`},
		} {
			all = append(all, row{id: fmt.Sprintf("B18 %s %d", format, n), right: "exact: loss 1", want: []string{"loss 1 "}, try: func(a *attempt) string {
				m, err := a.model("", fmt.Sprintf(source, n-1)) // 1 for n, and a label of 0
				a.must(err)
				r := record{key: floats(0), value: whole(format, n)}
				_, said := a.send(m, pipeline.DeploymentForm{Engine: "graph"}, []record{r, r, r, r}, format, config)
				return said
			}})
		}
	}
	return all
}
