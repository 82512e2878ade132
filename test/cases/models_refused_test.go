package cases

import (
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// refusedRows are sources that cannot be a model, or that only some line keeps
// from being one: the refusal names the line and what to write.
func refusedRows() []row {
	return []row{
		register("A01", "line 7, and the import that is missing", "01", "refused", "line 7", "import tensorflow as tf"),
		register("A01 small", "line 1, and the import that is missing", "a01-imports", "refused", "line 1", "import tensorflow as tf"),
		register("A02", "line 7: weights cannot be fetched; weights=None", "02", "refused", "line 7", "weights=None"),
		register("A05", "line 13: learning_rate", "05", "refused", "line 13", "learning_rate"),
		register("A09", "the line, and (64,)", "09", "refused", "line 9|line 11", "(64,)|compile"),
		register("A11", "the variable is called autoencoder", "11", "refused", "autoencoder", "line 10"),
		register("A14", "states of stateful layers run over batches", "14", "refused", "stateful", "!leave batch_size and batch_shape out"),
		register("A14 open batch", "the same", "stateful-open-batch", "refused", "stateful"),
		register("A24", "line 11: a metric for each output", "24", "refused", "line 11", "metrics"),
		register("A27", "line 9: FBetaScore wants 2D", "27", "refused", "line 9", "2D"),
		register("A28", "squeeze without its axis", "28", "refused", "axis=-1"),
		register("M4 focal", "squeeze without its axis", "focal-nometric", "refused", "axis=-1"),
		register("A32", "line 13: add_loss in a layer", "32", "refused", "line 13", "add_loss", "layer"),
		register("A51", "line 9: keras.ops", "51", "refused", "line 9", "keras.ops"),
		register("A52", "line 11: cond or where", "52", "refused", "line 11", "ops.cond|ops.where"),
		register("A56", "line 6: pandas is not here", "56", "refused", "line 6", "pandas"),
		register("A57", "line 11: the stream is the data", "57", "refused", "line 11", "stream", "compile"),
		register("A58", "line 6: from keras.layers", "58", "refused", "line 6", "from keras.layers import"),
		register("A65", "line 8 or 7: the input's shape; keras.Input", "65", "refused", "line 8|line 7", "keras.Input"),
		register("A58 Keras 1", "line 4: units", "keras1-output-dim", "refused", "line 4", "write units in place of output_dim"),
		register("A58 inner path", "tensorflow.keras", "tensorflow-python-keras", "refused", "tensorflow.python.keras", "import from tensorflow.keras"),
		register("A58 TensorFlow 1", "without compat.v1", "compat-v1", "refused", "import tensorflow as tf"),
		register("A25 bare", "line 5: the backend that has it", "backend-functions", "refused", "line 5", "from tensorflow.keras import backend as K"),
		register("A57 command", "line 1: no commands of notebooks", "notebook-command", "refused", "line 1", "begin with %"),
		register("A48 training", "line 15: a default", "training-without-default", "refused", "line 15", "training=False"),
		register("A57 tabs", "line 5: spaces alone", "tabs-and-spaces", "refused", "line 5", "spaces"),
		register("A68", "line 8: run_eagerly", "68", "refused", "line 8", "run_eagerly"),
	}
}

// acceptedRows are sources that become a model, with what is said of them.
func acceptedRows() []row {
	return []row{
		register("A04", "accepted", "04", "accepted", "labels cloud_output float32 [10]"),
		register("A06 warned", "accepted, decay is ignored: line 14", "06", "accepted", "warning line 14", "decay"),
		register("A44", "accepted, or the limit and a way out", "44", "accepted|SGD"),
		register("A53", "no trainable weights are warned of", "53", "accepted", "no trainable weights|does not have any trainable weights"),
		register("A54", "line 10, and tf.print", "54", "refused", "line 10", "tf.print"),
		register("A54 small", "accepted, or the line and tf.print", "reshape-layer-print", "accepted|line 2", "accepted|tf.print"),
		register("A56 try", "accepted", "try-import", "accepted"),
		register("A57 saved", "accepted", "save-only", "accepted"),
		register("A57 saved as .keras", "accepted", "save-keras", "accepted"),
		register("M6 frozen", "no trainable weights are warned of", "no-trainable", "accepted", "no trainable weights|does not have any trainable weights"),
		without("A57 without fit", "accepted", "57", "model.fit", "accepted"),
		without("A56 without imports", "accepted", "56", "import pandas|matplotlib|sklearn", "accepted"),
		with("A65 built", "accepted", "65", "model.build((None, 6))", "accepted"),
		with("A65 called", "accepted", "65", "model(keras.ops.zeros((1, 6)))", "accepted"),
	}
}

// register is a row that registers a source.
func register(id, right, file string, want ...string) row {
	return row{id: id, right: right, want: want, long: id == "A44", try: func(a *attempt) string {
		return a.registers(source(file))
	}}
}

// without is a row that registers a source without the lines that hold some
// word.
func without(id, right, file, words string, want ...string) row {
	return row{id: id, right: right, want: want, try: func(a *attempt) string {
		var kept []string
		for line := range strings.Lines(source(file)) {
			has := false
			for word := range strings.SplitSeq(words, "|") {
				has = has || strings.Contains(line, word)
			}
			if !has {
				kept = append(kept, line)
			}
		}
		return a.registers(strings.Join(kept, ""))
	}}
}

// with is a row that registers a source with a line before its last.
func with(id, right, file, line string, want ...string) row {
	return row{id: id, right: right, want: want, try: func(a *attempt) string {
		lines := strings.SplitAfter(strings.TrimSpace(source(file)), "\n")
		last := len(lines) - 1
		return a.registers(strings.Join(lines[:last], "") + line + "\n" + lines[last])
	}}
}

func (a *attempt) registers(source string) string {
	m, err := a.model("", source)
	if err != nil {
		return refusal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "accepted, inputs%s, labels%s", tensors(m.Inputs), tensors(m.Labels))
	for _, w := range m.Warnings {
		fmt.Fprintf(&b, "; warning line %d: %s", w.Line, w.Message)
	}
	return b.String()
}

func tensors(all []pipeline.Tensor) (text string) {
	for _, t := range all {
		text += fmt.Sprintf(" %s %s %v", t.Name, t.DType, t.Shape)
	}
	return text
}
