"""Exports each model family and trains it with Keras' fit.

usage: equality.py WORKER OUT, WORKER the folder of export.py. Leaves under
OUT/<family>: the export, x0.bin .. and y0.bin .. of the training records,
vx0.bin .. and vy0.bin .. of the validation records, export.json, fit.json (the
arguments), history.json, and predict.json (the trained model's outputs on the
first validation records). Of a family of adapted.py also learned.json, what its
layers learned by adapt, and of some under given/ the model that was adapted so.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path[:0] = [sys.argv[1], os.path.dirname(os.path.abspath(__file__))]

import adapted
import export
import keras
import numpy as np
import onnx_form
from families import FAMILIES

VALIDATION = 14
DEFAULTS = {"batch_size": 8, "epochs": 3}


def flat(arrays):
    return [arrays[k] for k in sorted(arrays)] if isinstance(arrays, dict) else list(arrays)


def pack(arrays):
    if isinstance(arrays, dict):
        return arrays
    return arrays[0] if len(arrays) == 1 else list(arrays) or None


def part(arrays, piece):
    if isinstance(arrays, dict):
        return {k: v[piece] for k, v in arrays.items()}
    return [v[piece] for v in arrays]


def stored(a):
    """The bytes of an array; of text, each with its length in 4 bytes before it."""
    if a.dtype != object:
        return a.tobytes()
    return b"".join(len(s).to_bytes(4, "little") + s for s in a.ravel())


def write(directory, name, arrays):
    for i, a in enumerate(flat(arrays)):
        with open(os.path.join(directory, f"{name}{i}.bin"), "wb") as f:
            f.write(stored(np.asarray(a)))


def keep(directory, name, value):
    with open(os.path.join(directory, name), "w") as f:
        json.dump(value, f)


def built(family):
    """The model of a family, the same each time."""
    keras.utils.set_random_seed(7)
    keras.backend.clear_session()
    adapted.RNG = np.random.default_rng(5)
    model, xs, ys, *given = family()
    return model, xs, ys, given[0] if given else {}


def run(family, out):
    model, xs, ys, given = built(family)
    directory = os.path.join(out, family.__name__)
    os.makedirs(directory)
    said, exporter = export.write(model, directory)
    said["no_onnx"] = onnx_form.write(exporter, os.path.join(directory, "open.onnx"))
    keep(directory, "export.json", said)
    if family in adapted.FAMILIES:  # and the same model, adapted in its source
        model = built(family)[0]
        keep(directory, "learned.json", adapted.adapt(model, part(xs, slice(0, -VALIDATION))))
    if family in adapted.GIVEN:
        keep(directory, "given.json", export.export(model, os.path.join(directory, "given")))
    piece, rest = slice(0, -VALIDATION), slice(-VALIDATION, None)
    for name, arrays in (("x", xs), ("y", ys)):
        write(directory, name, part(arrays, piece))
        write(directory, "v" + name, part(arrays, rest))
    arguments = DEFAULTS | given
    keep(directory, "fit.json", arguments)
    val = part(xs, rest), part(ys, rest)
    history = model.fit(
        pack(part(xs, piece)), pack(part(ys, piece)), validation_data=(pack(val[0]), pack(val[1])),
        shuffle=False, verbose=0, **arguments,
    )  # fmt: skip
    keep(directory, "history.json", {k: [float(v) for v in vs] for k, vs in history.history.items()})
    got = model.predict(pack(val[0]), verbose=0)
    keep(directory, "predict.json", [np.asarray(a, np.float64).ravel().tolist() for a in keras.tree.flatten(got)])


if __name__ == "__main__":
    for one in FAMILIES + adapted.FAMILIES:
        run(one, sys.argv[2])
