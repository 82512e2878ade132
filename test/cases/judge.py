"""Trains sources with plain Keras, as the cases do by the product.

Reads a list of tasks as JSON and writes each epoch's metrics by id. A task is
one process: seeds and policies are of the process.
"""
import base64
import json
import os
import sys
import warnings

import keras
import numpy as np


def array(a):
    if a["texts"]:
        return np.array(a["texts"], dtype=object).reshape(a["shape"])
    return np.frombuffer(base64.b64decode(a["data"] or ""), a["dtype"]).reshape(a["shape"])


def arrays(all):
    if len(all) == 1:
        return array(all[0])
    return {a["name"]: array(a) for a in all} or None


def train(task):
    scope = {}
    exec(compile(task["imports"] + "\n" + task["source"], task["id"], "exec"), scope)
    x, y = arrays(task["x"]), arrays(task["y"])
    if getattr(x, "dtype", None) == object:
        import tensorflow as tf

        x = tf.constant(x.tolist())
    fit = eval("dict(%s)" % task["fit"])
    history = scope["model"].fit(x, y, batch_size=task["batch"], shuffle=False, verbose=0, **fit).history
    plain = lambda v: None if np.isnan(v) else float(v)
    return [{name: plain(values[i]) for name, values in history.items()} for i in range(len(history["loss" if "loss" in history else next(iter(history))]))]


def main():
    warnings.simplefilter("ignore")
    results = {}
    for task in json.load(sys.stdin):
        read, write = os.pipe()
        if os.fork() == 0:
            os.close(read)
            try:
                answer = train(task)
            except Exception as e:
                sys.stderr.write("%s: %s: %s\n" % (task["id"], type(e).__name__, str(e)[:500]))
                answer = []
            with os.fdopen(write, "w") as f:
                json.dump(answer, f)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as f:
            results[task["id"]] = json.load(f)
        os.wait()
        sys.stderr.write("%s %s\n" % (task["id"], results[task["id"]][-1:]))
    lines = ["%s: %s" % (json.dumps(k), json.dumps(v)) for k, v in results.items()]
    print("{\n" + ",\n".join(lines) + "\n}")


main()
