"""Trains classifiers in plain Keras on few labels, then by their own.

usage: unsupervised.py WORKER OUT KIND... Exports a model to OUT/KIND, and leaves there
its records (x, y, unlabelled; validation are the last ones of x) and expected.json: the
metrics of each epoch, and of each round how many records got each class.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, sys.argv[1])

import export
import keras
import numpy as np
from keras import layers as L

LABELLED, HELD, UNLABELLED, ROUNDS, CONFIDENCE, EPOCHS, BATCH = 60, 40, 300, 3, 0.8, 6, 8


def label(kind, c):
    return np.eye(3, dtype=np.uint8)[c] if kind == "one_hot" else c.astype(np.uint8)


def build(kind):
    last = L.Dense(1, "sigmoid") if kind == "sigmoid" else L.Dense(3, "softmax")
    loss = {"softmax": "sparse_categorical_crossentropy", "one_hot": "categorical_crossentropy", "sigmoid": "binary_crossentropy"}[kind]
    m = keras.Sequential([keras.Input((2,)), L.Dense(16, "relu"), L.Dropout(0.1), last])
    m.compile(keras.optimizers.Adam(0.03), loss, metrics=["accuracy"])
    return m


def draw(rng, n, classes):
    y = rng.integers(0, classes, n)
    centres = np.array([[0, 0], [2, 0.5], [0.5, 2]], np.float32)
    return (centres[y] + rng.normal(0, 0.6, (n, 2))).astype(np.float32), y


def train(kind, model, x, y, held, left):
    """The metrics of all epochs, the labels of each round, and how many have none."""
    epochs, rounds = [], []
    for turn in range(1 + ROUNDS):
        if turn > 0:
            said = model.predict(left, verbose=0)
            if kind == "sigmoid":
                said = np.concatenate([1 - said, said], axis=1)
            sure, classes = said.max(axis=1) >= CONFIDENCE, said.argmax(axis=1)
            rounds.append({str(c): int(n) for c, n in zip(*np.unique(classes[sure], return_counts=True), strict=True)})
            if not sure.any():
                break
            x, y, left = np.concatenate([x, left[sure]]), np.concatenate([y, label(kind, classes[sure])]), left[~sure]
        history = model.fit(x, y, validation_data=held, batch_size=BATCH, validation_batch_size=BATCH,
                            epochs=EPOCHS, shuffle=False, verbose=0).history  # fmt: skip
        epochs += [{k: float(v[i]) for k, v in history.items()} for i in range(EPOCHS)]
        if len(left) == 0:
            break
    return {"epochs": epochs, "rounds": rounds, "left": len(left)}


def run(kind, out):
    os.makedirs(out)
    rng, classes = np.random.default_rng(5), 2 if kind == "sigmoid" else 3
    x, y = draw(rng, LABELLED + HELD, classes)
    left, _ = draw(rng, UNLABELLED, classes)
    y = label(kind, y)
    for name, values in {"x": x, "unlabelled": left, "y": y}.items():
        values.tofile(os.path.join(out, name))
    keras.utils.set_random_seed(3)
    description = export.export(build(kind), out)
    keras.utils.set_random_seed(3)
    expected = train(kind, build(kind), x[:LABELLED], y[:LABELLED], (x[LABELLED:], y[LABELLED:]), left)
    for name, value in {"export": description, "expected": expected}.items():
        with open(os.path.join(out, name + ".json"), "w") as f:
            json.dump(value, f)


for kind in sys.argv[3:]:
    run(kind, os.path.join(sys.argv[2], kind))
