"""Trains models for some steps, on whole batches and with convolutions on halves of
them, and prints, by the model's name, how many convolutions ran in halves, whether that
pays, and how far apart losses and weights are.

usage: halves.py WORKER SITE_PACKAGES
"""

import json
import os
import sys

sys.path[:0] = sys.argv[1:3]
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import halves
import keras
import numpy as np
import tensorflow as tf
from keras import layers

IMAGE = (12, 12, 2)


def net(*between, activation="softmax", shape=IMAGE):
    return keras.Sequential([keras.Input(shape), *between, layers.Flatten(), layers.Dense(3, activation=activation)])


def conv(filters=4, **options):
    return layers.Conv2D(filters, 3, padding="same", **options)


def residual():
    x = keras.Input(IMAGE)
    a = conv(activation="relu")(x)
    b = layers.ReLU()(layers.Add()([conv()(a), a]))
    c = layers.Concatenate()([layers.UpSampling2D()(layers.MaxPooling2D()(b)), a, x])
    return keras.Model(x, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(conv()(c))))


def along_records():
    """What is concatenated along the batch, or gated by a sigmoid, or multiplied with a whole tensor."""
    x, scale = keras.Input(IMAGE), keras.Input((1, 1, 4))
    a = conv(activation="relu")(x)
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D()(a))
    b = layers.Multiply()([a, layers.Reshape((1, 1, 4))(gate), scale])
    both = layers.Lambda(lambda v: v[: tf.shape(v)[0] // 2])(layers.Concatenate(axis=0)([b, b]))
    return keras.Model([x, scale], layers.Dense(3, activation="softmax")(layers.Flatten()(both)))


def nested():
    inner = keras.Sequential([keras.Input(IMAGE), conv(activation="relu"), layers.MaxPooling2D(), conv(activation="gelu")], name="inner")
    a, b = keras.Input(IMAGE), keras.Input(IMAGE)
    return keras.Model([a, b], layers.Dense(3, activation="softmax")(layers.Flatten()(layers.Subtract()([inner(a), inner(b)]))))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.all = [conv(activation="relu"), layers.Flatten(), layers.Dense(3, activation="softmax")]

    def call(self, x):
        for l in self.all:
            x = l(x)
        return x


MODELS = {
    "plain": lambda: net(conv(activation="relu"), layers.MaxPooling2D(), conv(activation="relu"), layers.MaxPooling2D()),
    "saturated": lambda: net(layers.Rescaling(1000.0), conv(activation="relu"), layers.MaxPooling2D()),
    "dropout": lambda: net(conv(activation="relu"), layers.MaxPooling2D(), layers.Dropout(0.5)),
    "normalized": lambda: net(conv(), layers.BatchNormalization(), layers.ReLU(), conv(), layers.BatchNormalization(), layers.ReLU()),
    "activity": lambda: net(conv(activation="relu", activity_regularizer="l2", kernel_regularizer="l2"), layers.MaxPooling2D(), conv(), layers.ReLU(), layers.MaxPooling2D()),
    "its own activation": lambda: net(conv(activation=lambda v: v / (1.0 + tf.reduce_max(tf.abs(v)))), layers.MaxPooling2D()),
    "one dimension": lambda: net(layers.Conv1D(4, 3, activation="relu"), layers.MaxPooling1D(), layers.SeparableConv1D(4, 3), layers.PReLU(), shape=(30, 2)),
    "masked": lambda: net(layers.Masking(), layers.Conv1D(4, 3, padding="same", activation="relu"), layers.LSTM(4), shape=(30, 2)),
    "others": lambda: net(layers.DepthwiseConv2D(3), layers.LeakyReLU(), layers.Conv2DTranspose(3, 3), layers.Cropping2D(1), layers.ZeroPadding2D(), layers.AveragePooling2D(2),
                          layers.Permute((2, 1, 3)), layers.Reshape((36, 3)), layers.Conv1D(2, 3, activation="tanh")),
    "residual": residual, "along records": along_records, "nested": nested, "subclassed": Subclassed,
}  # fmt: skip


def run(model, step, batches, kept):
    variables = model.variables + model.optimizer.variables
    for v, was in zip(variables, kept):
        v.assign(was)
    losses = []
    for *x, y in batches:
        model.reset_metrics()
        losses.append(float(step(*x, y)["loss"]))
    return np.array(losses), np.concatenate([v.numpy().ravel() for v in model.trainable_variables])


said = {}
for name, make in MODELS.items():
    keras.utils.set_random_seed(3)
    model = make()
    shapes = [tuple(t.shape[1:]) for t in model.inputs] if name != "subclassed" else [IMAGE]
    rng = np.random.default_rng(5)
    batches = [(*(tf.constant(rng.random((n, *s)), tf.float32) for s in shapes), tf.constant(rng.integers(0, 3, n))) for n in (8, 9, 2, 3)]
    model(batches[0][0] if len(shapes) == 1 else list(batches[0][:-1]))
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)

    def trace():
        signature = [tf.TensorSpec((None, *s)) for s in shapes] + [tf.TensorSpec((None,), tf.int64)]
        call = lambda *b: model.train_step((b[0] if len(shapes) == 1 else b[:-1], b[-1]))  # noqa: E731
        return tf.function(call, input_signature=signature, autograph=False).get_concrete_function()

    whole = trace()
    pays, halves.Work.pays = halves.Work.pays, lambda work: True
    halved = halves.in_halves(trace)()
    halves.Work.pays = pays
    kept = [v.numpy() for v in model.variables + model.optimizer.variables]
    a, b = run(model, whole, batches, kept), run(model, halved, batches, kept)
    cut = sum(n.op.startswith(("Conv", "DepthwiseConv")) and "Backprop" not in n.op for n in halved.graph.as_graph_def().node)
    cut -= sum(n.op.startswith(("Conv", "DepthwiseConv")) and "Backprop" not in n.op for n in whole.graph.as_graph_def().node)
    said[name] = {
        "more": cut, "pays": halves.in_halves(trace)() is not None, "loss": float(np.max(np.abs(a[0] - b[0]) / np.abs(a[0]))),
        "weights": float(np.max(np.abs(a[1] - b[1]))), "moved": float(np.max(np.abs(a[1] - np.concatenate([k.ravel() for v, k in zip(model.variables, kept) if v.trainable])))),
    }  # fmt: skip
json.dump(said, sys.stdout)
