"""Searches by Optuna for the values that a Keras model trains best with: what a person without kafkaml would run.

usage: study.py MODEL DATA.npz EPOCHS TRIALS SEED VALIDATION

VALIDATION is the part of the records, the last ones, that the trials are compared by.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import optuna

import models

name, data, epochs, trials, seed, part = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]), float(sys.argv[6])
optuna.logging.set_verbosity(optuna.logging.ERROR)
with np.load(data) as z:
    x, y = z["x"], z["y"]
kept = len(x) - int(len(x) * part)


def objective(trial):
    rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
    batch = trial.suggest_categorical("batch_size", [32, 64, 128])
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = models.build(name, steps_per_execution=100)
    model.optimizer.learning_rate = rate
    history = model.fit(x[:kept], y[:kept], batch_size=batch, epochs=epochs, verbose=0, validation_data=(x[kept:], y[kept:]))
    return history.history["val_accuracy"][-1]


study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), direction="maximize")
study.optimize(objective, n_trials=trials)
print(json.dumps({"best": study.best_value, "parameters": study.best_params}))
