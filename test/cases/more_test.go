package cases

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// moreRows are further inputs of the same kinds, thought up by us.
func moreRows() []row {
	return slicesOf(moreFiles(), moreSources(), moreRecords(), moreMessages(), textRows(), adaptedRows(), strangerRows(), mappedRows(), windowRows(), leavingRows(), unsaidRows())
}

// written is a row that sends a file of a text; ~ in the arguments is a blank.
func written(id, right, name, text, args string, want ...string) row {
	return row{id: id, right: right, want: want, try: func(a *attempt) string {
		path := filepath.Join(a.dir, a.topic+"-"+name)
		a.must(os.WriteFile(path, []byte(text), 0o600))
		said, _ := a.streams(path + " " + args)
		return said
	}}
}

func moreFiles() []row {
	const body = "1,2,0\n3,4,1\n"
	return []row{
		written("F1", "names without blanks", "a.csv", "a , b , y\n"+body, "--label y", "2 in the log"),
		written("F2", "a row of units is named", "a.csv", "a,b,y\nmm,kg,class\n"+body, "--label y", "0 in the log", "line 2", "mm"),
		written("F3", "a header in the middle is named", "a.csv", "a,b,y\n"+body+"a,b,y\n"+body, "--label y", "0 in the log", "line 4"),
		written("F4", "UTF-16 of the other order", "a.csv", "\xfe\xff\x00a\x00,\x00y\x00\n\x001\x00,\x000\x00\n", "--label y", "UTF-16|1 in the log"),
		written("F5", "a name with a blank", "a.csv", "a,Target Class\n1,0\n2,1\n", "--label Target~Class", "2 in the log", "Target Class"),
		written("F6", "ja and nein are classes", "a.csv", "a,b,y\n1,2,ja\n3,4,nein\n", "--label y", "2 in the log", "ja", "nein"),
		written("F7", "TRUE and FALSE are numbers, or named", "a.csv", "a,b,y\nTRUE,2,0\nFALSE,4,1\n", "--label y", "2 in the log|TRUE"),
		written("F8", "1 234 is named", "a.csv", "a,b,y\n1 234,2,0\n3,4,1\n", "--label y", "0 in the log", "1 234", "line 2"),
		written("F9", "1'234 is named", "a.csv", "a,b,y\n1'234,2,0\n3,4,1\n", "--label y", "0 in the log", "1'234", "line 2"),
		written("F10", "(5) is named", "a.csv", "a,b,y\n(5),2,0\n3,4,1\n", "--label y", "0 in the log", "(5)", "line 2"),
		written("F11", "None stands for a missing number: the cell, and what to do", "a.csv", "a,b,y\n#N/A,2,0\nNULL,4,1\nNone,1,0\n<NA>,1,0\n\\N,1,1\n", "--label y", "0 in the log", "None", "line 4", "missing"),
		written("F12", "#DIV/0! is named, or missing", "a.csv", "a,b,y\n#DIV/0!,2,0\n3,4,1\n", "--label y", "#DIV/0!|missing"),
		written("F13", "labels 1 and 2 are sent", "a.csv", "a,b,y\n1,2,1\n3,4,2\n", "--label y", "2 in the log"),
		written("F14", "Unnamed: 0 is an index, or a column", "a.csv", "Unnamed: 0,a,y\n0,2,0\n1,4,1\n", "--label y", "2 in the log", "Unnamed: 0"),
		written("F15", "the column that there is not", "a.csv", "a,b,y\n"+body, "--label Y", "0 in the log", "a, b, y"),
		written("F16", "tabs in a .csv", "a.csv", "a\tb\ty\n1\t2\t0\n3\t4\t1\n", "--label y", "2 in the log"),
		written("F17", "zero bytes are named", "a.csv", "a,b,y\n1,\x00,0\n", "--label y", "0 in the log"),
		written("F18", "blank lines between", "a.jsonl", "{\"a\":1,\"y\":0}\n\n{\"a\":2,\"y\":1}\n", "--label y", "2 in the log"),
		written("F19", "objects over several lines", "a.json", "{\n \"a\":1,\n \"y\":0\n}\n{\n \"a\":2,\n \"y\":1\n}\n", "--label y", "2 in the log|line"),
		written("F20", "an array within an object, or said", "a.json", `{"data":[{"a":1,"y":0},{"a":2,"y":1}]}`, "--label y", "2 in the log|data"),
		written("F21", "true and false are labels", "a.jsonl", "{\"a\":1,\"y\":true}\n{\"a\":2,\"y\":false}\n", "--label y", "2 in the log"),
		written("F22", "pickles are named", "a.pkl", "\x80\x04\x95", "", "0 in the log", "npz|npy|csv"),
		written("F23", "HDF5 is named", "a.h5", "\x89HDF\r\n\x1a\n", "", "0 in the log", "npz|npy|csv"),
		written("F60", "a table that is named for an index", "idx.csv", ",a,b,y\n0,1,2,0\n1,3,4,1\n", "--label y --drop column1", "2 in the log"),
		sends("F24", "no such file", "/no/such.csv --label y", "0 in the log", "no such file"),
		written("F25", "zstd is named, or read", "a.csv.zst", "\x28\xb5\x2f\xfd", "--label y", "0 in the log", "zst"),
		written("F26", "dates with a zone are named", "a.csv", "at,a,y\n2024-01-01T00:00:00+01:00,1,0\n2024-01-01T00:00:01+01:00,1,1\n", "--label y", "0 in the log", "at", "--drop"),
		written("F27", "two labels", "a.csv", "a,b,u,v\n1,2,0.5,1\n3,4,1.5,0\n", "--label u,v", "2 in the log"),
		written("F28", "a column dropped that there is not", "a.csv", "a,b,y\n"+body, "--label y --drop c", "0 in the log", "\"c\""),
		written("F29", "all but the label dropped", "a.csv", "a,y\n1,0\n", "--label y --drop a", "0 in the log", "!code 0"),
		written("F30", "one cell of 1.7e8 is said", "a.csv", "a,y\n"+strings.Repeat("100,0\n200,1\n", 50)+"170000000,1\n", "--label y", "101 in the log"),
	}
}

// pasted is a row that registers a source of a text.
func pasted(id, right, text string, want ...string) row {
	return row{id: id, right: right, want: want, try: func(a *attempt) string { return a.registers(text) }}
}

func moreSources() []row {
	const head = "import tensorflow as tf\nfrom tensorflow import keras\nfrom tensorflow.keras import layers\n"
	const tail = "model = keras.Sequential([keras.Input((4,)), layers.Dense(2, activation='softmax')])\nmodel.compile('adam', 'sparse_categorical_crossentropy')\n"
	return []row{
		pasted("K1", "line 4: the stream is the data", head+"(x, y), _ = keras.datasets.mnist.load_data()\n"+tail, "refused", "line 4", "stream"),
		pasted("K2", "accepted", "import keras\nfrom keras import layers\n\ndef build():\n    i = keras.Input((20, 1))\n    x = layers.MultiHeadAttention(2, 8)(i, i)\n    x = layers.Conv1D(4, 1, activation='relu')(layers.LayerNormalization()(x))\n    x = layers.GlobalAveragePooling1D(data_format='channels_last')(x)\n    return keras.Model(i, layers.Dense(2, activation='softmax')(x))\n\nmodel = build()\nmodel.compile('adam', 'sparse_categorical_crossentropy', metrics=['sparse_categorical_accuracy'])\n", "accepted"),
		pasted("K3", "accepted: sequences of any length", "import keras\nfrom keras import layers\ninputs = keras.Input(shape=(None,), dtype='int32')\nx = layers.Embedding(1000, 8)(inputs)\nx = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)\nx = layers.Bidirectional(layers.LSTM(4))(x)\nmodel = keras.Model(inputs, layers.Dense(1, activation='sigmoid')(x))\nmodel.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])\n", "accepted"),
		pasted("K4", "accepted, or which variable it is in", "import keras\nif __name__ == '__main__':\n    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])\n    model.compile('adam', 'mse')\n", "accepted|__main__|model"),
		pasted("K5", "refused: tensorflow_addons is not here", head+"import tensorflow_addons as tfa\n"+tail, "refused", "line 4", "tensorflow_addons"),
		pasted("K6", "the line to write", head+"norm = layers.experimental.preprocessing.Rescaling(1/255)\n"+tail, "refused", "line 4", "keras.layers|layers.Rescaling"),
		pasted("K7", "accepted", head+"model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])\nmodel.compile('adam', keras.losses.MeanSquaredError(reduction=keras.losses.Reduction.SUM))\n", "accepted"),
		pasted("K8", "accepted with a warning, or the line to write", "from keras.models import Sequential\nfrom keras.layers import Dense, Activation\nmodel = Sequential()\nmodel.add(Dense(12, input_dim=8, kernel_initializer='uniform'))\nmodel.add(Activation('relu'))\nmodel.add(Dense(1, activation='sigmoid'))\nmodel.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])\n", "accepted", "inputs", "[8]"),
		pasted("K9", "the line to write", "from keras.models import Sequential\nfrom keras.layers import Dense\nmodel = Sequential()\nmodel.add(Dense(12, input_dim=8, init='uniform', activation='relu'))\nmodel.compile(loss='mse', optimizer='adam')\n", "refused", "line 4", "kernel_initializer"),
		pasted("K10", "batch size is the deployment's", head+"i = keras.Input(shape=(4,), batch_size=32)\nmodel = keras.Model(i, layers.Dense(1)(i))\nmodel.compile('adam', 'mse')\n", "refused", "batch_size"),
		pasted("K11", "accepted", head+"import os\nos.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\ntf.random.set_seed(1)\nfor g in tf.config.list_physical_devices('GPU'):\n    tf.config.experimental.set_memory_growth(g, True)\n"+tail, "accepted"),
		pasted("K12", "accepted, or leave plot_model out", head+tail+"keras.utils.plot_model(model, show_shapes=True)\n", "accepted|plot_model"),
		pasted("K13", "the line to write", "from tensorflow.keras.optimizers.legacy import Adam\n"+head+tail, "refused|accepted", "line 1|accepted", "optimizers|accepted"),
		pasted("K14", "accepted", "import keras\n@keras.saving.register_keras_serializable()\nclass Twice(keras.layers.Layer):\n    def call(self, x):\n        return 2 * x\nmodel = keras.Sequential([keras.Input((4,)), Twice(), keras.layers.Dense(1)])\nmodel.compile('adam', 'mse')\n", "accepted"),
		pasted("K15", "accepted", "import keras\nfrom keras import layers\nclass Sampling(layers.Layer):\n    def __init__(self, **kwargs):\n        super().__init__(**kwargs)\n        self.seeds = keras.random.SeedGenerator(1)\n    def call(self, x):\n        m, v = x\n        return m + keras.ops.exp(0.5 * v) * keras.random.normal(keras.ops.shape(m), seed=self.seeds)\ni = keras.Input((8,))\nmodel = keras.Model(i, layers.Dense(8)(Sampling()([layers.Dense(2)(i), layers.Dense(2)(i)])))\nmodel.compile('adam', 'mse')\n", "accepted"),
		pasted("K16", "not compiled: model.compile", head+"model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])\n", "refused", "compile"),
		pasted("K17", "PyTorch is not Keras", "import torch\nmodel = torch.nn.Linear(1, 1)\n", "refused", "line 1", "torch"),
		pasted("K18", "quotes of a page", "import keras\nmodel = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])\nmodel.compile(“adam”, “mse”)\n", "refused", "line 3"),
		pasted("K19", "a notebook's commands", "!pip install keras\n%matplotlib inline\nimport keras\n"+strings.ReplaceAll(tail, "layers.Dense(2", "keras.layers.Dense(2"), "refused|accepted", "line 1|accepted"),
		pasted("K20", "Python prompts", ">>> import keras\n>>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])\n", "refused", "line 1"),
	}
}

// moreRecords are bytes of other formats, and JSON beside keys.
func moreRecords() []row {
	values := func(id, right string, value []byte, want ...string) row {
		return row{id: id, right: right, want: want, try: func(a *attempt) string {
			m, err := a.model("", points)
			a.must(err)
			_, said := a.send(m, pipeline.DeploymentForm{}, []record{{key: []byte{1}, value: value}}, "RAW", pointConfig)
			return said
		}}
	}
	keyed := func(id, right string, key string, value string, want ...string) row {
		return row{id: id, right: right, want: want, try: func(a *attempt) string {
			return a.altered("b0-plain", "JSON", func(r *record) {
				if key != "" {
					r.key = []byte(key)
				}
				if value != "" {
					r.value = []byte(value)
				}
			})
		}}
	}
	return []row{
		keyed("R1", "the label is y, whatever the key", "42", "", "finished", `labels":{"0":10,"1":10}`),
		keyed("R2", "the label is y, whatever the key", "device-7", "", "finished", `labels":{"0":10,"1":10}`),
		keyed("R3", "the label is y, whatever the key", `{"id":5}`, "", "finished", `labels":{"0":10,"1":10}`),
		keyed("R4", "true is 1", "", `{"t":1,"h":2,"y":true}`, "finished", `"1":20`),
		keyed("R5", "Avro's JSON is named", "", `{"t":{"double":1.0},"h":{"double":2.0},"y":1}`, "failed", "@0", "t"),
		keyed("R6", "label 10 of JSON", "", `{"t":1,"h":2,"y":10}`, "failed", "@0", "10", "0 to 9"),
		keyed("R7", "label 1.0 is a class", "", `{"t":1,"h":2,"y":1.0}`, "finished", `"1":20`),
		keyed("R8", "Infinity is no JSON", "", `{"t":Infinity,"h":2,"y":1}`, "failed", "@0", "Infinity"),
		keyed("R9", "half an object", "", `{"t":1,"h":2`, "failed", "@0", "end|cut|JSON"),
		keyed("R10", "another case of letters", "", `{"T":1,"H":2,"y":1}`, "failed", "@0", "T"),
		values("R11", "gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x63\x60"), "failed", "@0", "gzip"),
		values("R12", "NPY", []byte("\x93NUMPY\x01\x00v\x00{'descr': '<f4'}"), "failed", "@0", "NPY|NumPy"),
		values("R13", "a pickle", []byte("\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00"), "failed", "@0", "pickle"),
		values("R14", "JPEG", []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00"), "failed", "@0", "JPEG"),
		values("R15", "base64, or text", []byte("AACAPwAAAEA="), "failed", "@0", "base64|text"),
		values("R16", "JSON under RAW", []byte(`{"a":1,"b":2}`), "failed", "@0", "JSON"),
		values("R17", "7 bytes", []byte("1234567"), "failed", "@0", "7 bytes", "8"),
	}
}

// moreMessages are control messages as other programs write them.
func moreMessages() (all []row) {
	for id, change := range map[string]func(text, topic string) string{
		"X20 blanks": func(t, topic string) string {
			return strings.Replace(t, topic+":0:0:4", " "+topic+":0:0:2 , "+topic+":0:2:2 ", 1)
		},
		"X20 line end":        func(t, _ string) string { return t + "\n" },
		"X20 float total":     func(t, _ string) string { return strings.Replace(t, `"total_msg":4`, `"total_msg":4.0`, 1) },
		"X20 rates as text":   func(t, _ string) string { return strings.Replace(t, `"test_rate":0`, `"test_rate":"0.0"`, 1) },
		"X20 null rates":      func(t, _ string) string { return strings.Replace(t, `"test_rate":0`, `"test_rate":null`, 1) },
		"X20 list in text":    func(t, topic string) string { return strings.Replace(t, topic+":0:0:4", "['"+topic+":0:0:4']", 1) },
		"X20 sizes as list":   func(t, _ string) string { return strings.Replace(t, `"data_reshape":"2"`, `"data_reshape":[2]`, 1) },
		"X20 sizes as number": func(t, _ string) string { return strings.Replace(t, `"data_reshape":"2"`, `"data_reshape":2`, 1) },
		"X20 1 2":             func(t, _ string) string { return strings.Replace(t, `"data_reshape":"2"`, `"data_reshape":"1 2"`, 1) },
	} {
		right, want := "trains", []string{"finished", "4 records"}
		if id == "X20 list in text" {
			right, want = "refused by member, and the form", []string{"rejected: topic", "topic:partition:offset:length"}
		}
		all = append(all, row{id: id, right: right, want: want, try: func(a *attempt) string {
			topic := a.sent(4)
			text, err := json.Marshal(pointMessage(topic+":0:0:4", 4))
			a.must(err)
			d := a.deployed(points)
			a.announceBytes(fmt.Appendf(nil, "%02d", d), []byte(change(string(text), topic)))
			_, said := a.result(d)
			return said
		}})
	}
	return all
}
