package cases

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// strangerRows are inputs of the same kinds by people whom nobody has met yet:
// other idioms, dialects, unions, nestings, headers and codecs.
func strangerRows() []row {
	return slicesOf(idiomRows(), encodedRows(), dialectRows(), unionRows(), nestingRows(), headerRows(), announcedRows())
}

// idiomRows are lines that people write before, between and after a model.
func idiomRows() []row {
	const (
		head = "import numpy as np\nimport tensorflow as tf\nfrom tensorflow import keras\nfrom tensorflow.keras import layers\nfrom tensorflow.keras import backend as K\n"
		tail = "model = keras.Sequential([keras.Input((4,)), layers.Dense(2, activation='softmax')])\nmodel.compile('adam', 'sparse_categorical_crossentropy')\n"
	)
	of := func(before, after string) string { return head + before + tail + after }
	return []row{
		pasted("N2", "accepted", of("x = layers.LeakyReLU(alpha=0.1)\n", ""), "accepted"),
		pasted("N3", "the stream is the data", of("", "model.fit_generator(train_generator, steps_per_epoch=10)\n"), "refused", "line 8", "stream"),
		pasted("N4", "the stream is the data", of("", "print(model.evaluate(x_test, y_test))\n"), "refused", "line 8", "stream"),
		pasted("N5", "accepted", of("early = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)\nK.clear_session()\nnp.random.seed(1)\n", "assert model.output_shape == (None, 2)\n"), "accepted"),
		pasted("N6", "the function to use", head+"i = keras.Input((4, 3))\nmodel = keras.Model(i, layers.Dense(1)(layers.Lambda(lambda v: K.mean(v, axis=1))(i)))\nmodel.compile('adam', 'mse')\n", "accepted|keras.ops.mean"),
		pasted("N7", "build the model here", head+"model = keras.models.load_model('best.h5')\n", "refused", "line 6", "build the model here"),
		pasted("N8", "accepted, without it", of("tf.compat.v1.disable_eager_execution()\n", ""), "accepted", "warning line 6", "left out"),
		pasted("N9", "the line to write", of("tf.keras.mixed_precision.experimental.set_policy('mixed_float16')\n", ""), "refused", "line 6", "mixed_precision.set_global_policy"),
		pasted("N10", "accepted", of("gpu = tf.test.is_gpu_available()\nprint(tf.config.list_physical_devices())\n", ""), "accepted"),
		pasted("N11", "the stream is the data", of("from tensorflow.keras.utils import to_categorical\ny = to_categorical(y_train, 2)\n", ""), "refused", "line 7", "stream"),
		pasted("N12", "accepted", "from __future__ import annotations\n"+of("from dataclasses import dataclass\n\n\n@dataclass\nclass Size:\n    units: int = 2\n\n\n", ""), "accepted"),
		pasted("N13", "learning_rate; decay alone is warned of", head+strings.ReplaceAll(tail, "'adam'", "keras.optimizers.Adam(lr=1e-3, decay=1e-5)"), "refused", "line 7", "learning_rate"),
		pasted("N14", "the stream is the data", of("from sklearn.model_selection import train_test_split\n", ""), "refused", "line 6", "sklearn"),
		pasted("N15", "accepted", head+"def block(x, n):\n    x = layers.SeparableConv2D(n, 3, padding='same')(x)\n    return layers.PReLU(shared_axes=[1, 2])(layers.GroupNormalization(2)(x))\n\n\ni = keras.Input((8, 8, 2))\na = block(i, 4)\nb = block(layers.MaxPooling2D()(a), 4)\nc = layers.Concatenate()([layers.Conv2DTranspose(4, 2, strides=2)(b), a])\nmodel = keras.Model(i, layers.Conv2D(1, 1, activation='sigmoid')(c))\nmodel.compile(keras.optimizers.Nadam(clipnorm=1.0), 'binary_crossentropy', metrics=[keras.metrics.BinaryIoU()])\n", "accepted"),
		pasted("N16", "accepted", head+"i = keras.Input((6, 8, 8, 1))\nx = layers.ConvLSTM2D(2, 3, padding='same')(i)\nmodel = keras.Model(i, layers.Dense(1)(layers.GlobalAveragePooling2D()(x)))\nmodel.compile(keras.optimizers.Lion(keras.optimizers.schedules.CosineDecay(1e-3, 100)), keras.losses.LogCosh(), metrics=['mape', keras.metrics.R2Score()])\n", "accepted"),
		pasted("N17", "the regularizer to write", head+"model = keras.Sequential([keras.Input((5, 3)), layers.Masking(-1.0), layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)]), layers.AlphaDropout(0.1), layers.Dense(1, activation='tanh', kernel_regularizer='l1_l2', kernel_constraint=keras.constraints.MaxNorm(2))])\nmodel.compile(keras.optimizers.Ftrl(0.1), 'hinge', metrics=['acc'])\n", "refused", "line 6", "keras.regularizers.L1L2"),
		pasted("N17 mended", "accepted", head+"model = keras.Sequential([keras.Input((5, 3)), layers.Masking(-1.0), layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)]), layers.AlphaDropout(0.1), layers.Dense(1, activation='tanh', kernel_regularizer='l2', kernel_constraint=keras.constraints.MaxNorm(2))])\nmodel.compile(keras.optimizers.Ftrl(0.1), 'hinge', metrics=['acc'])\n", "accepted"),
		pasted("N18", "a plain word for each", of("@tf.function(input_signature=[tf.TensorSpec([None, 4])])\ndef serve(x):\n    return model(x)\n\n\n", "tf.saved_model.save(model, 'out', signatures=serve)\n"), "accepted|line 11|line 13"),
		pasted("N19", "the parent's call", head+"class Net(keras.Model):\n    def __init__(self):\n        self.d = layers.Dense(1)\n\n    def call(self, x):\n        return self.d(x)\n\n\nmodel = Net()\nmodel.build((None, 4))\nmodel.compile('adam', 'mse')\n", "refused", "super().__init__()"),
		pasted("N20", "tf.Session is TensorFlow 1", of("sess = tf.Session()\n", ""), "refused", "line 6", "TensorFlow 2"),
	}
}

// encodedRows are sources as editors of other systems keep them.
func encodedRows() (all []row) {
	const text = "import keras\nmodel = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])\nmodel.compile('adam', 'mse')\n"
	utf16 := func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, r := range s {
			b = append(b, byte(r), 0) // ASCII
		}
		return string(b)
	}
	for _, e := range []struct {
		id, right, text string
		want            []string
	}{
		{"D25 CRLF", "accepted", strings.ReplaceAll(text, "\n", "\r\n"), []string{"accepted"}},
		{"D25 CR", "accepted", strings.ReplaceAll(text, "\n", "\r"), []string{"accepted"}},
		{"D25 BOM", "accepted", "\ufeff" + text, []string{"accepted"}},
		{"D25 no-break blank", "the line", strings.Replace(text, "model =", "model\u00a0=", 1), []string{"refused", "line 2", "U+00A0"}},
		{"D25 zero-width blank", "the line", strings.Replace(text, "model =", "model\u200b =", 1), []string{"refused", "line 2", "U+200B"}},
		{"D25 dash", "the line", strings.Replace(text, "Dense(1)", "Dense(1) – 0", 1), []string{"refused", "line 2", "U+2013"}},
	} {
		all = append(all, pasted(e.id, e.right, e.text, e.want...))
	}
	return append(all, row{id: "D25 UTF-16", right: "is not UTF-8 text", want: []string{"code 4", "UTF-8|UTF-16"}, try: func(a *attempt) string {
		path := filepath.Join(a.dir, a.topic+".py")
		a.must(os.WriteFile(path, []byte(utf16(text)), 0o600))
		said, code := a.types("models", "create", "--name", a.topic, "-f", path)
		return fmt.Sprintf("code %d: %s", code, said)
	}})
}

// dialectRows are CSV files of programs that we have not tried.
func dialectRows() []row {
	return []row{
		written("F31", "read, or the comma is named", "a.csv", "\"a\";\"b\";\"y\"\n\"1,5\";\"2,25\";\"0\"\n\"3,5\";\"4\";\"1\"\n", "--label y", "2 in the log|comma"),
		written("F32", "blanks around cells", "a.csv", "a, b, y\n 1, 2, 0\n 3, 4, 1\n", "--label y", "2 in the log"),
		written("F33", "a comma in a name", "a.csv", "\"a, mm\",y\n1,0\n2,1\n", "--label y", "2 in the log", "a, mm"),
		written("F34", "$12.50 is named", "a.csv", "a,y\n$12.50,0\n$3,1\n", "--label y", "0 in the log", "$12.50", "line 2"),
		written("F35", "a line end in a cell that is dropped", "a.csv", "note,a,y\n\"first\nsecond\",1,0\nthird,2,1\n", "--label y --drop note", "2 in the log"),
		written("F36", "backslashes before quotes: the line", "a.csv", "note,a,y\n\"say \\\"hi\\\"\",1,0\nno,2,1\n", "--label y --drop note", "2 in the log|line 2"),
		written("F37", "a last line of sums is named", "a.csv", "a,b,y\n1,2,0\n3,4,1\nTotal,6,1\n", "--label y", "0 in the log", "Total", "line 4"),
		written("F38", "numbers in single quotes are named", "a.csv", "a,b,y\n'1','2',0\n'3','4',1\n", "--label y", "0 in the log", "'1'", "line 2"),
		written("F39", "a label of text with one that is missing", "a.csv", "a,y\n1,yes\n2,\n3,no\n", "--label y", "0 in the log", "line 3"),
		written("F40", "A and a are two columns", "a.csv", "A,a,y\n1,2,0\n3,4,1\n", "--label y", "2 in the log"),
		written("F41", "an en dash for minus is named", "a.csv", "a,y\n−1.5,0\n2,1\n", "--label y", "0 in the log", "−1.5", "line 2"),
		written("F42", "numbers of other scripts are named", "a.csv", "a,y\n１２,0\n2,1\n", "--label y", "0 in the log", "１２"),
		written("F43", "a title above the header", "a.csv", "Report of May\na,b,y\n1,2,0\n3,4,1\n", "--label y", "0 in the log", "line 2|line 1|Report of May"),
		written("F44", "a JSON line with numbers as text", "a.jsonl", "{\"a\":\"1,5\",\"y\":0}\n{\"a\":\"2\",\"y\":1}\n", "--label y", "0 in the log", "1,5"),
		written("F45", "a JSON line with a list of another length", "a.jsonl", "{\"a\":[1,2],\"y\":0}\n{\"a\":[1,2,3],\"y\":1}\n", "--label y", "0 in the log", "2", "3"),
	}
}

// avroSent sends records of an Avro schema's fields; the label is 1.
func avroSent(id, right, fields string, values [][]byte, want ...string) row {
	return row{id: id, right: right, want: want, try: func(a *attempt) string {
		m, err := a.model("", points)
		a.must(err)
		var records []record
		for _, v := range values {
			records = append(records, record{key: []byte{2}, value: v})
		}
		_, said := a.send(m, pipeline.DeploymentForm{}, records, "AVRO", message{
			"data_scheme":  `{"type":"record","name":"Sample","fields":[` + fields + `]}`,
			"label_scheme": `{"type":"record","name":"Label","fields":[{"name":"y","type":"int"}]}`,
		})
		return said
	}}
}

// unionRows are Avro schemas as generators of other languages write them.
func unionRows() []row {
	double := func(v float64) []byte { return appendValue(nil, "float64", v) }
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	null, first, second := []byte{0}, []byte{2}, []byte{4}
	return []row{
		avroSent("V1", "trains", `{"name":"a","type":["null","double"],"default":null},{"name":"b","type":["null","double"],"default":null}`,
			[][]byte{join(first, double(1), first, double(2)), join(first, double(3), first, double(4))}, "finished", "2 records"),
		avroSent("V2", "one of several numbers", `{"name":"a","type":["null","double","int"]},{"name":"b","type":["int","double"]}`,
			[][]byte{join(first, double(1), null, []byte{8}), join(second, []byte{6}, first, double(4))}, "finished", "2 records"),
		avroSent("V3", "an array that may be missing", `{"name":"x","type":["null",{"type":"array","items":"double"}]}`,
			[][]byte{join(first, []byte{4}, double(1), double(2), null)}, "finished|failed", "finished|x"),
		avroSent("V4", "refused by the field", `{"name":"a","type":["int","string"]},{"name":"b","type":"int"}`,
			[][]byte{join(first, []byte{2, 'x'}, []byte{2})}, "failed|rejected", "a", "string|text"),
		avroSent("V5", "refused by the field", `{"name":"a","type":{"type":"map","values":"double"}},{"name":"b","type":"double"}`,
			[][]byte{join(null, double(2))}, "failed|rejected", "a", "map"),
		avroSent("V6", "refused by the field", `{"name":"a","type":{"type":"fixed","name":"F","size":4}},{"name":"b","type":"double"}`,
			[][]byte{join([]byte{1, 2, 3, 4}, double(2))}, "failed|rejected", "a", "fixed|bytes"),
		avroSent("V7", "an enum that is named twice", `{"name":"a","type":{"type":"enum","name":"E","namespace":"org.x","symbols":["LOW","HIGH"]}},{"name":"b","type":"org.x.E"}`,
			[][]byte{{0, 2}, {2, 2}}, "finished", "2 records"),
		avroSent("V8", "an index of no branch", `{"name":"a","type":["null","double"]},{"name":"b","type":["null","double"]}`,
			[][]byte{join([]byte{8}, double(1), first, double(2))}, "failed", "@0"),
		avroSent("V9", "doc, aliases and order play no part", `{"name":"a","type":"double","doc":"length","aliases":["len"],"order":"ignore"},{"name":"b","type":"float"}`,
			[][]byte{join(double(1), floats(2))}, "finished"),
	}
}

// nestingRows are JSON records of other programs.
func nestingRows() []row {
	sent := func(id, right, value string, fields []string, want ...string) row {
		return row{id: id, right: right, want: want, try: func(a *attempt) string {
			m, err := a.model("", points)
			a.must(err)
			_, said := a.send(m, pipeline.DeploymentForm{}, []record{{value: []byte(value)}, {value: []byte(value)}}, "JSON", message{"data_fields": fields, "label_field": "y"})
			return said
		}}
	}
	th := []string{"t", "h"}
	return []row{
		sent("J1", "the first level only", `{"sensor":{"t":1,"h":2},"y":1}`, []string{"sensor.t", "sensor.h"}, "failed", "@0", "level|within|nested"),
		sent("J2", "nested lists are flattened", `{"x":[[1],[2]],"y":1}`, []string{"x"}, "finished"),
		sent("J3", "a list of objects", `{"x":[{"t":1},{"t":2}],"y":1}`, []string{"x"}, "failed", "@0", "x", "object"),
		sent("J4", "escaped names", `{"\u0074":1,"\u0068":2,"y":1}`, th, "finished"),
		sent("J5", "a line end behind", "{\"t\":1,\"h\":2,\"y\":1}\r\n", th, "finished"),
		sent("J6", "no number of JSON", `{"t":01,"h":2,"y":1}`, th, "failed", "@0", "t", "number|01"),
		sent("J7", "no number of JSON", `{"t":.5,"h":2,"y":1}`, th, "failed", "@0", "number|JSON"),
		sent("J8", "comments are no JSON", "{\"t\":1, // degrees\n\"h\":2,\"y\":1}", th, "failed", "@0", "comment"),
		sent("J9", "a trailing comma", `{"t":1,"h":2,"y":1,}`, th, "failed", "@0", "comma"),
		sent("J10", "a label that is text", `{"t":1,"h":2,"y":"1"}`, th, "failed", "@0", "label", "text"),
		sent("J11", "a decimal comma", `{"t":"1,5","h":2,"y":1}`, th, "failed", "@0", "t", "text"),
		sent("J12", "one-hot in an object", `{"t":1,"h":2,"y":{"cat":1}}`, th, "failed", "@0", "y", "object"),
		sent("J13", "a zero byte behind", "{\"t\":1,\"h\":2,\"y\":1}\x00", th, "failed", "@0", "after|behind|zero"),
		sent("J14", "Python's None", `{"t":None,"h":2,"y":1}`, th, "failed", "@0", "None"),
		sent("J15", "Python's True", `{"t":1,"h":2,"y":True}`, th, "failed", "@0", "True"),
	}
}

// headerRows are headers of other programs, in both deliveries.
func headerRows() (all []row) {
	for _, delivery := range []pipeline.Delivery{pipeline.Direct, pipeline.Source} {
		all = append(all, row{id: "H1 " + string(delivery), right: "all are carried", want: []string{
			"1 predictions, 0 dead", "traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "kafkaml-error=mine", "h59=59", " =unnamed", "X-Case=A b",
		}, try: func(a *attempt) string {
			i := a.serve(a.trained(), delivery)
			r := kafkaRecord(i.InputTopic, point(1))
			r.Headers = headersOf([]string{"traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "kafkaml-error=mine", "=unnamed", "X-Case=A b", "authorization=Bearer x", "content-length=1", "host=here"})
			for n := range 60 {
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: fmt.Sprint("h", n), Value: fmt.Append(nil, n)})
			}
			a.must(a.kafka.ProduceSync(a.ctx, r).FirstErr())
			said := a.predicted(i, 1)
			for _, o := range append(a.read(i.OutputTopic), a.read(i.DeadLetter)...) {
				for _, h := range o.Headers {
					said += fmt.Sprintf(" %s=%s", h.Key, h.Value)
				}
			}
			return said
		}})
	}
	return append(all, row{id: "H2 telegraf", right: "predicts the text in fields.value", want: []string{"2 predictions, 1 dead letters", "fields"}, try: func(a *attempt) string {
		r, said := a.stream("json/b0-plain", points)
		if r.Status != pipeline.ResultFinished {
			return said
		}
		i := a.serveAs(r, pipeline.Direct, a.makeTopic(1), pipeline.InferenceForm{InputFormat: "TELEGRAF_STR_JSON"})
		text := func(t string) record {
			return record{value: fmt.Appendf(nil, `{"fields":{"value":"{\"t\":%s,\"h\":2}"},"name":"mqtt","tags":{"host":"a"},"timestamp":1700000000}`, t)}
		}
		return a.predict(i, text("1"), text("2.5"), record{value: []byte(`{"t":1,"h":2}`)})
	}})
}

// announcedRows are control messages by other clients.
func announcedRows() (all []row) {
	codecs := map[string]kgo.CompressionCodec{"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for name, codec := range codecs {
		all = append(all, row{id: "B24 control " + name, right: "trains", want: []string{"finished"}, try: func(a *attempt) string {
			c, err := kgo.NewClient(kgo.SeedBrokers(a.brokers...), kgo.ProducerBatchCompression(codec))
			a.must(err)
			defer c.Close()
			topic, d := a.sent(4), a.deployed(points)
			a.must(c.ProduceSync(a.ctx, &kgo.Record{Topic: controlTopic, Key: fmt.Appendf(nil, "%02d", d), Value: jsonOf(a, pointMessage(topic+":0:0:4", 4))}).FirstErr())
			_, said := a.result(d)
			return said
		}})
	}
	keyed := func(id, right string, key []byte, change func(d int64, m message), want ...string) row {
		return row{id: id, right: right, want: want, try: func(a *attempt) string {
			topic, d := a.sent(4), a.deployed(points)
			m := pointMessage(topic+":0:0:4", 4)
			change(d, m)
			a.announceBytes(key, jsonOf(a, m))
			_, said := a.result(d)
			return said
		}}
	}
	id := func(of func(int64) any) func(int64, message) {
		return func(d int64, m message) { m["deployment_id"] = of(d) }
	}
	return append(
		all,
		keyed("D22 value", "no key, the id in the value", nil, id(func(d int64) any { return d }), "finished"),
		keyed("D22 value wins", "the id in the value wins", []byte(nobody), id(func(d int64) any { return d }), "finished"),
		keyed("D22 value as text", "taken", nil, id(func(d int64) any { return fmt.Sprint(d) }), "finished"),
		keyed("D22 float", "taken", nil, id(func(d int64) any { return float64(d) }), "finished"),
		keyed("X5 extra", "kept, and of no effect", nil, func(d int64, m message) {
			m["deployment_id"], m["extra"], m["description"] = d, message{"deep": []any{1, message{"x": nil}}}, strings.Repeat("ü", 4000)
		}, "finished"),
		keyed("X5 900 kB", "taken, or refused by member", nil, func(d int64, m message) {
			m["deployment_id"], m["notes"] = d, strings.Repeat("x", 900_000)
		}, "finished"),
		keyed("X5 config extra", "members of the config that nobody knows", nil, func(d int64, m message) {
			m["deployment_id"] = d
			m["input_config"] = message{"data_type": "float32", "data_reshape": "2", "label_type": "uint8", "label_reshape": "", "scaler": "minmax"}
		}, "finished"),
	)
}
