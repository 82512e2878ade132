"""Reads files of models that were trained elsewhere: .keras files, by Keras'
safe mode, and SavedModels.

`read(format, scratch, out)` exports the model as export.write does where it can
be trained on, else its forward pass alone.

Nothing here starts TensorFlow's eager context at import: the worker forks
after importing this module.
"""

import io
import json
import math
import os
import re
import zipfile

import adapt
import describe
import export as exports
import h5py
import keras
import shapes
import tensorflow as tf
from tensorflow.python.checkpoint import graph_view
from tensorflow.python.trackable.asset import Asset
from tensorflow.python.trackable.resource import CapturableResource

_SERVING = "serving_default"
_EXPORT = "export it as a SavedModel, which needs no Python: model.export('folder'), and import a zip of the folder"


def read(format, scratch, out, freeze=None):
    """Gives {"export": dict} or {"error": dict}, and the exporter or None; never raises.
    freeze are the layers to freeze of a .keras file, which then has to be trainable."""
    path = os.path.join(scratch, "import", "model.keras" if format == "keras" else "saved")
    try:
        said, exporter = _keras(path, out, freeze) if format == "keras" else _saved(path, out)
        return {"export": said, "warnings": [], "places": {}}, exporter
    except MemoryError:
        return {"error": {"field": "content", "reason": "the model takes more memory than there is", "hint": "give model-register more memory"}}, None
    except BaseException as e:
        return {"error": {"field": getattr(e, "field", "content"), "reason": _first(e), "hint": getattr(e, "hint", "")}}, None


def _first(error):
    """The beginning of an error, as a person reads it: without the machine's paths,
    which the person's file has not."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    text = text.rsplit("Exception encountered: ", 1)[-1]  # Keras wraps what a layer says in its config
    text = re.split(r"Target variable:|config=\{|Full object config:|Make sure custom|You may be trying|Arguments received by", text)[0]
    text = re.sub(r"b?(['\"]?)/[^'\"\s]*/import/(?:saved/?|model\.keras)", r"\1", text).replace("''", "the file")
    text = re.sub(r"\{\{function_node \S+\}\} ?| on /job:\S+| by allocator \w+|\[Op:\w+\]( name:)?", "", text)
    if isinstance(error, KeyError):
        text = f"{text} is missing"
    return " ".join(text.split())[:400] or type(error).__name__


def _causes(error):
    """What an error says, and those that it came from."""
    texts = []
    while error is not None and len(texts) < 20:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    return " ".join(" ".join(texts).split())


def _keras(path, out, freeze=None):
    model, reason = _load(path)
    for l in model._flatten_layers():
        if adapt.waits(l):
            raise exports.refusal(f"the layer {l.name} ({type(l).__name__}) has learned nothing yet", "call adapt on it before you save the model, or register the model's source")
    if not reason:
        try:
            said, exporter = exports.write(model, out, patterns=freeze)
            return dict(said, warnings=said.get("warnings", [])), exporter
        except Exception as e:
            if freeze:
                raise
            _empty(out)
            reason = f"the model cannot be trained here: {_first(e)}"
    server = Server(model)
    server.save(os.path.join(out, "model"))
    return _described(server, reason, describe.count(model.weights), describe.layers(model)), server


def _load(path):
    """The model of a .keras file, and why it cannot be trained, empty where it can."""
    try:
        with adapt.loading():
            model = keras.saving.load_model(path, safe_mode=True)
    except Exception as e:
        try:
            with adapt.loading():
                model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as again:
            raise _refused(again, path) from again
        return model, f"its loss, metrics or optimizer cannot be loaded ({_first(e)}): compile it with those of Keras and save it again"
    if not isinstance(model, keras.Model):
        raise exports.refusal(f"the file holds a {type(model).__name__}, not a keras.Model", "save the model itself: model.save('model.keras')")
    if not model.compiled or model.loss is None:
        return model, "it was saved without being compiled: compile it and save it again, then import that file"
    return model, ""


def _refused(error, path):
    """What Keras says of a file that it does not load, with what to do."""
    text, all_of_it = _first(error), _causes(error)
    if broken := _broken(path):
        return exports.refusal(broken, "send the file again, it may have been cut off, or save the whole model again: model.save('model.keras')")
    if "safe_mode" in all_of_it or "unsafe" in all_of_it.lower():
        return exports.refusal(f"it holds Python bytecode{' in a Lambda layer' if 'Lambda' in all_of_it else ''}, which is not run",
                               f"write the Lambda as layers of Keras, or {_EXPORT}")  # fmt: skip
    if found := re.search(r"Could not (?:locate|interpret|deserialize) (?:class|function|[\w ]*?) ?'([^']+)'", all_of_it):
        return exports.refusal(f"it needs {found[1]}, which is no part of Keras", f"{_EXPORT}, or register its source with what it needs")
    if "expected" in all_of_it and "variables" in all_of_it or "could not be loaded" in all_of_it:
        return exports.refusal(f"its weights are missing or are not those of its layers: {text}", "save the whole model again: model.save('model.keras')")
    version = _version(path)
    hint = "save it again by Keras 3: model.save('model.keras')"
    if version.startswith("2."):
        hint = f"it was saved by Keras {version}: load it there and {_EXPORT}"
    return exports.refusal(f"Keras {keras.__version__} cannot load it: {text}", hint)


def _broken(path):
    """Which member of a .keras file cannot be read at all, and why, empty where all can."""
    with zipfile.ZipFile(path) as z:
        try:
            if not isinstance(json.loads(z.read("config.json")), dict):
                return "its config.json is no JSON object"
        except (ValueError, RecursionError, zipfile.BadZipFile) as e:
            return f"its config.json is no JSON: {e}"
        try:
            h5py.File(io.BytesIO(z.read("model.weights.h5")), "r").close()
        except (OSError, zipfile.BadZipFile) as e:
            return f"its model.weights.h5 is no whole HDF5 file: {_first(e)}"
    return ""


def _version(path):
    """Of the Keras that saved a file, empty where it does not say."""
    try:
        with zipfile.ZipFile(path) as z:
            return re.search(rb'"keras_version": "([\w.]+)"', z.read("metadata.json"))[1].decode()
    except Exception:
        return ""


def _empty(directory):
    """Removes what a folder holds."""
    for parent, folders, files in os.walk(directory, topdown=False):
        for f in files:
            os.remove(os.path.join(parent, f))
        for f in folders:
            os.rmdir(os.path.join(parent, f))


def _described(server, untrainable, parameters, layers=()):
    """The members of pipeline.Export of a model that only serves."""
    return {
        "inputs": server.inputs, "outputs": server.outputs, "labels": [], "parameters": parameters, "trainable_parameters": 0,
        "layers": list(layers), "loss": "", "optimizer": "", "metrics": [], "task": "other", "weighted": False,
        "untrainable": untrainable[:900], "libraries": describe.libraries(), "warnings": server.warnings,
    }  # fmt: skip


class Server(exports.Exporter):
    """Exports the forward pass of a Keras model alone."""

    def __init__(self, model):
        self.model, self.warnings = model, []
        self.inputs, self.pack_inputs = shapes.inputs(model)
        shapes.build(model, self.inputs, self.pack_inputs)
        self.outputs, _ = shapes.outputs(model, self.inputs, self.pack_inputs)
        self.variables = list(model.variables)

    def signatures(self):
        return {_SERVING: exports.traced(self.serve, self._serving_specs())}

    def save(self, directory):
        module = tf.Module()
        module.tables = self._tables()
        module.held = [exports.value(v) for v in self.variables]
        tf.saved_model.save(module, directory, signatures=self.signatures())


def _saved(path, out):
    try:
        loaded = tf.saved_model.load(path)
    except Exception as e:
        text, hint = _first(e), "save it again: model.export('folder') of Keras, or tf.saved_model.save"
        if "Op type not registered" in text:
            hint = "export it without custom operations"
        if re.search("variables/variables|sstable|checksum|Read less bytes", text):
            raise exports.refusal(f"its variables are missing or not whole (in variables/): {text}", "zip the whole folder: (cd folder && zip -qr ../model.zip .)") from e
        if re.search("Cannot parse|0 MetaGraphs", text):
            raise exports.refusal("its saved_model.pb is no whole SavedModel", "zip the whole folder: (cd folder && zip -qr ../model.zip .)") from e
        raise exports.refusal(f"TensorFlow {tf.__version__} cannot load it: {text}", hint) from e
    names = sorted(loaded.signatures)
    if _SERVING not in names:
        raise exports.refusal(f"it has no signature {_SERVING}, but {', '.join(names) or 'none'}",
                              "save it with one: tf.saved_model.save(model, folder, signatures={'serving_default': function})")  # fmt: skip
    server = Restored(loaded)
    server.save(os.path.join(out, "model"))
    said = _described(server, "a SavedModel has no training step that could be read: import the model's .keras file, or register its source",
                      sum(math.prod(v.shape) for v in server.variables))  # fmt: skip
    return said, server


class Restored(Server):
    """Exports the serving signature of a SavedModel alone."""

    def __init__(self, loaded):
        self.loaded, self.warnings, self.model = loaded, [], None
        self.run = loaded.signatures[_SERVING]
        given = self.run.structured_input_signature[1]
        self.inputs, self.keys = self._tensors("input", given), list(given)
        self.gives = list(self.run.structured_outputs)
        self.outputs = self._tensors("output", self.run.structured_outputs)
        self.variables = list(self.run.variables)
        below, _ = graph_view.ObjectGraphView(loaded).breadth_first_traversal()
        self.below = list(below)

    def _tensors(self, what, specs):
        names = shapes.texts(list(specs))
        out = []
        for n, c, s in zip(names, shapes.clean(names), specs.values()):
            if s.shape.rank is None:
                raise exports.refusal(f"the {what} {n} of the signature {_SERVING} is of no known shape", "state it: tf.TensorSpec([None, ...], dtype)")
            if s.shape.rank == 0 or s.shape[0] is not None:
                raise exports.refusal(f"the {what} {n} of the signature {_SERVING} has the shape {s.shape}: the first size must be open, for any number of records",
                                      "save it with tf.TensorSpec([None, ...], dtype)")  # fmt: skip
            out.append(shapes.describe_tensor(n, c, s.dtype.name, list(s.shape)))
        if not out:
            raise exports.refusal(f"the signature {_SERVING} has no {what}", "save it with a function that takes and gives tensors")
        return out

    def _tables(self):
        if any(isinstance(t, Asset) for t in self.below):
            raise exports.refusal("it reads assets (vocabulary files)", "give the words to the layer as a list, in place of a file")
        return [t for t in self.below if isinstance(t, CapturableResource)]

    def serve(self, *xs):
        given = self.run(**dict(zip(self.keys, xs)))
        return {shapes.signature(t): given[k] for t, k in zip(self.outputs, self.gives)}
