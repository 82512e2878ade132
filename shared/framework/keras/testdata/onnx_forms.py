"""Converts small models and runs the graphs by onnx's own evaluator beside Keras.

usage: onnx_forms.py WORKER_FOLDER SITE [SITE ...]

Prints, by model, why it has no ONNX form or the largest difference to Keras.
"""

import json
import sys

sys.path[:0] = sys.argv[1:]

import export
import keras
import numpy as np
import onnx
import onnx_form
import onnx_trace
import shapes
import tensorflow as tf
from keras import layers as L
from onnx.reference import ReferenceEvaluator

O = keras.ops


class Layer(keras.layers.Layer):
    """One whose call is the function that it is given; kept is a variable that only predictions change."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function
        self.kept = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        return self.function(self, x)


class Compiled(keras.layers.Layer):
    """Its call is traced before, with its variables in it; one of them Keras does not know."""

    def build(self, shape):
        self.kernel, self.shift = self.add_weight(shape=(shape[-1], 2)), tf.Variable(tf.ones([2]) * 3.0)

    @tf.function
    def call(self, x):
        return tf.cond(tf.reduce_sum(x) > 0, lambda: tf.matmul(x, self.kernel) + self.shift, lambda: tf.matmul(x, self.kernel))


def layer(function, *shape, dtype="float32", **kwargs):
    """A model of one such layer and a Dense one."""
    return keras.Sequential([keras.Input(shape or (4,), dtype=dtype), Layer(function, **kwargs), L.Flatten(), L.Dense(2)])


def functions():
    return layer(lambda _, x: O.concatenate([O.expm1(x), O.log1p(O.abs(x)), O.log1p(x * 1e-6) * 1e6, O.gelu(x, False), tf.math.erfc(x)], -1))


def types():
    kinds = ("uint8", "int8", "uint16", "int32", "int64", "bool", "float16", "float64")
    ins = [keras.Input((3,), dtype=t, name=t) for t in kinds]
    x = L.Concatenate()([Layer(lambda _, v: O.cast(v, "float32"))(i) for i in ins])
    p = L.Dense(3, "softmax", name="p")(x)
    ids = L.Flatten()(L.Embedding(5, 2)(ins[3]))
    return keras.Model(ins, {
        "p": p, "best": Layer(lambda _, v: O.argmax(v, -1), name="best")(p), "above": Layer(lambda _, v: v > 2, name="above")(ins[4]),
        "ids": L.Dense(1, name="ids")(ids), "same": ins[7],
    })  # fmt: skip


def numbers():
    x = keras.Input((4,))
    return keras.Model(x, L.Dense(1)(L.Concatenate()([
        L.Normalization()(x), L.Normalization(mean=1.0, variance=4.0)(x), L.CategoryEncoding(4, "multi_hot")(L.Discretization([0.2, 0.5, 0.9])(x)),
    ])))  # fmt: skip


def count(self, x):
    self.kept.assign_add(1.0)
    return x * 2.0


def remember(self, x):
    self.kept.assign_add(O.sum(x))
    return x * self.kept


def check(_, x):
    tf.debugging.assert_greater(x, -5.0)
    return x * 2.0


def same_name():
    a = keras.Input((4,), name="a")
    return keras.Model(a, {"a": L.Dense(1)(a)})


MODELS = {
    "functions": functions, "types": types, "numbers": numbers, "same name": same_name,
    "tf.function": lambda: keras.Sequential([keras.Input((4,)), Compiled(), L.Dense(1)]),
    "counts": lambda: layer(count), "remembers": lambda: layer(remember, name="own"), "checks": lambda: layer(check, name="own"),
    "gather": lambda: layer(lambda _, x: tf.gather(tf.range(5.0), x), dtype="int32"),
    "groups": lambda: keras.Sequential([keras.Input((6, 6, 4)), L.Conv2D(4, 2, groups=2), L.Flatten(), L.Dense(1)]),
    "bicubic": lambda: keras.Sequential([keras.Input((6, 6, 1)), L.Resizing(3, 3, interpolation="bicubic"), L.Flatten(), L.Dense(1)]),
    "boundaries to learn": lambda: keras.Sequential([keras.Input((4,)), L.Discretization(num_bins=4), L.Embedding(4, 2), L.Flatten(), L.Dense(1)]),
}  # fmt: skip


def difference(exporter, graph):
    """Of all outputs over two sizes of batch; types and shapes must be equal."""
    weights = {n: v.numpy() for n, v in exporter.named_variables().items()}
    model = onnx.load_from_string(graph)
    taken = {i.name: weights[i.name] for i in model.graph.input if i.name in weights}
    run, names, worst = ReferenceEvaluator(model), [o.name for o in model.graph.output], 0.0
    for records in (3, 1):
        xs = [np.random.default_rng(1).uniform(0, 5, (records, *t["shape"])).astype(t["dtype"]) for t in exporter.inputs]
        want = exporter.serve(*map(tf.constant, xs))
        got = run.run(None, dict(taken, **{shapes.signature(t): x for t, x in zip(exporter.inputs, xs)}))
        assert names == [shapes.signature(t) for t in exporter.outputs], names
        for name, g in zip(names, got):
            w = want[name].numpy()
            assert (g.dtype, g.shape) == (w.dtype, w.shape), (name, g.dtype, g.shape, w.dtype, w.shape)
            worst = max(worst, float(np.max(np.abs(g.astype("float64") - w) / np.maximum(np.abs(w), 1.0))))
    return worst


said = {}
for name, make in MODELS.items():
    model = make()
    model.compile("sgd", {"p": "sparse_categorical_crossentropy"} if name == "types" else "mse")
    exporter = export.Exporter(model)
    try:
        said[name] = {"difference": difference(exporter, onnx_form.convert(exporter))}
    except onnx_trace.Unfit as e:
        said[name] = {"reason": str(e)}
print(json.dumps(said))
