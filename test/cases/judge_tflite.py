"""Runs files that were downloaded of one result of the digits: LiteRT beside the SavedModel.

    judge_tflite.py SAVEDMODEL.zip FLOAT.tflite INT8.tflite IMAGES LABELS

Prints how far LiteRT's floats are from the SavedModel's, the size of int8 and
its accuracy, on 1,000 digits.
"""
import os
import sys
import tempfile
import zipfile

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

saved, plain, small, images, labels = sys.argv[1:]
n = 1000
digits = np.fromfile(images, np.uint8, n * 784, offset=16).reshape(n, 28, 28).astype(np.float32)
truth = np.fromfile(labels, np.uint8, n, offset=8)


def run(file):
    """The outputs of LiteRT for each digit, as numbers."""
    model = Interpreter(model_path=file)
    model.allocate_tensors()
    (i,), (o,) = model.get_input_details(), model.get_output_details()

    def one(x):
        scale, zero = i["quantization"]
        if scale:
            x = np.clip(np.round(x / scale) + zero, -128, 127)
        model.set_tensor(i["index"], x[None].astype(i["dtype"]))
        model.invoke()
        y = model.get_tensor(o["index"])[0]
        scale, zero = o["quantization"]
        return (y.astype(np.float32) - zero) * scale if scale else y

    return np.array([one(x) for x in digits]), i["dtype"]


with tempfile.TemporaryDirectory() as folder:
    zipfile.ZipFile(saved).extractall(folder)
    serve = tf.saved_model.load(folder).signatures["serving_default"]
    (want,) = (v.numpy() for v in serve(tf.constant(digits)).values())
floats, _ = run(plain)
whole, dtype = run(small)
apart = np.abs(floats - want).max()
part = os.path.getsize(small) / os.path.getsize(plain)
before, after = ((y.argmax(1) == truth).mean() for y in (want, whole))
judge = lambda ok: "as it should be" if ok else "NOT as it should be"
print(f"float differs by {apart:.1g} at most, {judge(apart <= 1e-5)}; "
      f"{np.dtype(dtype).name} takes {part:.3f} of its size, {judge(part <= 0.27)}; "
      f"accuracy {after:.3f} in place of {before:.3f}, {judge(after >= before - 0.01)}")
