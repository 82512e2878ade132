"""Loads a trained model in plain Keras and as a SavedModel.

usage: reload.py MODEL.keras SAVEDMODEL INPUTS.f32. Prints, as JSON, what each
of them predicts for the records, and how many steps the optimizer has taken.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

model = keras.models.load_model(sys.argv[1])
serve = tf.saved_model.load(sys.argv[2]).signatures["serving_default"]
x = np.fromfile(sys.argv[3], np.float32).reshape(-1, *model.inputs[0].shape[1:])
name = next(iter(serve.structured_input_signature[1]))
print(json.dumps({
    "keras": model.predict(x, verbose=0).ravel().tolist(),
    "savedmodel": next(iter(serve(**{name: tf.constant(x)}).values())).numpy().ravel().tolist(),
    "iterations": int(model.optimizer.iterations.numpy()),
}))  # fmt: skip
