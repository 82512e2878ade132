"""Writes small models of Keras as ONNX graphs, and what TensorFlow gives for records at the edges of what they take.

usage: edges.py FOLDER WORKER_FOLDER SITE [SITE ...]

Writes FOLDER/NAME/model.onnx and prints, by name, the model's input and output
and its records: the bytes of each and what it gives, null where TensorFlow
refuses it.
"""

import json
import os
import sys

folder = sys.argv[1]
sys.path[:0] = sys.argv[2:]

import export
import keras
import numpy as np
import onnx
import onnx_form
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
    "bins": ("float32", [[1, 0.5], [float("nan"), float("inf")], [-float("inf"), 1.5]], L.Discretization([0.5, 1.5])),
}  # fmt: skip


def described(tensor):
    return {"name": tensor["name"], "signature": shapes.signature(tensor), "dtype": tensor["dtype"], "shape": tensor["shape"]}


said = {}
for name, (dtype, records, layer) in MODELS.items():
    x = keras.Input((2,), dtype=dtype)
    trained = L.Dense(1, name="trained")(Layer(lambda _, v: tf.cast(v, "float32"))(x))
    model = keras.Model(x, {"trained": trained, "y": L.Identity(name="y")(layer(x))})
    model.compile("sgd", {"trained": "mse"})
    exporter = export.Exporter(model)
    graph, weights = onnx.load_from_string(onnx_form.convert(exporter)), exporter.named_variables()
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
        given.append({"record": one.tobytes().hex(), "values": str(r), "output": y})
    said[name] = {"input": described(exporter.inputs[0]), "output": described(output), "records": given}
print(json.dumps(said))
