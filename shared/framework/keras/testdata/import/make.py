"""Writes models as people save them, and in trained.json what one of them says:

    pip install tensorflow-cpu
    python make.py
"""

import json
import os
import tempfile
import zipfile

import keras
import numpy as np
import tensorflow as tf
from keras import layers

keras.utils.set_random_seed(1)
X = np.random.rand(64, 3).astype("float32")
Y = (X.sum(1) > 1.5).astype("int32")


def small(*more):
    return keras.Sequential([keras.Input((3,)), *more, layers.Dense(4, "relu"), layers.Dense(2, "softmax")])


def zipped(name, save):
    """Saves a SavedModel and zips its folder."""
    with tempfile.TemporaryDirectory() as d, zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as z:
        save(d + "/model")
        for folder, _, files in os.walk(d + "/model"):
            for f in files:
                path = os.path.join(folder, f)
                z.write(path, os.path.relpath(path, d))


trained = small()
trained.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
trained.fit(X, Y, epochs=200, verbose=0)
trained.save("trained.keras")
zipped("trained.zip", lambda d: trained.export(d, verbose=False))
with open("trained.json", "w") as f:
    loss = trained.evaluate(X[:8], Y[:8], batch_size=8, verbose=0)[0]  # what fit reports of one step, before it
    json.dump({"inputs": X[:8].tolist(), "outputs": trained.predict(X[:8], verbose=0).tolist(), "labels": Y[:8].tolist(), "loss": loss}, f)

small().save("uncompiled.keras")

model = keras.Sequential([keras.Input((6, 2)), layers.LSTM(4), layers.Dense(1)])
model.compile("adam", "mse")
model.save("lstm.keras")

model = small(layers.Lambda(lambda x: x * 2))
model.compile("sgd", "sparse_categorical_crossentropy")
model.save("lambda.keras")


@keras.saving.register_keras_serializable("mine")
class Twice(layers.Layer):
    def call(self, x):
        return 2 * x


model = small(Twice())
model.compile("sgd", "sparse_categorical_crossentropy")
model.save("custom_layer.keras")

model = small()
model.compile("sgd", lambda y, p: keras.ops.mean(p))
model.save("custom_loss.keras")

words = layers.StringLookup(output_mode="one_hot")
words.adapt(np.array(["low", "high"]))
model = keras.Sequential([keras.Input((1,), dtype="string"), words, layers.Dense(1)])
model.compile("sgd", "mse")
model.save("words.keras")
with open("words.txt", "w") as f:
    f.write("low\nhigh\n")
words = layers.StringLookup(vocabulary="words.txt")
model = keras.Sequential([keras.Input((1,), dtype="string"), words])
zipped("assets.zip", lambda d: model.export(d, verbose=False))
os.remove("words.txt")

nothing = tf.Module()
nothing.weight = tf.Variable([1.0])
zipped("unsigned.zip", lambda d: tf.saved_model.save(nothing, d))
