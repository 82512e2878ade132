"""Describes an exported model with the members of pipeline.Export."""

import itertools
import math

import keras
import numpy as np
import tensorflow as tf

from keras.src.trainers import compile_utils

import freeze
import labels
import shapes

MOST_WITHIN = 1000  # layers within one, as description.go takes them


def describe(model, exporter):
    """The JSON-able description of an exported model."""
    given = labels.losses(model, exporter.outputs)
    task, classes, logits = labels.task(exporter.outputs, given)
    return {
        "inputs": exporter.inputs,
        "label_guessed": not any(v for v in exporter.stated.values()) and labels.guessed(model, exporter.outputs, exporter.labels),
        "outputs": exporter.outputs,
        "labels": exporter.labels,
        "parameters": count(model.weights),
        "trainable_parameters": count(model.trainable_weights),
        "operations": sum(operations(l) for l in model.layers),
        "layers": layers(model),
        "loss": loss(model, exporter.outputs, given),
        "optimizer": type(model.optimizer).__name__ if model.optimizer is not None else "",
        "metrics": exporter.metrics,
        "task": task,
        "classes": classes,
        "logits": logits,
        "weighted": exporter.weighted_step is not None,
        "untested": exporter.test_step is None,
        "monitors": monitors(model, exporter),
        "variables": variables(model, exporter),
        "adapt": exporter.adapting.describe() or None,
        "libraries": libraries(),
    }


def count(variables):
    """How many numbers the variables hold."""
    return sum(math.prod(v.shape) for v in variables)


def monitors(model, exporter):
    """The metrics of an epoch, and which values of each are better, as far as
    Keras' callbacks could tell by mode="auto"."""
    names = list(exporter.metrics)
    if exporter.test_step is not None:
        names += ["val_" + n for n in shapes.scalars(exporter.test_step.structured_outputs)]
    return {n: better(model, n.removeprefix("val_")) for n in names}


def better(model, name):
    """min or max; empty where it cannot be told."""
    found = "min" if name == "loss" else ""
    for group in model.metrics:
        if not isinstance(group, (compile_utils.CompileMetrics, compile_utils.MetricsList)):
            continue
        for m in group.metrics:
            if m.name == name and hasattr(m, "_direction"):
                found = "max" if m._direction == "up" else "min"
    return found


def variables(model, exporter):
    """A letter for each variable of the export: w a weight of the model, r a
    learning rate that may be set, o another."""
    optimizers = getattr(model.optimizer, "optimizers", None) or [model.optimizer]
    rates = [getattr(getattr(o, "inner_optimizer", o), "_learning_rate", None) for o in optimizers]
    rates = {id(r.value) for r in rates if isinstance(r, keras.Variable)}
    weights = {id(v.value) for v in model.weights}
    held = [id(v) for v in exporter.named_variables().values()]
    return "".join("w" if v in weights else "r" if v in rates else "o" for v in held)


def operations(l):
    """About how many multiplications and additions one record takes in a layer.

    Each weight of a kernel takes part in one of each at every place of the
    output, or at every step of a recurrent layer.
    """
    if isinstance(l, keras.Model):
        return sum(operations(inner) for inner in l.layers)
    if isinstance(l, keras.layers.Embedding):
        return 0
    kernels = sum(math.prod(v.shape) for v in l.weights if len(v.shape) > 1)
    return 2 * kernels * places(l) if kernels else 0


def places(l):
    """How many times a layer applies its kernels to one record."""
    try:
        out, read = l.output.shape, l.input.shape
    except (AttributeError, ValueError):
        return 1
    known = read[1:2] if isinstance(l, keras.layers.RNN) else out[1:-1]
    return math.prod(d for d in known if d)


def loss(model, outputs, given):
    """The loss as text; by output where they differ."""
    names = [labels.name(l) for l in given]
    if model.loss is None:
        return "custom"
    if len(set(names)) == 1:
        return names[0]
    return ", ".join(f"{t['name']}: {n}" for t, n in zip(outputs, names) if n)


def layers(model):
    """The rows of the model's summary."""
    return [layer(l) for l in model.layers]


def layer(l):
    """One row: name, class, output shape, parameters, and what it reads."""
    row = {"name": l.name, "class": type(l).__name__, "output": shape(l), "parameters": count(l.weights)}
    reads = parents(l)
    within = [path for path, _ in itertools.islice(freeze.paths(l, l.name + "/"), MOST_WITHIN + 1)]
    if reads:
        row["inputs"] = reads
    if 0 < len(within) <= MOST_WITHIN:
        row["within"] = within
    return row


def shape(l):
    """The output shape as text, empty where Keras does not know it."""
    try:
        out = l.output
    except (AttributeError, ValueError):
        return ""
    shapes = [tuple(t.shape) for t in keras.tree.flatten(out)]
    return str(shapes[0]) if len(shapes) == 1 else str(shapes)


def parents(l):
    """Names of the layers whose output a layer of a functional model reads."""
    names = []
    for node in getattr(l, "_inbound_nodes", []):
        for t in node.input_tensors:
            operation = getattr(getattr(t, "_keras_history", None), "operation", None)
            if operation is not None and operation.name not in names:
                names.append(operation.name)
    return names


def libraries():
    """The versions that built the model."""
    return {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}
