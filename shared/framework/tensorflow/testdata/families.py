"""The model families whose training must equal Keras' fit.

Each function returns a compiled model, the arrays to train on, the labels and,
where they differ from the defaults of equality.py, arguments of fit.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

RNG = np.random.default_rng(0)


def x(n, *shape):
    return RNG.random((n, *shape), np.float32)


def classes(n, count):
    return RNG.integers(0, count, n).astype(np.int32)


def dense():
    m = keras.Sequential([keras.Input((3,)), L.Dense(4, activation="sigmoid"), L.Dense(2, activation="softmax")])
    m.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m, [x(70, 3)], [classes(70, 2)], {"steps_per_epoch": 3, "validation_freq": 2}


def weighted():
    m = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="softmax")])
    m.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    return m, [x(50, 4)], [classes(50, 3)], {"class_weight": {0: 0.5, 1: 2.0, 2: 3.0}, "initial_epoch": 1}


def cnn():
    m = keras.Sequential(
        [keras.Input((8, 8, 3)), L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU(),
         L.GlobalAveragePooling2D(), L.Dense(3, activation="softmax")]
    )  # fmt: skip
    m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m, [x(50, 8, 8, 3)], [classes(50, 3)], {}


def lstm():
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    m = keras.Sequential([keras.Input((12, 2)), L.LSTM(8), L.Dense(1)])
    m.compile(keras.optimizers.SGD(rate, momentum=0.9), "mse", metrics=["mae"])
    return m, [x(40, 12, 2)], [x(40, 1)], {"validation_steps": 1}


def inputs():
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b.c")
    o = L.Dense(1, activation="sigmoid")(L.Dense(4, "relu")(L.Concatenate()([a, b])))
    m = keras.Model([a, b], o)
    m.compile("rmsprop", "binary_crossentropy", metrics=[keras.metrics.AUC(), "accuracy"])
    return m, [x(40, 3), x(40, 2)], [classes(40, 2).astype(np.float32).reshape(-1, 1)], {}


def named_inputs():
    a, b = keras.Input((3,), name="p"), keras.Input((2,), name="q")
    m = keras.Model({"q": b, "p": a}, L.Dense(1)(L.Concatenate()([a, b])))
    m.compile("sgd", "mae")
    return m, {"p": x(40, 3), "q": x(40, 2)}, [x(40, 1)], {}


def outputs():
    i = keras.Input((4,))
    h = L.Dense(4)(i)
    m = keras.Model(i, {"r": L.Dense(1, name="r")(h), "c": L.Dense(3, activation="softmax", name="c")(h)})
    m.compile("adam", {"r": "mse", "c": "sparse_categorical_crossentropy"}, metrics={"c": ["accuracy"]},
              loss_weights={"r": 0.5, "c": 2.0})  # fmt: skip
    return m, [x(40, 4)], {"c": classes(40, 3), "r": x(40, 1)}, {}


def listed_outputs():
    i = keras.Input((4,))
    m = keras.Model(i, [L.Dense(1, name="one")(i), L.Dense(2, name="two")(i)])
    m.compile("adam", ["mse", "mae"])
    return m, [x(40, 4)], [x(40, 1), x(40, 2)], {}


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = L.Dense(4, activation="relu"), L.Dense(1)

    def call(self, x, training=False):
        return self.out(self.hidden(x))


def subclassed():
    def absolute(y, p):
        return tf.reduce_mean(tf.abs(y - p))

    m = Subclassed()
    m.build((None, 5))
    m.compile("adagrad", absolute)
    return m, [x(40, 5)], [x(40, 1)], {}


class Stepped(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            p = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=p)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        return {"loss": loss, "norm": tf.linalg.global_norm(grads)}


def custom_step():
    i = keras.Input((4,))
    m = Stepped(i, L.Dense(2, activation="softmax")(i))
    m.compile("adamw", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m, [x(48, 4)], [classes(48, 2)], {}


class Scale(keras.layers.Layer):
    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", regularizer="l2")

    def call(self, x):
        return x * self.gain


class Within(keras.metrics.Metric):
    def __init__(self, name="within", **kw):
        super().__init__(name=name, **kw)
        self.hits = self.add_weight(initializer="zeros", name="hits")
        self.seen = self.add_weight(initializer="zeros", name="seen")

    def update_state(self, y, p, sample_weight=None):
        self.hits.assign_add(tf.reduce_sum(tf.cast(tf.abs(y - p) < 0.2, tf.float32)))
        self.seen.assign_add(tf.cast(tf.size(y), tf.float32))

    def result(self):
        return self.hits / self.seen


def custom_parts():
    m = keras.Sequential([keras.Input((5,)), Scale(), L.Dense(1)])
    m.compile("nadam", keras.losses.Huber(), metrics=[Within()])
    return m, [x(40, 5)], [x(40, 1)], {}


class Autoencoder(keras.Model):
    def __init__(self):
        super().__init__()
        self.code, self.back = L.Dense(2), L.Dense(4)

    def call(self, x):
        y = self.back(self.code(x))
        self.add_loss(keras.ops.mean(keras.ops.square(x - y)))
        return y


def unlabelled():
    m = Autoencoder()
    m(np.zeros((1, 4), np.float32))
    m.compile("adam")
    return m, [x(40, 4)], [], {}


def averaged():
    m = keras.Sequential([keras.Input((4,)), L.Dense(1)])
    m.compile(keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=2), "mse")
    return m, [x(40, 4)], [x(40, 1)], {}


def text():
    """A text and a number; the words are looked up, unknown ones share a place."""
    say, n = keras.Input((1,), dtype="string", name="say"), keras.Input((2,), name="n")
    words = L.TextVectorization(vocabulary=["good", "bad", "film"], output_sequence_length=5)(say)
    seen = L.GlobalAveragePooling1D()(L.Embedding(6, 4)(words))
    m = keras.Model([say, n], L.Dense(2, activation="softmax")(L.Concatenate()([seen, n])))
    m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    told = [["a good film", "bad", "", "good, good " * 9 + "é"][i] for i in np.random.randint(0, 4, 48)]
    return m, [tf.constant(told, shape=(48, 1)), x(48, 2)], [classes(48, 2)], {}


FAMILIES = [dense, weighted, cnn, lstm, inputs, named_inputs, outputs, listed_outputs, subclassed,
            custom_step, custom_parts, unlabelled, averaged, text]  # fmt: skip
