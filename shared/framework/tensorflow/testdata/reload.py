"""Loads trained models of adapted.py from both of their forms and holds what they
predict to one another, and to what they learned.

usage: reload.py FAMILIES TRAINED, the folders of equality.py and of what was saved.
"""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

import adapted
import keras
import numpy as np
import tensorflow as tf

for family in adapted.FAMILIES:
    adapted.RNG = np.random.default_rng(5)
    open_model, xs, _ = family()
    xs = [tf.constant(x[-14:]) for x in xs]
    folder = os.path.join(sys.argv[2], family.__name__)
    serve = tf.saved_model.load(os.path.join(folder, "savedmodel")).signatures["serving_default"]
    names = sorted(serve.structured_input_signature[1], key=[getattr(t, "name", "") for t in open_model.inputs].index) if len(xs) > 1 else list(serve.structured_input_signature[1])
    served = next(iter(serve(**dict(zip(names, xs))).values())).numpy()
    model = keras.models.load_model(os.path.join(folder, "model.keras"), custom_objects={"Subclassed": adapted.Subclassed})
    got = model.predict(xs if len(xs) > 1 else xs[0], verbose=0)
    if not np.allclose(got, served, rtol=1e-5, atol=1e-5) or np.isnan(got).any():
        sys.exit(f"{family.__name__}: the .keras file gives {got[:3].ravel()}, the SavedModel {served[:3].ravel()}")
