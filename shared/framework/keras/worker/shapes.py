"""Inputs and outputs of a Keras model: names, types, shapes and nesting.

A tensor is described as {"name", "dtype", "shape"}: shape without the batch
axis, -1 for an open size.
"""

import keyword
import re

import keras
import tensorflow as tf
from keras import tree
from keras.src.backend import compute_output_spec


def describe_tensor(name, signature, dtype, shape):
    """One described tensor; `shape` holds the batch axis."""
    said = {
        "name": name,
        "dtype": keras.backend.standardize_dtype(dtype),
        "shape": [-1 if d is None else int(d) for d in shape[1:]],
    }
    return said if signature == name else dict(said, signature=signature)


def signature(tensor):
    """The name of a described tensor in the serving signature."""
    return tensor.get("signature", tensor["name"])


def texts(names):
    """Names as the person wrote them, told apart where they are alike."""
    out = []
    for i, n in enumerate(names):
        n = "".join(c for c in str(n or "") if c.isprintable())[:150] or f"tensor_{i}"
        while n in out:
            n += "_"
        out.append(n)
    return out


def clean(names):
    """Makes names fit for signatures: word characters, unique. They become
    parameters of Python functions, which take no words of its grammar, and have
    a self already."""
    out = []
    for i, n in enumerate(names):
        n = re.sub(r"\W", "_", str(n or f"tensor_{i}"), flags=re.ASCII)
        plain = re.match(r"[A-Za-z]", n) and not keyword.iskeyword(n) and n != "self"
        n = (n if plain else "t_" + n)[:90]
        while n in out:
            n += "_"
        out.append(n)
    return out


def tuples(structure):
    """Lists become tuples, as fit gives them to train_step."""
    if isinstance(structure, dict):
        return {k: tuples(v) for k, v in structure.items()}
    if isinstance(structure, (list, tuple)):
        return tuple(tuples(v) for v in structure)
    return structure


def packer(structure):
    """A function from flat values to the nesting of `structure`."""
    structure = tuples(structure)
    return lambda flat: tree.pack_sequence_as(structure, list(flat))


def inputs(model):
    """The described inputs and the packer of a batch of them."""
    if getattr(model, "inputs", None):  # functional and built Sequential
        structure = getattr(model, "_inputs_struct", None)
        if structure is None:
            structure = model.inputs if len(model.inputs) > 1 else model.inputs[0]
        flat = tree.flatten(structure)
        if any(t.shape[0] is not None for t in flat):
            open_batch(model, flat)
            return inputs(model)
        names = texts(input_names(flat))
        return [describe_tensor(n, c, t.dtype, t.shape) for n, c, t in zip(names, clean(names), flat)], packer(structure)
    return subclassed_inputs(model)


def open_batch(model, flat):
    """Opens the batch axis of a Sequential, which Keras fixes where the model is
    called on a sample. Other models with a fixed one are refused."""
    stateful = [l.name for l in model._flatten_layers() if getattr(l, "stateful", False)]
    if stateful:
        e = ValueError(
            f"the layer {stateful[0]!r} is stateful: its state runs from batch to batch, "
            "which shuffling, replicas and shared batches break"
        )
        e.layer = stateful[0]
        e.hint = "leave stateful=True and the fixed batch size out, and give each record its whole window"
        raise e
    if not isinstance(model, keras.Sequential):
        named = next(t.name for t in flat if t.shape[0] is not None)
        e = ValueError(f"input {named!r} has a fixed batch size")
        e.hint = "write keras.Input(shape) without batch_size or batch_shape: the deployment sets the batch size"
        raise e
    shape = (None, *flat[0].shape[1:])
    model._layers = model._layers[1:]  # the input layer
    model._functional, model.built = None, False
    model.build(shape)


def input_names(tensors):
    """Names as given to Input; Keras' own numbering becomes input, input_1 .."""
    plain = re.compile(r"keras_tensor(_\d+)?")
    return [(f"input_{i}" if i else "input") if plain.fullmatch(t.name) else t.name for i, t in enumerate(tensors)]


def subclassed_inputs(model):
    """Inputs of a model that was called on a sample or built by shape."""
    held = getattr(model, "_build_shapes_dict", None)
    if not held:
        e = ValueError("the input shape of this model is not known")
        e.hint = begin(model) or (
            "call it once on a sample, such as model(keras.ops.zeros((1, 28, 28))), "
            "call model.build((None, 28, 28)) or begin it with keras.Input"
        )
        raise e
    shapes = list(held.values())
    structure = shapes[0] if len(shapes) == 1 else shapes
    return described_shapes(structure, model.input_dtype)


def begin(model):
    """What an unbuilt Sequential is to begin with, empty for other models."""
    if not isinstance(model, keras.Sequential):
        return ""
    if model.layers and isinstance(model.layers[0], keras.layers.Embedding):
        return "begin it with keras.Input((100,)), 100 being how many ids a record holds: input_length of Embedding says it no longer"
    return "begin it with keras.Input and the shape of a record, as keras.Input((28, 28)), or call model.build((None, 28, 28))"


def described_shapes(structure, dtype):
    """Described inputs of a nesting whose leaves are shapes."""
    names, leaves = [], []

    def walk(node, name):
        if isinstance(node, dict):
            return {k: walk(v, k) for k, v in node.items()}
        if all(isinstance(d, (int, type(None))) for d in node):
            names.append(name)
            leaves.append(node)
            return len(leaves) - 1
        return tuple(walk(v, f"{name}_{i}") for i, v in enumerate(node))

    nested = walk(structure, "input")
    order = tree.flatten(nested)  # dicts are flattened by key
    names = texts(names[i] for i in order)
    return [describe_tensor(n, c, dtype, leaves[i]) for n, c, i in zip(names, clean(names), order)], packer(nested)


def build(model, described, pack):
    """Makes every variable of a subclassed model by calling it once."""
    if getattr(model, "inputs", None):
        return
    zeros = [tf.zeros([2] + [1 if d < 0 else d for d in t["shape"]], t["dtype"]) for t in described]
    try:
        model(pack(zeros))
    except Exception as e:
        raise ValueError(
            f"the model could not be called on a batch of {[t['shape'] for t in described]}: {e}"
        ) from e


def call(model, x):
    """The forward pass of inference."""
    return model(x, training=False) if model._call_has_training_arg else model(x)


def flatten(structure):
    """The tensors of an output, in Keras' order."""
    return [t for t in tree.flatten(structure) if t is not None]


def outputs(model, described, pack):
    """The described outputs and the packer of labels in their nesting."""
    x = pack([keras.KerasTensor([None] + [None if d < 0 else d for d in t["shape"]], t["dtype"]) for t in described])
    spec = compute_output_spec(lambda x: call(model, x), x)
    flat = flatten(spec)
    names = output_names(model, spec, flat)
    out = [describe_tensor(n, c, t.dtype, t.shape) for n, c, t in zip(names, clean(names), flat)]
    for t in out:  # read as 4-byte floats by who predicts
        if t["dtype"] in ("float16", "bfloat16"):
            t["dtype"] = "float32"
    return out, packer(tree.map_structure(lambda t: 0, spec))


def output_names(model, spec, flat):
    """Names of the outputs: dict keys, layer names, or output_0 on."""
    if isinstance(spec, dict) and len(spec) == len(flat):
        return texts(sorted(spec))
    given = list(getattr(model, "output_names", None) or [])
    if len(given) == len(flat):
        return texts(given)
    return ["output"] if len(flat) == 1 else [f"output_{i}" for i in range(len(flat))]


def flat_logs(logs):
    """What a step returned as one dict of tensors, as fit reads it."""
    out = {}
    for k, v in logs.items():
        out.update(flat_logs(v) if isinstance(v, dict) else {k: tf.convert_to_tensor(v)})
    return out


def scalars(logs):
    """Names of the members of `logs` that are single numbers."""
    return [k for k, v in logs.items() if v.shape.rank == 0]
