"""Trains models with Keras' fit on one part of the records, then on another.

usage: onward.py WORKER OUT MODEL-CHANGE...

Leaves under OUT/<model>-<change> and OUT/<model>-<change>-parent what equality.py
leaves of a family: of the second fit, whose model differs from the first one's by
the change, and of the first. evaluated.json is what Keras then says of the records
of the second.
"""

import os
import sys

import equality  # it sets the path of the exporter
import export
import keras
import numpy as np
from keras import layers as L

FIRST = 48


def dense():
    m = keras.Sequential([keras.Input((3,)), L.Dense(16, "relu"), L.Dropout(0.2), L.Dense(2, "softmax")])
    m.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m


def cnn():
    m = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU(),
                          L.GlobalAveragePooling2D(), L.Dense(2, "softmax")], name="cnn")  # fmt: skip
    m.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m


def frozen(m):
    """As people freeze layers in Keras: not trainable, compiled again by the same optimizer."""
    for layer in m.layers[: -1 if m.name == "cnn" else 1]:
        layer.trainable = False
    m.compile(m.optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])


MODELS = {"dense": (dense, (3,)), "cnn": (cnn, (8, 8, 3))}
CHANGES = {
    "same": lambda m: None,
    "rate": lambda m: m.optimizer.learning_rate.assign(0.01),
    "frozen": frozen,
    "optimizer": lambda m: m.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"]),
}


FROZEN = {"dense": ["dense"], "cnn": ["conv*", "batch_*"]}  # the same, as a deployment says it


def leave(out, name, build, x, y, patterns=None):
    keras.backend.clear_session()  # layers are named as in a process of their own
    keras.utils.set_random_seed(3)
    directory = os.path.join(out, name)
    os.makedirs(directory)
    equality.keep(directory, "export.json", export.write(build(), directory, patterns=patterns)[0])
    equality.write(directory, "x", [x])
    equality.write(directory, "y", [y])
    return directory


def fit(model, directory, x, y):
    arguments = {"batch_size": 8, "epochs": 4}
    equality.keep(directory, "fit.json", arguments)
    history = model.fit(x, y, shuffle=False, verbose=0, **arguments).history
    equality.keep(directory, "history.json", {k: [float(v) for v in vs] for k, vs in history.items()})
    equality.keep(directory, "predict.json", [model.predict(x, verbose=0).astype(np.float64).ravel().tolist()])
    said = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    equality.keep(directory, "evaluated.json", {k: float(v) for k, v in said.items()})


def run(name, out):
    family, change = name.split("-")
    (build, shape), change = MODELS[family], CHANGES[change]
    rng = np.random.default_rng(1)
    x, y = rng.random((70, *shape), np.float32), rng.integers(0, 2, 70).astype(np.int32)

    def changed():
        model = build()
        change(model)
        return model

    parent = leave(out, name + "-parent", build, x[:FIRST], y[:FIRST])
    if change is frozen:
        child = leave(out, name, build, x[FIRST:], y[FIRST:], FROZEN[family])
    else:
        child = leave(out, name, changed, x[FIRST:], y[FIRST:])
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    model = build()
    fit(model, parent, x[:FIRST], y[:FIRST])
    change(model)
    fit(model, child, x[FIRST:], y[FIRST:])


for one in sys.argv[3:]:
    run(one, sys.argv[2])
