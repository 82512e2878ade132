"""What to write in place of what a person pasted: the idioms of Keras 2, of
notebooks and of TensorFlow 1 that Keras 3 answers with an error of its own."""

import ast
import difflib
import re

_DATA = "the stream is the data: end the source after model.compile and write sizes as numbers"
_TUNER = "leave the tuner out: the source ends with build(hp), or with a model that asks hp; a study searches its values"
_ADD_LOSS = "call self.add_loss(...) in the call of a layer of your own, and put that layer into the model"
_IMPORTS = {
    "tf": "import tensorflow as tf", "tensorflow": "import tensorflow", "keras": "import keras",
    "np": "import numpy as np", "numpy": "import numpy", "K": "from keras import backend as K",
}  # fmt: skip
_PARTS = ("layers", "models", "optimizers", "losses", "metrics", "regularizers", "initializers", "callbacks",
          "constraints", "activations", "applications", "ops", "utils", "backend")  # fmt: skip
_RENAMED = {
    "lr": "learning_rate", "nb_filter": "filters", "nb_row": "kernel_size", "nb_epoch": "epochs",
    "border_mode": "padding", "subsample": "strides", "init": "kernel_initializer", "output_dim": "units",
    "W_regularizer": "kernel_regularizer", "b_regularizer": "bias_regularizer", "W_constraint": "kernel_constraint",
    "dim_ordering": "data_format", "batch_input_shape": "batch_shape", "inner_activation": "recurrent_activation",
    "dropout_W": "dropout", "dropout_U": "recurrent_dropout", "bias": "use_bias", "p": "rate", "inputs_shape": "shape",
    "target_size": "size", "pool_length": "pool_size", "filter_length": "kernel_size", "input": "inputs",
    "output": "outputs",
}  # fmt: skip
_DROPPED = {
    "decay": "use a learning-rate schedule: learning_rate=keras.optimizers.schedules.InverseTimeDecay(0.001, 1, 1e-6)",
    "weights": "write embeddings_initializer=keras.initializers.Constant(matrix)",
    "implementation": "leave implementation out",
    "input_length": "leave input_length out, and give the length to keras.Input",
    "sample_weight_mode": "leave sample_weight_mode out",
    "reset_after": "leave reset_after out",
    "l": "give the number alone, as keras.regularizers.L2(0.01)",
}
_FITTED = ("fit_generator", "evaluate_generator", "predict_generator", "predict_classes", "predict_proba")
_NAMES = re.compile(r"""['"](\w+)['"]\s*:""")

_MOVED = {
    "CuDNNLSTM": "keras.layers.LSTM, which uses the GPU's own kernel by itself",
    "CuDNNGRU": "keras.layers.GRU, which uses the GPU's own kernel by itself",
    "LocallyConnected1D": "keras.layers.Conv1D", "LocallyConnected2D": "keras.layers.Conv2D",
    "ThresholdedReLU": "keras.layers.ReLU(threshold=...)", "Convolution1D": "keras.layers.Conv1D",
    "Convolution2D": "keras.layers.Conv2D", "AtrousConvolution2D": "keras.layers.Conv2D(dilation_rate=...)",
    "merge": "keras.layers.Concatenate, Add or Multiply", "Merge": "keras.layers.Concatenate, Add or Multiply",
    "AdamOptimizer": "keras.optimizers.Adam", "GradientDescentOptimizer": "keras.optimizers.SGD",
    "RMSPropOptimizer": "keras.optimizers.RMSprop", "AdagradOptimizer": "keras.optimizers.Adagrad",
    "placeholder": "keras.Input", "Session": "nothing: TensorFlow 2 needs no session",
    "get_default_graph": "nothing: TensorFlow 2 needs no graph", "variable_scope": "keras.layers",
    "global_variables_initializer": "nothing: TensorFlow 2 needs no session", "contrib": "keras.layers",
    "set_random_seed": "keras.utils.set_random_seed",
    "multi_gpu_model": "the model itself: the gpus of the deployment say what it trains on",
    **dict.fromkeys(("ConfigProto", "InteractiveSession", "set_session", "get_session", "GPUOptions"),
                    "nothing: the gpus of the deployment say what it trains on"),
    "experimental": "the layer itself: what was experimental is in keras.layers",
    "legacy": "keras.optimizers.Adam, SGD or RMSprop without legacy",
    "np_utils": "keras.utils", "wrappers": "keras.layers",
}  # fmt: skip


def hint(error, name, message, line, files):
    """What to write, "" where nothing is known.

    error is the exception, name its type's, message its text, line the person's
    line where it was raised, files the names of the files on its traceback.
    """
    if name in ("ModuleNotFoundError", "ImportError", "AttributeError") and re.search(r"keras_?tuner", message):
        return _TUNER
    if name == "NameError":
        return _undefined(message)
    if "legacy" in message and "optimizer" in message.lower():
        return _use("legacy")
    if name in ("ModuleNotFoundError", "ImportError"):
        return _unimportable(message, line)
    if name == "AttributeError":
        return _without(message, line, any("/keras/src/" in f for f in files))
    if found := re.search(r"Could not interpret (\w+)(?: function)? identifier: (\w+)$", message):
        return _misspelt(*found.groups())
    if "in graph mode" in message or "disable_v2_behavior" in line or "disable_eager_execution" in line:
        return "leave tensorflow.compat.v1, disable_v2_behavior and disable_eager_execution out: import tensorflow as tf"
    if "required" in message and "argument" in message:
        return _missing(message, line)
    if "A KerasTensor cannot be used as input to a TensorFlow function" in message:
        return _operation(line)
    if name == "NotImplementedError" and any("/keras/src/models/" in f for f in files):
        return _ADD_LOSS if "add_loss" in line else ""
    if name == "OperatorNotAllowedInGraphError":
        return "write keras.ops.where(condition, a, b) in place of if on a tensor, and keras.ops.while_loop or scan in place of loops over one"
    if "stateful=True" in message:
        return "leave stateful=True out, and give each record its whole window: state would run from batch to batch"
    if "load_data(" in line or any("/keras/src/datasets/" in f for f in files):
        return _DATA
    fetched = any("/keras/src/applications/" in f or f.endswith("file_utils.py") for f in files)
    if fetched and name in ("PermissionError", "OSError", "Exception", "URLError", "gaierror", "FileNotFoundError"):
        return "weights cannot be fetched here: pass weights=None"
    if name in ("PermissionError", "FileNotFoundError", "OSError") and re.search(r"read_|load|open\(|genfromtxt", line):
        return _DATA if not re.search(r"load_model|load_weights", line) else "build the model here: files cannot be opened"
    if re.search(r"[Uu]nrecognized keyword|not recognized|[Uu]nexpected keyword|got an unexpected", message):
        return _renamed(message)
    if re.search(r"(?i)argument `?shape`?|cannot convert .* to a shape|`shape` must be", message) or (
        "int' object is not iterable" in message and "Input" in line
    ):
        return "write the shape as a tuple: keras.Input(shape=(64,))"
    return ""


def _misspelt(kind, name):
    """What a name of a loss, a metric, an optimizer ... may be meant for."""
    import keras

    if name == "l1_l2":
        return "write keras.regularizers.L1L2(l1=0.01, l2=0.01) in place of 'l1_l2'"
    module = getattr(keras, {"loss": "losses"}.get(kind, kind + "s"), None)
    known = {n.lower().replace("_", ""): n for n in dir(module) if not n.startswith("_")}
    close = difflib.get_close_matches(name.lower().replace("_", ""), known, 1)
    return f"write '{known[close[0]]}' in place of '{name}'" if close else ""


def _operation(line):
    """The operation of Keras that stands for one of TensorFlow."""
    import keras

    names = [n.removeprefix("reduce_") for n in re.findall(r"\btf(?:\.\w+)*\.(\w+)\(", line)]
    found = [f"keras.ops.{n}" for n in names if hasattr(keras.ops, n)]
    return f"use {found[0]}, or call TensorFlow in the call of a layer of your own" if found else (
        "use keras.ops, or call TensorFlow in the call of a layer of your own")


def _use(name):
    """What to write for a name that is gone."""
    instead = _MOVED[name]
    return f"leave {name} out: {instead.removeprefix('nothing: ')}" if instead.startswith("nothing: ") else f"use {instead}"


def _undefined(message):
    found = re.search(r"name '(\w+)' is not defined", message)
    if not found:
        return ""
    name = found[1]
    if name in _IMPORTS:
        return f"add this line to the imports: {_IMPORTS[name]}"
    if name in _PARTS:
        return f"add this line to the imports: from keras import {name}"
    if re.fullmatch(r"(?i)([xy]|data|df|dataset|train|test|val|images?|labels?|features?|generator)(_?\w*)", name) and (
        re.search(r"(?i)train|test|val|^df|data|image|label|feature|^[xy]$|generator", name)
    ):
        return _DATA
    if name in _MOVED:
        return _use(name)
    return _exported(name)


def _exported(name):
    """The line that imports a name of Keras."""
    import keras

    for part in ("layers", "models", "optimizers", "losses", "metrics", "regularizers", "initializers", "utils"):
        if hasattr(getattr(keras, part), name):
            return f"add this line to the imports: from keras.{part} import {name}"
    return f"add this line to the imports: from keras import {name}" if hasattr(keras, name) else ""


def _unimportable(message, line):
    """For a module of Keras 2 the line that imports the same names today."""
    wanted = _imported(line)
    module = (re.search(r"No module named '([\w.]+)'", message) or re.search(r"from '([\w.]+)'", message) or [""])[0]
    if "keras" not in module and "keras" not in line or re.match(r"keras_|tf_keras", module):
        return ""  # other packages, which only build on Keras
    if "tensorflow.contrib" in message:
        return _use("contrib")
    lines, unknown = [], []
    for name in wanted:
        found = _exported(name).rpartition("imports: ")[2]
        if found:
            lines.append(found)
        else:
            unknown.append(name)
    moved = [f"in place of {n} {_use(n)}" for n in unknown if n in _MOVED]
    if lines or moved:
        return "; ".join([f"write {l}" for l in lines] + moved)
    return "import it from keras, keras.layers, keras.models or keras.optimizers"


def _imported(line):
    """The names that a line imports from a module."""
    try:
        nodes = ast.parse(line.strip()).body
    except (SyntaxError, ValueError):
        return []
    return [a.name for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names]


def _without(message, line, in_keras):
    if "has never been called and thus has no defined" in message:
        return "call the models on an input: x = keras.Input((8,)); model = keras.Model(x, decoder(encoder(x)))"
    found = re.search(r"has no attribute '(\w+)'", message)
    if not found:
        return ""
    name = found[1]
    import keras

    if name in _FITTED:
        return _DATA
    if name.startswith("_") and in_keras and (owner := re.search(r"'(\w+)' object", message)):
        return f"call super().__init__() before all else in the __init__ of {owner[1]}"
    if name == "experimental" and "mixed_precision" in message:
        return "write keras.mixed_precision.set_global_policy('mixed_float16')"
    layer = re.search(r"\bexperimental(?:\.preprocessing)?\.(\w+)", line)
    if name == "experimental" and layer and hasattr(keras.layers, layer[1]):
        return f"write keras.layers.{layer[1]}"
    if name in _MOVED:
        return _use(name)

    if "backend" in message:
        return _of_backend(name)
    if "'keras" in message or "tensorflow" in message:
        better = _exported(name).rpartition("imports: ")[2]
        return f"write {better}" if better else ""
    return ""


def _of_backend(name):
    """What stands for a function that the backend of Keras 3 no longer has."""
    import keras
    import tensorflow as tf

    if hasattr(tf.keras.backend, name):
        other = f", or keras.ops.{name}" if hasattr(keras.ops, name) else ""
        return f"write from tensorflow.keras import backend as K, which has K.{name} still{other}"
    return f"use keras.ops.{name}" if hasattr(keras.ops, name) else ""


def syntax(name, line):
    """What to write where a text is no Python; name is the error's type."""
    if re.match(r"\s*[%!]", line):
        return "leave out the notebook's own commands, which begin with % or !"
    if name in ("TabError", "IndentationError"):
        return "indent by spaces alone, by four for each level"
    return ""


def _missing(message, line):
    """An argument that is missing may be there under its name of Keras 1, or be one that layers are not given."""
    told = [f"write {_RENAMED[n]} in place of {n}" for n in re.findall(r"(\w+)\s*=(?!=)", line) if n in _RENAMED]
    if told:
        return "; ".join(told)
    found = re.search(r"missing a required argument: '(training|mask)'", message)
    return f"give {found[1]} a default in the layer's call: {found[1]}={'False' if found[1] == 'training' else 'None'}" if found else ""


def _renamed(message):
    """What arguments that Keras 3 does not take are called in it."""
    names = _NAMES.findall(message) or re.findall(r"argument '(\w+)'", message)
    told = [f"write {_RENAMED[n]} in place of {n}" for n in names if n in _RENAMED]
    told += [_DROPPED[n] for n in names if n in _DROPPED]
    return "; ".join(told)
