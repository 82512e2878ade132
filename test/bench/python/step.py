"""Runs the training loop of a SavedModel that kafkaml has trained, over arrays that
are tensors already, and prints the seconds of a step in the quickest pass.

usage: step.py SAVEDMODEL.zip DATA.npz BATCH PASSES SIGNATURE INTRA INTER
"""

import os
import sys
import tempfile
import time
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf

file, data, batch, passes, signature, intra, inter = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5]), sys.argv[5], *map(int, sys.argv[6:8])
tf.config.threading.set_intra_op_parallelism_threads(intra)
tf.config.threading.set_inter_op_parallelism_threads(inter)
CALL = 4 << 20  # bytes of records, as kafkaml's calls have

with tempfile.TemporaryDirectory() as folder:
    zipfile.ZipFile(file).extractall(folder)
    model = tf.saved_model.load(next(d for d, _, names in os.walk(folder) if "saved_model.pb" in names))
train, reset = model.signatures[signature], model.signatures["reset"]
wanted = train.structured_input_signature[1]
with np.load(data) as z:
    x, y = z["x"], z["y"]
steps = min(len(x) // batch, CALL // (4 * batch * x[0].size))
n = steps * batch
calls = [
    {
        "x0": tf.constant(x[at : at + n].reshape(steps, batch, *x.shape[1:]), wanted["x0"].dtype),
        "y0": tf.constant(y[at : at + n].reshape(steps, batch, *y.shape[1:]), wanted["y0"].dtype),
        "steps": tf.constant(steps),
    }
    for at in range(0, len(x) - n + 1, n)
]
train(**calls[0])
best = float("inf")
for _ in range(passes):
    reset()
    began = time.perf_counter()
    for call in calls:
        out = train(**call)
    {k: float(v) for k, v in out.items()}  # which waits for the last step
    best = min(best, (time.perf_counter() - began) / (len(calls) * steps))
print(best)
