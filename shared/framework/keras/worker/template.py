"""Writes the parts of a .keras file so that training can patch its weights.

keras/variables.json holds, aligned with the outputs of the signature
`weights`, where in model.weights.h5 each variable's bytes lie. A trained
.keras is then those bytes overwritten and the parts zipped: no Python.

Where a variable lies is not asked of Keras' internals: each variable is
stamped with bytes of its own, the model is saved, and the stamps are looked up
in the file.
"""

import json
import os
import warnings
import zipfile

import h5py
import numpy as np

PARTS = ("config.json", "metadata.json", "model.weights.h5")


def write(model, variables, directory, adapting):
    """Writes the template; returns why not where the model cannot be saved."""
    os.makedirs(directory)
    held = [v.numpy() for v in variables]
    try:
        unpack(model, directory)
        adapting.check_config(directory)
        stamps = [stamp(i, h) for i, h in enumerate(held)]
        places = stamped(model, variables, stamps, directory)
    except Exception as e:
        for part in os.listdir(directory):
            os.remove(os.path.join(directory, part))
        return str(e).split("\n")[0] or type(e).__name__
    finally:
        for v, h in zip(variables, held):
            v.assign(h)
    rows = [row(v, h, places.get(s.tobytes())) for v, h, s in zip(variables, held, stamps)]
    verify(rows, held, os.path.join(directory, PARTS[2]))
    with open(os.path.join(directory, "variables.json"), "w") as f:
        json.dump(rows, f)
    return ""


def unpack(model, directory, parts=PARTS):
    """Saves the model and leaves the members of the .keras file."""
    whole = os.path.join(directory, "whole.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(whole)
    with zipfile.ZipFile(whole) as z:
        extra = [n for n in z.namelist() if n not in PARTS]
        if extra:
            raise ValueError(f"it keeps assets ({extra[0]})")
        for part in parts:
            z.extract(part, directory)
    os.remove(whole)


def stamp(i, held):
    """Bytes that no other variable holds, of the type and shape of `held`."""
    raw = np.random.default_rng(i).integers(0, 256, held.nbytes, np.uint8)
    return raw.view(held.dtype).reshape(held.shape) if held.nbytes else held


def stamped(model, variables, stamps, directory):
    """Saves the model with stamps in its variables: bytes -> offset."""
    for v, s in zip(variables, stamps):
        v.assign(s)
    scratch = os.path.join(directory, "stamped")
    os.makedirs(scratch)
    try:
        unpack(model, scratch, PARTS[2:])
        return offsets(os.path.join(scratch, PARTS[2]))
    finally:
        for part in os.listdir(scratch):
            os.remove(os.path.join(scratch, part))
        os.rmdir(scratch)


def offsets(path):
    """The names and file offsets of contiguous datasets, by their bytes."""
    found = {}

    def visit(_, node):
        if isinstance(node, h5py.Dataset) and node.chunks is None and node.id.get_offset() is not None:
            found.setdefault(node[()].tobytes(), []).append((node.name, node.id.get_offset()))

    with h5py.File(path, "r") as f:
        f.visititems(visit)
    return found


def row(variable, held, places):
    """One entry of variables.json; offset -1 where the file has it not. What two
    layers save, as the lookup in a TextVectorization, lies there twice. Those of an
    optimizer are only numbered there, so they have their names, too."""
    (path, offset), *rest = places or [(getattr(variable, "path", variable.name), -1)]
    more = {"copies": [at for _, at in rest]} if rest else {}
    if path.startswith("/optimizer/"):
        more["name"] = variable.path
    return more | {
        "path": path,
        "offset": offset,
        "bytes": held.nbytes,
        "dtype": held.dtype.name,
        "shape": list(held.shape),
    }


def verify(rows, held, path):
    """Holds that the template has the initial values where rows say."""
    with open(path, "rb") as f:
        for r, h in zip(rows, held):
            if r["offset"] < 0:
                continue
            for at in (r["offset"], *r.get("copies", ())):
                f.seek(at)
                if f.read(r["bytes"]) != h.tobytes():
                    raise ValueError(f"variable {r['path']} does not lie where it was looked for")
