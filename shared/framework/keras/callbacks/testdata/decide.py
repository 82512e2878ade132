"""Writes what Keras' own callbacks decide on made-up epochs, as JSON.

usage: decide.py OUT
"""

import json
import sys
import warnings

import keras
import numpy as np

RNG = np.random.default_rng(3)
warnings.simplefilter("ignore")  # of metrics that an epoch does not have


class Optimizer:
    def __init__(self, rate):
        self.learning_rate = rate


class Model:
    """As much of a model as callbacks look at."""

    def __init__(self, rate):
        self.stop_training, self.optimizer, self.weights = False, Optimizer(np.float32(rate)), -1

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def pick(*values):
    return values[RNG.integers(len(values))]


def case():
    epochs, monitor, mode = int(RNG.integers(1, 25)), pick("loss", "val_loss", "val_accuracy"), None
    mode = "max" if monitor == "val_accuracy" else "min"
    stopping = {
        "monitor": monitor, "mode": mode, "patience": int(RNG.integers(0, 4)), "min_delta": pick(0, 0.0, 0.05, 0.1),
        "baseline": pick(None, None, 0.5, 0.3), "restore_best_weights": bool(RNG.integers(2)), "start_from_epoch": pick(0, 0, 3, 30),
    }  # fmt: skip
    plateau = {
        "monitor": monitor, "mode": mode, "patience": int(RNG.integers(0, 4)), "min_delta": pick(0.0, 1e-4, 0.1),
        "factor": pick(0.0, 0.1, 0.5), "cooldown": int(RNG.integers(0, 3)), "min_lr": pick(0.0, 0.001, 0.02),
    }  # fmt: skip
    first, every = int(RNG.integers(0, 3)), pick(1, 1, 2)
    series = np.float32(np.round(RNG.random(epochs), pick(1, 2, 7)))
    if RNG.random() < 0.1:
        series[RNG.integers(epochs)] = np.nan
    return {"stopping": stopping, "plateau": plateau, "first": first, "every": every, "series": series, "rate": pick(0.01, 0.1, 0.02)}


def decide(c):
    model = Model(c["rate"])
    keras_callbacks = [keras.callbacks.EarlyStopping(**c["stopping"]), keras.callbacks.ReduceLROnPlateau(**c["plateau"])]
    for b in keras_callbacks:
        b.set_model(model)
        b.on_train_begin()
    rates = []
    for i, v in enumerate(c["series"]):
        epoch, logs = c["first"] + i, {}
        if not c["stopping"]["monitor"].startswith("val_") or (epoch + 1) % c["every"] == 0:
            logs = {c["stopping"]["monitor"]: float(v)}
        model.weights = epoch + 1
        for b in keras_callbacks:
            b.on_epoch_end(epoch, dict(logs))
        model.optimizer.learning_rate = np.float32(model.optimizer.learning_rate)
        rates.append(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
    for b in keras_callbacks:
        b.on_train_end()
    stopping = keras_callbacks[0]
    return c | {
        "series": [None if np.isnan(v) else float(v) for v in c["series"]], "rates": rates, "weights": model.weights,
        "stopped": stopping.stopped_epoch + 1 if model.stop_training else 0,
        "best": stopping.best_epoch + 1 if stopping.best is not None else 0,
    }  # fmt: skip


with open(sys.argv[1], "w") as f:
    json.dump([decide(case()) for _ in range(500)], f)
