"""Writes small models of Keras as ONNX graphs, and what TensorFlow gives for records at the edges of what they take.

usage: edges.py FOLDER K N WORKER_FOLDER SITE [SITE ...]

Of every N models it takes the one at K, from 0 on. It writes FOLDER/NAME/model.onnx and prints, by name, the model's input and output
and its records: the bytes of each and what it gives, null where it is to be
refused, as TensorFlow does; or why the model has no ONNX form.
"""

import json
import os
import sys

folder, mine = sys.argv[1], slice(int(sys.argv[2]), None, int(sys.argv[3]))
sys.path[:0] = sys.argv[4:]

import export
import keras
import numpy as np
import onnx
import onnx_form
import onnx_trace
import shapes
import tensorflow as tf
from keras import layers as L

O = keras.ops
LOW, LOW64 = -(2**31), -(2**63)


class Layer(keras.layers.Layer):
    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function
        self.table = self.add_weight(shape=(5, 2), initializer="glorot_uniform")

    def call(self, x):
        return self.function(self.table, x)


def own(function):
    return lambda x: Layer(lambda t, v: function(t, v))(x)


def halves(function):
    """Of two numbers, the second one less, so that not all of a record is 0: no such model is opened."""
    return own(lambda _, x: function(x[:, :1], x[:, 1:] - 1))


def summed(function):
    """What two numbers give, of which a record says where of five places they belong."""
    return own(lambda _, x: function(tf.constant([3.0, 4.0]), tf.reshape(x[:1], [-1]), 5)[None])


def of(function):
    return own(lambda _, x: function(x))


def cut(function):
    """What is cut out of five numbers, which a record says by two."""
    return own(lambda _, x: function(tf.constant([10.0, 11.0, 12.0, 13.0, 14.0]), x[0])[None])


NAN, INF = float("nan"), float("inf")
KNOWN = [[1, 2], [2, 2], [-1, INF], [-INF, 3]]
FLOATS = [*KNOWN, [NAN, 1], [1, NAN], [NAN, NAN], [INF, NAN], [INF, -INF], [INF, INF], [-INF, -INF], [3e38, -INF]]
PLACES = [[1, 2], [0, 1], [-1, 2], [-3, 1], [1, -1], [5, 0], [2, -2], [0, 7], [LOW, 0], [3, 3]]
POWERS = [[2, 3], [-3, 10], [46341, 2], [LOW, 7], [2**31 - 1, 65536], [0, 1]]
ROUNDED = [[1.5, 2.7], [-1.5, -0.2], [1e10, 0.1], [65504, 65520], [16777217, 1 / 3], [1e-30, 3.5]]
IDS = [[1, 2], [-1, 2], [-5, 2], [-6, 2], [LOW, 0], [5, 0]]
DIVIDED = [[7, 3], [-7, 3], [7, -1], [-8, 3], [LOW, 4], [0, 6], [7, 1]]
MODELS = {
    "embedding": ("int32", IDS, L.Embedding(5, 3)),
    "embedding of floats": ("float32", [[1, 2], [-1, 2], [-0.5, 1.9], [float("nan"), 0], [float("inf"), 0], [5, 0]], L.Embedding(5, 3)),
    "gather": ("int32", IDS, own(tf.gather)),
    "gather int64": ("int64", [*IDS, [2**32, 0], [LOW64, 0]], own(tf.gather)),
    "embedding_lookup": ("int32", IDS, own(tf.nn.embedding_lookup)),
    "gather of each": ("int32", IDS, own(lambda t, x: tf.gather(tf.repeat(t[None], tf.shape(x)[0], 0), x, batch_dims=1))),
    "gather_nd": ("int32", [[1, 1], [-1, 1], [1, -1], [5, 0]], own(tf.gather_nd)),
    "scatter_nd": ("int32", IDS, summed(lambda d, i, n: tf.scatter_nd(i[:, None], d, [n]))),
    "tensor_scatter_nd_update": ("int32", IDS, summed(lambda d, i, n: tf.tensor_scatter_nd_update(tf.zeros([n]), i[:, None], d))),
    "tensor_scatter_nd_add": ("int32", IDS, summed(lambda d, i, n: tf.tensor_scatter_nd_add(tf.zeros([n]), i[:, None], d))),
    "unsorted_segment_sum": ("int32", [*IDS, [2, 2]], summed(tf.math.unsorted_segment_sum)),
    "unsorted_segment_max": ("int32", [*IDS, [2, 2]], summed(tf.math.unsorted_segment_max)),
    "unsorted_segment_min": ("int64", [*IDS, [2, 2]], summed(tf.math.unsorted_segment_min)),
    "one_hot": ("int32", IDS, own(lambda _, x: tf.one_hot(x, 5))),
    "one_hot of ints": ("int64", [*IDS, [2**40, LOW64]], own(lambda _, x: tf.one_hot(x, 5, dtype="int32"))),
    "one_hot of bytes": ("uint8", [[1, 2], [255, 0]], own(lambda _, x: tf.one_hot(x, 5))),
    "multi_hot": ("int32", IDS, L.CategoryEncoding(5, "multi_hot")),
    "count": ("int32", [*IDS, [2, 2]], L.CategoryEncoding(5, "count")),
    "floor": ("int32", [*DIVIDED, [LOW, 0]], halves(lambda a, b: a // b)),
    "floor int64": ("int64", [*DIVIDED, [LOW64, 0], [LOW64, 4]], halves(O.floor_divide)),
    "floor int8": ("int8", [[7, -1], [-128, 0], [-7, 3], [7, 1]], halves(lambda a, b: a // b)),
    "floor uint8": ("uint8", [[255, 8], [7, 1]], halves(lambda a, b: a // b)),
    "floor by 3": ("int32", [[7, -7], [LOW, 2**31 - 1]], own(lambda _, x: x // 3)),
    "floor by -1": ("int32", [[7, -7], [LOW, 2**31 - 1]], own(lambda _, x: x // -1)),
    "floor of floats": ("float32", [[7, -1], [1e8, 4], [7, 1]], halves(lambda a, b: a // b)),
    "mod": ("int32", [*DIVIDED, [LOW, 0]], halves(lambda a, b: a % b)),
    "mod int64": ("int64", [*DIVIDED, [LOW64, 0]], halves(O.mod)),
    "mod int16": ("int16", [[7, -1], [-(2**15), 0]], halves(lambda a, b: a % b)),
    "mod of floats": ("float32", [[7, -1], [1e8, 4], [-1e8, 4], [1.7e9, 86401], [0.3, 1.1], [7, 1], [7, -float("inf")]], halves(lambda a, b: a % b)),
    "mod of doubles": ("float64", [[1.7e18, 8], [-0.3, 1.1]], halves(lambda a, b: a % b)),
    "cut off": ("int32", [*DIVIDED, [LOW, 0]], halves(tf.truncatediv)),
    "slice": ("int32", PLACES, cut(lambda t, x: tf.slice(t, x[:1], x[1:]))),
    "slice of two": ("int64", [*PLACES, [LOW64, 0]], cut(lambda t, x: O.slice(t, x[:1], (2,)))),
    "slice of size": ("int32", PLACES, cut(lambda t, x: tf.slice(t, [1], x[1:]))),
    "slice of rows": ("int32", [[1, 2], [0, 1], [-1, 0], [2, 0]], own(lambda _, x: tf.slice(x, [0, x[0, 0]], [-1, 1]))),
    "place": ("int32", PLACES, cut(lambda t, x: t[x[0]])),
    "place after others": ("int32", [[1, 2], [-1, 0], [2, 0]], own(lambda _, x: tf.stack([x, x], 1)[..., tf.newaxis, x[0, 0]])),
    "range of places": ("int32", PLACES, cut(lambda t, x: t[x[0] : x[1]])),
    "range": ("int32", [[1, 2], [-1, 2], [LOW, 0]], cut(lambda _, x: tf.reduce_sum(tf.range(x[0])))),
    "segment_sum": ("int32", [[0, 1]], summed(lambda d, i, n: tf.math.segment_sum(d, i))),
    "segment_max": ("int32", [[0, 1]], summed(lambda d, i, n: tf.math.segment_max(d, i))),
    "stitch": ("int32", [[1, 0]], of(lambda x: tf.dynamic_stitch([x[0]], [x[0]])[None])),
    "power": ("int32", POWERS, halves(O.power)),
    "power of 5": ("int32", POWERS, of(lambda x: x**5)),
    "power of 13": ("int64", POWERS, of(lambda x: tf.pow(x, 13))),
    "shift": ("int32", [[7, -8]], halves(O.right_shift)),
    "sum": ("int32", [[1, 2], [2**24, 1], [2**31 - 1, 1], [LOW, LOW]], of(lambda x: O.sum(x, 1))),
    "sum of bytes": ("uint8", [[1, 2], [255, 255]], of(lambda x: O.sum(x, 1))),
    "product": ("int32", [[3, 2], [2**16, 2**16], [2**31 - 1, 3], [LOW, LOW]], of(lambda x: O.prod(x, 1))),
    "product int64": ("int64", [[3, 2], [2**32, 2**32], [2**63 - 1, 3]], of(lambda x: tf.reduce_prod(x, -1, keepdims=True))),
    "product of 70": ("int32", [[3, 2]], of(lambda x: O.prod(O.tile(x, (1, 35)), 1))),
    "argmax": ("float32", FLOATS, of(lambda x: O.argmax(x, 1))),
    "argmin": ("float32", FLOATS, of(lambda x: tf.argmin(x, 1))),
    "argmax of doubles": ("float64", FLOATS, of(lambda x: tf.argmax(x, 1))),
    "max": ("float32", FLOATS, of(lambda x: O.isnan(O.max(x, 1)))),
    "max of three": ("float32", FLOATS, of(lambda x: O.max(O.concatenate([x * 0 + 5, x], 1), 1, keepdims=True) > 4)),
    "min": ("float32", FLOATS, of(lambda x: O.isnan(tf.reduce_min(x, [0, 1])[None]))),
    "pooled": ("float32", FLOATS, lambda x: Layer(lambda _, v: O.isnan(v))(L.GlobalMaxPooling1D()(O.expand_dims(x, 2)))),
    "logsumexp": ("float32", [[INF, 1], [-INF, -INF], [INF, INF]], of(lambda x: O.logsumexp(x, 1))),
    "top_k": ("float32", [*KNOWN, [INF, -INF]], of(lambda x: tf.math.top_k(x, 2)[0])),
    "top_k of NaN": ("float32", [[NAN, 1], [1, NAN], [NAN, NAN]], of(lambda x: tf.math.top_k(x, 1)[1])),
    "top_k of ints": ("int32", [[2**24, 2**24 + 1], [LOW, 2**31 - 1]], of(lambda x: tf.math.top_k(x, 2)[1])),
    "sort of ints": ("int32", [[2**24 + 1, 2**24], [LOW, 2**31 - 1], [LOW, LOW + 1]], of(lambda x: O.sort(x, 1))),
    "sort": ("float32", [*KNOWN, [INF, -INF]], of(lambda x: O.sort(x, 1))),
    "sort of bytes": ("uint8", [[255, 0], [1, 2]], of(lambda x: tf.math.top_k(x, 2)[0])),
    "where": ("float32", FLOATS, of(lambda x: O.where(O.abs(x) < 2, x, 0.5))),
    "where of a record": ("float32", [[1, INF], [-1, INF], [-1, 2]], of(lambda x: O.where(x[:, :1] > 0, x[:, :1], x[:, 1:]))),
    "where of bytes": ("uint8", [[255, 0], [1, 2]], of(lambda x: O.where(x > 1, x, O.cast(7, "uint8")))),
    "where of truth": ("int32", [[1, 2], [-1, 3]], of(lambda x: O.where(x > 1, x > 2, x < 0))),
    "nan_to_num": ("float32", FLOATS, of(lambda x: O.nan_to_num(x, nan=1.0, posinf=2.0, neginf=3.0))),
    "trunc": ("float32", [[1.5, -INF], [-2.5, INF]], of(O.trunc)),
    "arctan2": ("float32", [[0.0, 1.0], [-0.0, 2.0], [0.0, 2.0], [-1, 1], [NAN, 0]], halves(lambda y, x: O.arctan2(y, -x) > 0)),
    "arctan2 of infinity": ("float32", [[INF, INF], [-INF, INF], [INF, -INF]], halves(lambda y, x: O.round(O.arctan2(y, x) * 100))),
    "scatter_nd twice": ("int32", [[2, 2], [1, 3]], summed(lambda d, i, n: tf.scatter_nd(i[:, None], d, [n]))),
    "scatter max": ("float32", [[1, 2], [NAN, 2], [-1, NAN]], own(lambda _, x: tf.tensor_scatter_nd_max(tf.zeros([3]), [[0], [2]], x[0])[None])),
    "scatter min": ("float32", [[1, 2], [NAN, -2], [-1, NAN]], own(lambda _, x: tf.tensor_scatter_nd_min(tf.zeros([3]), [[0], [2]], x[0])[None])),
    "tril": ("float32", FLOATS, of(lambda x: O.isnan(O.tril(O.stack([x, x], 1))))),
    "band of ints": ("int32", [[1, 2], [LOW, 7]], of(lambda x: tf.linalg.band_part(O.stack([x, x, x], 1), 1, 0))),
    "diag": ("float32", FLOATS[:4], of(tf.linalg.diag)),
    "diag of ints": ("int32", [[1, 2], [LOW, 7]], of(tf.linalg.diag)),
    "diag above": ("float32", [[1, 2]], of(lambda x: tf.linalg.diag(x, k=1))),
    "to int and back": ("float32", ROUNDED, of(lambda x: tf.cast(tf.cast(x, "int32"), "float32"))),
    "to half and back": ("float32", ROUNDED, of(lambda x: tf.cast(tf.cast(x, "float16"), "float32"))),
    "double to half to float": ("float64", ROUNDED, of(lambda x: tf.cast(tf.cast(x, "float16"), "float32"))),
    "double to int": ("float64", [[127.9999999999, 16777217]], of(lambda x: tf.cast(x, "int32"))),
    "int to float and back": ("int64", [[2**24 + 1, 3], [2**53 + 1, -(2**24) - 1]], of(lambda x: tf.cast(tf.cast(x, "float32"), "int64"))),
    "int to double and back": ("int64", [[2**53 + 1, 3]], of(lambda x: tf.cast(tf.cast(x, "float64"), "int64"))),
    "bfloat16": ("float32", [[1, 2]], of(lambda x: tf.cast(tf.cast(x, "bfloat16"), "float32"))),
    "dense relu": ("float32", [[NAN, 1], [INF, 1], [INF, -INF], [NAN, NAN]], L.Dense(3, "relu")),
    "dense relu6": ("float32", [[NAN, 1], [INF, 1], [INF, -INF], [NAN, NAN]], lambda x: L.Activation("relu6")(L.Dense(3)(x))),
    "relu": ("float32", FLOATS, of(tf.nn.relu)),
    "relu6": ("float32", FLOATS, of(tf.nn.relu6)),
    "bins": ("float32", [[1, 0.5], [float("nan"), float("inf")], [-float("inf"), 1.5]], L.Discretization([0.5, 1.5])),
}  # fmt: skip


def described(tensor):
    return {"name": tensor["name"], "signature": shapes.signature(tensor), "dtype": tensor["dtype"], "shape": tensor["shape"]}


said = {}
for name, (dtype, records, layer) in list(MODELS.items())[mine]:
    keras.backend.clear_session()  # layers are numbered anew
    x = keras.Input((2,), dtype=dtype)
    trained = L.Dense(1, name="trained")(Layer(lambda _, v: tf.cast(v, "float32"))(x))
    model = keras.Model(x, {"trained": trained, "y": L.Identity(name="y")(layer(x))})
    model.compile("sgd", {"trained": "mse"})
    exporter = export.Exporter(model)
    try:
        form = onnx_form.convert(exporter)
    except onnx_trace.Unfit as e:
        said[name] = {"refused": str(e)}
        continue
    graph, weights = onnx.load_from_string(form), exporter.named_variables()
    for i in [i for i in graph.graph.input if i.name in weights]:
        graph.graph.input.remove(i)
        graph.graph.initializer.append(onnx.numpy_helper.from_array(weights[i.name].numpy(), i.name))
    output = next(t for t in exporter.outputs if t["name"] == "y")
    for o in [o for o in graph.graph.output if o.name != shapes.signature(output)]:
        graph.graph.output.remove(o)
    os.makedirs(os.path.join(folder, name))
    onnx.save(graph, os.path.join(folder, name, "model.onnx"))
    given, serve = [], tf.function(exporter.serve)
    for r in records:
        one = np.array([r], dtype)
        try:
            y = serve(tf.constant(one))[shapes.signature(output)].numpy().tobytes().hex()
        except (tf.errors.InvalidArgumentError, tf.errors.InternalError):
            y = None
        if name == "top_k of NaN":  # where it comes depends on how TensorFlow sorts
            y = None
        given.append({"record": one.tobytes().hex(), "values": str(r), "output": y})
    said[name] = {"input": described(exporter.inputs[0]), "output": described(output), "records": given}
print(json.dumps(said))
