"""Exports the models of the tests, with what Keras says of a few records.

usage: models.py WORKER_FOLDER OUT

For each model OUT/<name>/ holds the export, export.json (pipeline.Export) and
records.json: {"inputs": {name: rows}, "outputs": {name: rows}}.
"""

import json
import os
import sys

sys.path.insert(0, sys.argv[1])

import export
import keras
import numpy as np
import onnx_form
import tensorflow as tf


def small():
    model = keras.Sequential([
        keras.Input((3,)), keras.layers.Dense(4, activation="sigmoid"), keras.layers.Dense(2, activation="softmax"),
    ])
    model.compile(loss="sparse_categorical_crossentropy")
    return model, [np.random.rand(5, 3).astype("float32")]


def mnist():
    model = keras.Sequential([
        keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ])
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, [np.random.randint(0, 256, (5, 28, 28)).astype("float32")]


def cnn():
    model = keras.Sequential([
        keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.MaxPooling2D(), keras.layers.Flatten(),
        keras.layers.Dropout(0.2), keras.layers.Dense(3, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, [np.random.rand(5, 8, 8, 1).astype("float32")]


def convolved():
    """So many operations that a step runs on all cores."""
    model = keras.Sequential([
        keras.Input((16, 16, 4)), keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
        keras.layers.Conv2D(32, 3, padding="same", activation="relu"), keras.layers.MaxPooling2D(), keras.layers.Flatten(),
        keras.layers.Dropout(0.5), keras.layers.Dense(3, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, [np.random.rand(5, 16, 16, 4).astype("float32")]


def several():
    """Two inputs, of which one is of integers, and two outputs."""
    left = keras.Input((2,), name="left")
    right = keras.Input((3,), dtype="int32", name="right")
    mixed = keras.layers.Concatenate()([left, keras.layers.Flatten()(keras.layers.Embedding(10, 2)(right))])
    total = keras.layers.Dense(1, name="total")(mixed)
    grid = keras.layers.Reshape((2, 2), name="grid")(keras.layers.Dense(4)(mixed))
    model = keras.Model([left, right], {"total": total, "grid": grid})
    model.compile(loss={"total": "mse", "grid": "mse"})
    return model, [np.random.rand(5, 2).astype("float32"), np.random.randint(0, 10, (5, 3)).astype("int32")]


def words():
    """One input of integers: a number above 9 makes the graph fail."""
    model = keras.Sequential([
        keras.Input((4,), dtype="int32"), keras.layers.Embedding(10, 3), keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(1),
    ])
    model.compile(loss="mse")
    return model, [np.random.randint(0, 10, (5, 4)).astype("int32")]


def fatal():
    """Three numbers and their sum. A first one below 0 ends the process: a transform of no length fails an assertion."""
    class Transform(keras.layers.Layer):
        def call(self, x):
            length = 1 + tf.cast(tf.minimum(tf.floor(tf.reduce_min(x[:, :1])), 0.0), tf.int32)
            whole = tf.raw_ops.RFFT(input=tf.stop_gradient(tf.reshape(x, [-1])), fft_length=tf.reshape(length, [1]))
            return tf.reduce_sum(x, axis=1, keepdims=True) + 0.0 * tf.reduce_sum(tf.math.real(whole))

    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Dense(1, kernel_initializer="ones")(Transform()(x)))
    model.compile("sgd", "mse")
    return model, [np.random.rand(5, 3).astype("float32")]


def sequence():
    """A length that the model leaves open, in and out."""
    model = keras.Sequential([keras.Input((None, 2)), keras.layers.LSTM(3, return_sequences=True)])
    model.compile(loss="mse")
    return model, [np.random.rand(5, 4, 2).astype("float32")]


def distance():
    """The root of a distance: its gradient at 0 is one number in the graph and NaN under XLA."""
    def contrastive(y, d):
        return keras.ops.mean(y * keras.ops.square(d) + (1.0 - y) * keras.ops.square(keras.ops.maximum(1.0 - d, 0.0)))

    class Distance(keras.layers.Layer):
        def call(self, a, b):
            return keras.ops.sqrt(keras.ops.sum(keras.ops.square(a - b), axis=1, keepdims=True))

    tower = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model([a, b], Distance()(tower(a), tower(b)))
    model.compile("adam", contrastive)
    return model, [np.random.rand(5, 4).astype("float32"), np.random.rand(5, 4).astype("float32")]


def own_classes():
    """Classes below a loss of one's own, of which nobody knows how many there are."""
    def penalized(y, p):
        return keras.losses.sparse_categorical_crossentropy(y, p) + 0.1

    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, activation="softmax")])
    model.compile("adam", penalized)
    return model, [np.random.rand(5, 6).astype("float32")]


def structured():
    """A number, a text and a whole number, looked up in tables; the sum says which."""
    age = keras.Input((1,), name="age")
    job = keras.Input((1,), dtype="string", name="job")
    zone = keras.Input((1,), dtype="int64", name="zone")
    x = keras.layers.Concatenate()([
        keras.layers.Normalization(mean=40.0, variance=100.0)(age),
        keras.layers.StringLookup(vocabulary=["clerk", "nurse", "a pilot whose title is long"], output_mode="one_hot")(job),
        keras.layers.IntegerLookup(vocabulary=[10, 20], output_mode="one_hot")(zone),
    ])
    kernel = np.array([1, 0, 10, 20, 30, 0, 100, 200], "float32").reshape(8, 1)
    out = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(kernel))(x)
    model = keras.Model([age, job, zone], out)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    jobs = np.array([["nurse"], ["cook"], [""], ["a pilot whose title is long"], ["clerk"]], object)
    return model, [np.array([[50], [40], [30], [20], [45]], "float32"), jobs, np.array([[20], [99], [10], [20], [10]], "int64")]


def review():
    """One text, cut into words that were learnt: their table is saved with the variables."""
    words = keras.layers.TextVectorization(max_tokens=8, output_sequence_length=4)
    words.adapt(tf.constant(["good film", "bad film", "a good story", "é é"]))
    model = keras.Sequential([
        keras.Input((1,), dtype="string", name="review"), words, keras.layers.Embedding(8, 3),
        keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy")
    texts = ["good film", "a bad film, " * 20, "", "é", "good good bad"]
    return model, [np.array([[t] for t in texts], object)]


def letters():
    """One text: "c" and "d" have places beyond the table, and make the graph fail."""
    look = keras.layers.StringLookup(vocabulary=["a", "b", "c", "d"])
    model = keras.Sequential([
        keras.Input((2,), dtype="string", name="letters"), look, keras.layers.Embedding(3, 2),
        keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1),
    ])
    model.compile("sgd", "mse")
    return model, [np.array([["a", "b"], ["b", "a"], ["a", "other"], ["b", ""], ["b", "b"]], object)]


def worded():
    """Probabilities, and the class and the two likeliest as words, which have no loss."""
    vocabulary = ["bad", "a good one, whose name is longer than others", "é"]
    x = keras.Input((3,), name="x")
    kernel = keras.initializers.Constant(np.array([[5, 0, 0, 1], [0, 5, 0, 1], [0, 0, 5, 1]], "float32"))
    chances = keras.layers.Dense(4, activation="softmax", kernel_initializer=kernel, name="chances")(x)
    best = keras.layers.Lambda(lambda p: keras.ops.argmax(p, axis=-1))(chances)
    two = keras.layers.Lambda(lambda p: keras.ops.top_k(p, 2)[1])(chances)
    word = keras.layers.StringLookup(vocabulary=vocabulary, invert=True, name="word")(best)
    words = keras.layers.StringLookup(vocabulary=vocabulary, invert=True, name="words")(two)
    model = keras.Model(x, {"chances": chances, "word": word, "words": words})
    model.compile("adam", {"chances": "sparse_categorical_crossentropy"})
    return model, [np.array([[1, 0, 0.2], [0.3, 1, 0], [0, 0.2, 1], [-1, -0.9, -1.1], [0.5, 1, 0.4]], "float32")]


def noisy():
    """What acts otherwise in training, and draws at random."""
    model = keras.Sequential([
        keras.Input((4,)), keras.layers.Dense(6), keras.layers.BatchNormalization(), keras.layers.Dropout(0.3),
        keras.layers.Dense(1, activation="sigmoid"),
    ])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, [np.random.rand(5, 4).astype("float32")]


def tensors(arrays):
    """What a model is called with."""
    all_ = [tf.constant(a) for a in arrays]
    return all_ if len(all_) > 1 else all_[0]


def rows(ys):
    """An output as lists, text as str."""
    ys = np.asarray(ys)
    return np.vectorize(bytes.decode, otypes=[object])(ys).tolist() if ys.dtype == object else ys.tolist()


for make in (small, mnist, cnn, convolved, several, words, fatal, sequence, distance, own_classes, structured, review, letters, worded, noisy):
    keras.utils.set_random_seed(7)
    model, inputs = make()
    folder = os.path.join(sys.argv[2], make.__name__)
    os.makedirs(folder)
    said, exporter = export.write(model, folder)
    said["no_onnx"] = onnx_form.write(exporter, os.path.join(folder, "open.onnx"))
    outputs = model(tensors(inputs), training=False)
    if not isinstance(outputs, dict):
        outputs = {said["outputs"][0]["name"]: outputs}
    with open(os.path.join(folder, "export.json"), "w") as f:
        json.dump(said, f)
    with open(os.path.join(folder, "records.json"), "w") as f:
        json.dump({
            "inputs": {t["name"]: x.tolist() for t, x in zip(said["inputs"], inputs)},
            "outputs": {name: rows(y) for name, y in outputs.items()},
        }, f)
