"""What learns from a stream record by record: River, and a loop of Keras' train_on_batch.

usage: stream.py data FOLDER           writes River's Phishing: x.bin (float32) and y.bin (uint8)
       stream.py river DATA.npz COUNT  prints records/s and the progressive accuracy in %
       stream.py keras DATA.npz COUNT BATCH

The rates are those of the loops alone: records lie in memory, programs have started.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np


def data(folder):
    from river import datasets

    rows = list(datasets.Phishing())
    np.array([list(x.values()) for x, _ in rows], np.float32).tofile(f"{folder}/x.bin")
    np.array([y for _, y in rows], np.uint8).tofile(f"{folder}/y.bin")


def load(path):
    with np.load(path) as z:
        return z["x"], z["y"]


def river(path, count):
    from river import linear_model, preprocessing

    x, y = load(path)
    rows = [(dict(enumerate(map(float, r))), bool(label)) for r, label in zip(x, y)]
    model, right, began = preprocessing.StandardScaler() | linear_model.LogisticRegression(), 0, time.perf_counter()
    for i in range(count):
        record, label = rows[i % len(rows)]
        right += model.predict_one(record) == label
        model.learn_one(record, label)
    print(count / (time.perf_counter() - began), 100 * right / count)


def keras(path, count, batch):
    import models

    x, y = load(path)
    x, y = np.resize(x, (count, *x.shape[1:])), np.resize(y, count)
    model = models.build("phishing")
    model.train_on_batch(x[:batch], y[:batch])  # which traces it
    began = time.perf_counter()
    for at in range(0, count, batch):
        result = model.train_on_batch(x[at : at + batch], y[at : at + batch], return_dict=True)
    print(count / (time.perf_counter() - began), 100 * float(result["accuracy"]))


{"data": data, "river": river, "keras": keras}[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:]))
