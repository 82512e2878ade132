"""A trained SavedModel as a TFLite file that takes one record at a time.

Nothing of a person's source runs here: only the graph that was verified when
the model was registered, with its trained weights.

Nothing here starts TensorFlow's eager context at import: the worker forks
after importing this module.
"""

import logging
import os
import re
import time

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import interpreter as lite_interpreter
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.lite.python import lite

import trial

_PATIENCE = 20  # seconds for measuring what quantization costs
# The input of an operation on lists that is the shape of an element.
_ELEMENT_SHAPE = {"TensorListReserve": 0, "TensorListFromTensor": 1, "TensorListStack": 1, "TensorListGetItem": 2, "EmptyTensorList": 0, "TensorListConcatV2": 1}
_TYPES = {"bf16": "bfloat16", "f16": "float16", "f64": "float64"}
_BATCH = 256  # records that the float model predicts at once


class Unfit(Exception):
    """Why a model has no such form, in words for a person."""


def run(asked, scratch):
    """Converts scratch/model as asked and writes scratch/model.tflite.

    asked has quantize, inputs, outputs (name, dtype, shape), and where there are
    records samples and test: how many of them lie in files of scratch, see
    _records. Gives {"converted": dict} or {"unfit": text}; never raises.
    """
    logging.disable(logging.CRITICAL)  # the converter's own lines
    try:
        return {"converted": _run(asked, scratch)}
    except Unfit as e:
        return {"unfit": str(e)}
    except MemoryError:
        return {"unfit": "its conversion takes more memory than there is"}
    except Exception as e:
        return {"unfit": _reason(e)}


def _run(asked, scratch):
    model = tf.saved_model.load(os.path.join(scratch, "model"))
    serve = model.signatures["serving_default"]
    one = _one(serve, asked)
    made = _convert(serve, one, model, asked, scratch)
    with open(os.path.join(scratch, "model.tflite"), "wb") as f:
        f.write(made)
    lite_model = Lite(made, asked)
    said = {"inputs": lite_model.described(lite_model.inputs), "outputs": lite_model.described(lite_model.outputs)}
    if asked["test"]:
        said["quality"] = _measure(serve, lite_model, asked, scratch)
    return said


def _one(serve, asked):
    """The forward pass of one record, its inputs in the order of the model's."""
    def forward(*xs):
        got = serve(**{t["name"]: x for t, x in zip(asked["inputs"], xs)})
        return {t["name"]: got[t["name"]] for t in asked["outputs"]}

    specs = [tf.TensorSpec([1] + [None if d < 0 else d for d in t["shape"]], t["dtype"], t["name"]) for t in asked["inputs"]]
    return tf.function(forward, input_signature=specs, autograph=False)


def _close(path):
    """Lets the lists of a SavedModel's loops hold elements of one record, where
    they were made for an open batch. Gives whether it has loops."""
    loops = False
    saved = saved_model_pb2.SavedModel()
    with open(path, "rb") as f:
        saved.ParseFromString(f.read())
    for graph in (m.graph_def for m in saved.meta_graphs):
        for nodes in (graph.node, *(f.node_def for f in graph.library.function)):
            consts = {n.name: n.attr["value"].tensor for n in nodes if n.op == "Const"}
            for n in nodes:
                loops |= n.op in ("While", "StatelessWhile")
                at = _ELEMENT_SHAPE.get(n.op)
                name = n.input[at].removeprefix("^").split(":")[0] if at is not None else None
                if name in consts:
                    shape = tf.make_ndarray(consts[name])
                    if shape.ndim == 1 and shape.size and shape[0] == -1:
                        closed = shape.copy()
                        closed[0] = 1
                        consts[name].CopyFrom(tf.make_tensor_proto(closed))
    with open(path, "wb") as f:
        f.write(saved.SerializeToString())
    return loops


def _convert(serve, one, model, asked, scratch):
    """The bytes of the TFLite file."""
    folder = os.path.join(scratch, "one")
    holder = tf.Module()
    holder.one, holder.held = one, list(serve.variables)
    try:
        tf.saved_model.save(holder, folder, signatures={"serving_default": one})
    except AssertionError:  # it reads more than variables: tables
        holder.model = model
        tf.saved_model.save(holder, folder, signatures={"serving_default": one})
    loops = _close(os.path.join(folder, "saved_model.pb"))
    if loops and asked["quantize"] == "int8":  # its calibrator would crash
        raise Unfit("TFLite does not quantize loops to int8, and layers such as LSTM and GRU are loops over the steps")
    converter = lite.TFLiteConverterV2.from_saved_model(folder, signature_keys=["serving_default"])
    if asked["quantize"]:
        converter.optimizations = [lite.Optimize.DEFAULT]
    if asked["quantize"] == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if asked["quantize"] == "int8":
        samples = _records("samples", asked["inputs"], asked["samples"], scratch)
        converter.representative_dataset = lambda: ({t["name"]: s[i : i + 1] for t, s in zip(asked["inputs"], samples)} for i in range(asked["samples"]))
        converter.target_spec.supported_ops = [lite.OpsSet.TFLITE_BUILTINS_INT8]
        if all(t["dtype"] == "float32" for t in asked["inputs"] + asked["outputs"]):
            converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def _records(kind, tensors, records, scratch):
    """The arrays of some records, one a tensor: those of `samples`, `test` or `labels`."""
    out = []
    for i, t in enumerate(tensors):
        data = np.fromfile(os.path.join(scratch, f"{kind}.{i}"), tf.as_dtype(t["dtype"]).as_numpy_dtype)
        out.append(data.reshape([records] + t["sizes"]))
    return out


class Lite:
    """A TFLite file, run by the interpreter of the wheel that made it."""

    def __init__(self, data, asked):
        resolver = lite_interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        self.interpreter = lite_interpreter.Interpreter(model_content=data, experimental_op_resolver_type=resolver, num_threads=1)
        self.interpreter.allocate_tensors()
        runner = self.interpreter.get_signature_runner("serving_default")
        self.inputs, self.outputs = runner.get_input_details(), runner.get_output_details()
        self.asked = asked

    def described(self, details):
        """Inputs or outputs in the order in which the file has them."""
        order = {d["index"]: i for i, d in enumerate(self.interpreter.get_input_details() + self.interpreter.get_output_details())}
        out = []
        for name, d in sorted(details.items(), key=lambda item: order[item[1]["index"]]):
            scale, zero = d["quantization"]
            out.append({"name": name, "dtype": np.dtype(d["dtype"]).name, "shape": [int(n) for n in d["shape_signature"]], "scale": float(scale), "zero_point": int(zero)})
        return out

    def predict(self, arrays, i):
        """The outputs of record i, in the order of the model's, as the model gives them."""
        for t, a in zip(self.asked["inputs"], arrays):
            d = self.inputs[t["name"]]
            x = a[i : i + 1]
            if list(x.shape) != d["shape"].tolist():
                self.interpreter.resize_tensor_input(d["index"], x.shape)
                self.interpreter.allocate_tensors()
            self.interpreter.set_tensor(d["index"], _quantized(x, d))
        try:
            self.interpreter.invoke()
        except RuntimeError as e:
            raise Unfit(f"what it is converted to fails on a record of its stream: {_line(e)}") from e
        out = []
        for t in self.asked["outputs"]:
            d = self.outputs[t["name"]]
            out.append(_plain(self.interpreter.get_tensor(d["index"]), d)[0])
        return out


def _quantized(x, detail):
    scale, zero = detail["quantization"]
    if detail["dtype"] is not np.int8 or not scale:
        return x.astype(detail["dtype"])
    return np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8)


def _plain(y, detail):
    scale, zero = detail["quantization"]
    return (y.astype(np.float32) - zero) * scale if y.dtype == np.int8 and scale else y


def _measure(serve, lite_model, asked, scratch):
    """What the conversion costs on records that the model was not trained on."""
    n = asked["test"]
    arrays = _records("test", asked["inputs"], n, scratch)
    until, got = time.monotonic() + _PATIENCE, []
    for i in range(n):
        if time.monotonic() > until:
            break
        got.append(lite_model.predict(arrays, i))
    n = len(got)
    want = [[] for _ in asked["outputs"]]
    for at in range(0, n, _BATCH):
        batch = serve(**{t["name"]: tf.constant(a[at : min(at + _BATCH, n)]) for t, a in zip(asked["inputs"], arrays)})
        for w, t in zip(want, asked["outputs"]):
            w.extend(batch[t["name"]].numpy())
    said = {"records": n, "difference": _written(max(_apart(np.array([g[k] for g in got]), np.array(w)) for k, w in enumerate(want)))}
    if asked["task"] in ("classification", "binary-classification", "regression"):
        label = _records("labels", asked["labels"], asked["test"], scratch)[0][:n]
        score = _score(asked)
        said["before"], said["after"] = (_written(score(np.array(y), label)) for y in (want[0], [g[0] for g in got]))
    return said


def _apart(a, b):
    """The root mean square of the differences, relative to that of b."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    size = np.sqrt(np.mean(b * b)) or 1.0
    return float(np.sqrt(np.mean((a - b) ** 2)) / size)


def _score(asked):
    """What outputs are worth against labels: the share of right classes, or the mean absolute error."""
    def accuracy(y, label):
        if asked["task"] == "binary-classification":
            guess = (y > (0.0 if asked["logits"] else 0.5)).reshape(len(y), -1)
            truth = label.reshape(len(y), -1) > 0.5
        else:
            guess = y.argmax(-1).reshape(len(y), -1)
            truth = label.reshape(len(y), -1)
            if truth.shape != guess.shape:
                truth = label.argmax(-1).reshape(len(y), -1)
        return float((guess == truth).mean())

    def error(y, label):
        return float(np.abs(y.astype(np.float64).reshape(len(y), -1) - label.astype(np.float64).reshape(len(y), -1)).mean())

    return error if asked["task"] == "regression" else accuracy


def _written(v):
    return trial._written(v)


def _reason(error):
    """Why the converter cannot, in a line."""
    text, names = str(error), set()
    for kind in ("TF Select ops", "Custom ops"):
        if m := re.search(kind + r": ([^\n]+)", text):
            names |= {n.strip().removeprefix("Flex") + _of(n.strip(), text) for n in m[1].split(",")}
    if names:
        return f"TFLite has no form of {', '.join(sorted(names))}"
    return f"its conversion failed: {type(error).__name__}: {_line(error)}"[:500]


def _line(error):
    """The first line of what an error says."""
    return next((l.strip() for l in str(error).split("\n") if l.strip()), "")


def _of(name, text):
    """The type that an operation computes in, where it is none that TFLite is good at."""
    m = re.search(rf"tf\.{name}\(tensor<[^>]*?(bf16|f16|f64)[,>]", text)
    return f" of {_TYPES[m[1]]}" if m else ""
