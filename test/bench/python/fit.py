"""Trains one model with Keras fit on arrays: what a person without kafkaml would run.

usage: fit.py MODEL DATA.npz BATCH EPOCHS [steps_per_execution=N] [jit_compile=1]
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np

import models

name, data, batch, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
options = {}
for word in sys.argv[5:]:
    key, value = word.split("=")
    options[key] = bool(int(value)) if key == "jit_compile" else int(value)
with np.load(data) as z:
    x, y = z["x"], z["y"]
model = models.build(name, **options)
history = model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)
print({k: v[-1] for k, v in history.history.items()})
