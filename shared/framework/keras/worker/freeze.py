"""Freezes layers of a compiled model, as `layer.trainable = False` does.

Nothing here starts TensorFlow's eager context at import: the worker forks
after importing this module.
"""
import re

import keras

import shapes

_MOST = 30  # layers that an error names


def freeze(model, patterns):
    """Freezes the layers whose paths match a pattern. Those within a layer have paths
    below it: outer/inner. In a pattern * stands for any letters, ? for one."""
    shapes.build(model, *shapes.inputs(model))  # layers may be made as it is built
    layers = list(paths(model))
    for pattern in patterns:
        matches = re.compile("".join({"*": "[^/]*", "?": "[^/]"}.get(c, re.escape(c)) for c in pattern)).fullmatch
        found = [layer for path, layer in layers if matches(path)]
        if not found:
            raise _refusal(f"the model has no layer {pattern}", f"it has {_named(layers)}")
        for layer in found:
            layer.trainable = False
    if not model.trainable_weights:
        raise _refusal("nothing is left to train: the layers that are not frozen have no weights that train", f"leave one out of {_named(layers)}")
    optimizer = model.optimizer
    if optimizer is not None and optimizer.built:  # it has the variables of the frozen layers, too
        fresh = type(optimizer).from_config(optimizer.get_config())
        keras.Model.compile(model, **{**model._compile_config.config, "optimizer": fresh})


def paths(outer, path="", within=()):
    """(path, layer) of the layers of a layer and of those within them."""
    for layer in outer._flatten_layers(include_self=False, recursive=False):
        if layer not in within and not isinstance(layer, keras.layers.InputLayer):
            yield path + layer.name, layer
            yield from paths(layer, f"{path}{layer.name}/", (*within, layer))


def _named(layers):
    names = [path for path, _ in layers]
    return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


def _refusal(reason, hint):
    e = ValueError(reason)
    e.hint, e.field = hint, "freeze"
    return e
