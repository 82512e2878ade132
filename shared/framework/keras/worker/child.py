"""One request: the fences, the person's source, the export or one training step, the result.

From the first line of the person's source on, nothing in this process can be
believed; the Go side checks what it says and what it leaves.
"""
import json
import os
import platform
import sys
import tempfile

import fences
import source

_RESULT = 3  # file descriptor, after settle()


def preload():
    """Imports what a request would import, without starting the eager context."""
    import export  # noqa: F401
    import trial  # noqa: F401
    import keras  # noqa: F401
    import numpy.random  # noqa: F401
    import tensorflow  # noqa: F401
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
    null = os.open(os.devnull, os.O_RDONLY)
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


def main(request, descriptors, zygote, site, worker):
    """Serves one request in a fresh fork of the zygote. Returns when the result is written."""
    fences.die_with(zygote)
    read = fences.readable(site, worker)
    scratch = request["scratch"]
    texts = settle(descriptors, scratch)
    volunteer()
    fences.limit(request["limits"])
    try:
        fences.close_off(scratch, read)
    except fences.Missing as e:
        report = {"missing": str(e)}
    else:
        if texts.get("batch"):
            report = source.attempt(texts["imports"], texts["source"], texts["batch"], texts["label"])
        else:
            report = source.export(texts["imports"], texts["source"], os.path.join(scratch, "export"), texts["label"])
    _flush()
    data = memoryview(json.dumps(report).encode())
    while data:
        data = data[os.write(_RESULT, data):]
