"""One request: the fences, the person's source, the export or one training step, the result; or the conversion of a trained model.

From the first line of the person's source on, nothing in this process can be
believed; the Go side checks what it says and what it leaves.
"""
import json
import os
import platform
import sys
import tempfile
import threading
import time

import fences
import source

_RESULT = 3  # file descriptor, after settle()
_CONVERSION = 20  # seconds of processor time


def preload():
    """Imports what a request would import, without starting the eager context."""
    import convert
    import doubts
    import export
    import import_model
    import onnx_form
    import trial
    import keras
    import numpy.random
    import tensorflow
    from tensorflow.python.eager import context

    if context.context()._context_handle is not None:
        raise RuntimeError("an import started TensorFlow's eager context, a fork would hang")


def libraries():
    """The versions that build models, from before any source of a person has run."""
    import keras
    import numpy
    import tensorflow

    return {"python": platform.python_version(), "tensorflow": tensorflow.__version__,
            "keras": keras.__version__, "numpy": numpy.__version__}


def settle(descriptors, scratch):
    """Reads the texts, then leaves only null, output and result open and scratch as the world. Gives the texts."""
    text, output, result = descriptors
    with os.fdopen(text, "rb") as pipe:
        texts = json.load(pipe)
    null = os.open(os.devnull, os.O_RDWR)
    for fd, to in ((null, 0), (output, 1), (output, 2), (result, _RESULT)):
        os.dup2(fd, to)
    os.closerange(_RESULT + 1, 4096)
    keep = {k: v for k, v in os.environ.items() if k.startswith(("TF_", "KERAS_", "OMP_", "OPENBLAS_", "CUDA_"))}
    os.environ.clear()
    os.environ.update(keep, HOME=scratch, TMPDIR=scratch)
    tempfile.tempdir = scratch
    os.chdir(scratch)
    os.umask(0o077)
    return texts


def volunteer():
    """Makes this process the one to end when memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w") as f:
            f.write("1000")
    except OSError:
        pass  # some container runtimes forbid it; the limits still hold


def _flush():
    """Writes out what the source printed; it may have closed or replaced the streams."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass


def _tell(message):
    """Writes one line of the result."""
    data = memoryview(json.dumps(message).encode() + b"\n")
    while data:
        data = data[os.write(_RESULT, data):]


def _convert(exporter, path, filled=""):
    """Writes the ONNX form of what was exported, to filled also with its weights,
    and tells of it. The result is there by then, and stands whatever becomes of
    this."""
    import onnx_form

    os.dup2(0, 1)  # what a model prints was printed before
    os.dup2(0, 2)
    one = threading.Lock()  # tells, and does not give it back

    def watch(until):
        while time.process_time() < until:
            time.sleep(0.1)
        if one.acquire(blocking=False):
            _tell({"no_onnx": f"its conversion takes more than {_CONVERSION} s of processor time"})
            os._exit(0)

    threading.Thread(target=watch, args=(time.process_time() + _CONVERSION,), daemon=True).start()
    reason = onnx_form.write(exporter, path)
    if filled and not reason:
        reason = onnx_form.fill(exporter, path, filled)
    if one.acquire(blocking=False):
        _tell({"no_onnx": reason})


def main(request, descriptors, zygote, sites, worker):
    """Serves one request in a fresh fork of the zygote. Returns when the result is written."""
    fences.die_with(zygote)
    read = fences.readable(sites, worker)
    scratch = request["scratch"]
    texts = settle(descriptors, scratch)
    volunteer()
    fences.limit(request["limits"])
    exporter, out = None, os.path.join(scratch, "export")
    try:
        fences.close_off(scratch, read)
    except fences.Missing as e:
        report = {"missing": str(e)}
    else:
        if texts.get("convert"):
            import convert

            report = convert.run(texts["convert"], scratch)
        elif texts.get("study"):
            import sampler

            try:
                report = sampler.run(texts["study"])
            except Exception as e:
                report = {"error": f"{type(e).__name__}: {e}"}
        elif texts.get("format"):
            import import_model

            report, exporter = import_model.read(texts["format"], scratch, out, texts.get("freeze"))
        elif texts.get("batch"):
            report = source.attempt(texts["imports"], texts["source"], texts["batch"], texts["label"])
        else:
            report, exporter = source.export(texts["imports"], texts["source"], out, texts["label"], texts["hp"], texts["freeze"])
    _flush()
    _tell(report)
    if exporter is not None:
        _convert(exporter, os.path.join(out, "onnx", "open.onnx"), os.path.join(out, "onnx", "model.onnx") if texts.get("format") else "")
