"""Trains models with Keras' fit under EarlyStopping and ReduceLROnPlateau.

usage: stopping.py WORKER OUT MODEL-SEED...

Leaves under OUT/<model>-<seed> what equality.py leaves of a family, and
callbacks.json: the arguments of the callbacks, what they came to, and what
evaluate then says of the records held back.
"""

import os
import sys

import equality  # it sets the path of the exporter
import export
import keras
import numpy as np
from keras import layers as L

EPOCHS = 40


def dense():
    m = keras.Sequential([keras.Input((3,)), L.Dense(16, "relu"), L.Dropout(0.2), L.Dense(2, "softmax")])
    m.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m, (3,), 2, {"restore_best_weights": True, "patience": 2}, None


def cnn():
    m = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU(),
                          L.GlobalAveragePooling2D(), L.Dense(3, "softmax")])  # fmt: skip
    m.compile(keras.optimizers.SGD(0.2, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    stopping = {"monitor": "val_accuracy", "patience": 4, "min_delta": 0.01, "restore_best_weights": True}
    return m, (8, 8, 3), 3, stopping, {"monitor": "loss", "factor": 0.5, "patience": 1, "min_delta": 0.02}


def lstm():
    m = keras.Sequential([keras.Input((6, 2)), L.LSTM(8), L.Dense(3, "softmax")])
    m.compile(keras.optimizers.Adam(0.05, use_ema=True), "sparse_categorical_crossentropy", metrics=["accuracy"])
    stopping = {"patience": 3, "start_from_epoch": 3, "baseline": 1.5, "restore_best_weights": True}
    return m, (6, 2), 3, stopping, {"patience": 1, "cooldown": 1, "min_lr": 0.001, "factor": 0.3}


def run(name, out):
    family, seed = name.split("-")
    keras.utils.set_random_seed(int(seed))
    keras.backend.clear_session()
    model, shape, classes, stopping, plateau = globals()[family]()
    rng = np.random.default_rng(int(seed))
    x, y = rng.random((70, *shape), np.float32), rng.integers(0, classes, 70).astype(np.int32)
    directory = os.path.join(out, name)
    os.makedirs(directory)
    equality.keep(directory, "export.json", export.export(model, directory))
    held = equality.VALIDATION
    for prefix, piece in (("", slice(0, -held)), ("v", slice(-held, None))):
        equality.write(directory, prefix + "x", [x[piece]])
        equality.write(directory, prefix + "y", [y[piece]])
    arguments = {"batch_size": 8, "epochs": EPOCHS}
    equality.keep(directory, "fit.json", arguments)
    callbacks = [keras.callbacks.EarlyStopping(**stopping)]
    callbacks += [keras.callbacks.ReduceLROnPlateau(**plateau)] if plateau else []
    history = model.fit(x[:-held], y[:-held], validation_data=(x[-held:], y[-held:]), shuffle=False, verbose=0,
                        callbacks=callbacks, **arguments).history  # fmt: skip
    equality.keep(directory, "history.json", {k: [float(v) for v in vs] for k, vs in history.items()})
    equality.keep(directory, "predict.json", [model.predict(x[-held:], verbose=0).astype(np.float64).ravel().tolist()])
    equality.keep(directory, "callbacks.json", {
        "early_stopping": stopping, "reduce_lr_on_plateau": plateau,
        "stopped": callbacks[0].stopped_epoch + 1 if model.stop_training else 0, "best": callbacks[0].best_epoch + 1,
        "evaluated": {k: float(v) for k, v in model.evaluate(x[-held:], y[-held:], batch_size=8, verbose=0, return_dict=True).items()},
    })  # fmt: skip


for one in sys.argv[3:]:
    run(one, sys.argv[2])
