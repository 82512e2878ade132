"""Predicts with what was downloaded, in plain Keras and plain TensorFlow.

usage: predict.py MODEL.keras SAVEDMODEL_FOLDER < samples.json > predictions.json
"""
import json
import sys

import keras
import numpy
import tensorflow

samples = numpy.array(json.load(sys.stdin), dtype="float32")
model = keras.saving.load_model(sys.argv[1])
served = tensorflow.saved_model.load(sys.argv[2]).signatures["serving_default"]
(name,) = served.structured_input_signature[1]
(output,) = served(**{name: tensorflow.constant(samples)}).values()
json.dump({"keras": model(samples).numpy().tolist(), "savedmodel": output.numpy().tolist(), "compiled": model.compiled}, sys.stdout)
