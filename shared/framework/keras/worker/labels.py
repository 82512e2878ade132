"""Which labels a model trains on, found by its loss and by tracing its step."""

import math

import keras
import tensorflow as tf
from keras import tree

import shapes


def losses(model, outputs):
    """The loss of each output, None where it has none."""
    given = model.loss
    if given is None:
        return [None] * len(outputs)
    if isinstance(given, dict):
        return [given.get(t["name"], given.get(n)) for t, n in zip(outputs, raw_names(model, outputs))]
    if isinstance(given, (list, tuple)):
        if len(given) not in (1, len(outputs)):
            raise ValueError(f"{len(given)} losses were given for {len(outputs)} outputs")
        return list(given) if len(given) == len(outputs) else list(given) * len(outputs)
    return [given] * len(outputs)


def raw_names(model, outputs):
    """Output names before they were made fit for a signature."""
    names = getattr(model, "output_names", None) or []
    return names if len(names) == len(outputs) else [t["name"] for t in outputs]


def name(loss):
    """The snake-case name of a loss as Keras prints it."""
    if loss is None:
        return ""
    if isinstance(loss, str):
        return getattr(keras.losses.get(loss), "__name__", loss) if loss not in ("crossentropy", "ce") else loss
    return getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__)


def known(loss):
    """Whether Keras itself defines the loss."""
    if isinstance(loss, str):
        return True
    kind = loss if callable(loss) and hasattr(loss, "__module__") and hasattr(loss, "__name__") else type(loss)
    return str(kind.__module__).startswith("keras.")


def label(output, loss):
    """The labels one output may want, likeliest first."""
    same = dict(output, dtype=keras.config.floatx())  # the type that fit casts fractions to
    if output["dtype"].startswith("complex"):
        same = dict(output)
    index = dict(output, dtype="int32", shape=output["shape"][:-1])
    number = dict(index, dtype=same["dtype"])
    title = name(loss)
    if "sparse" in title.lower():
        return [index]
    if title in ("ctc", "CTC"):
        return [dict(output, dtype="int32", shape=[-1])]
    if title in ("crossentropy", "ce"):
        return [same] if output["shape"][-1:] == [1] else [index]
    if loss is not None and known(loss):
        return [same]
    column = output["shape"][:-1] + [1]
    return [same, index, number, dict(index, shape=column), dict(number, shape=column)]


def candidates(model, outputs, said):
    """Lists of labels to try, likeliest first: tensors and output indices.
    said is what the author states of the label."""
    given = losses(model, outputs)
    if model.loss is None and type(model).train_step is keras.Model.train_step:
        return [([], [])]  # add_loss only: fit(x)
    wanted = [i for i, l in enumerate(given) if l is not None] or range(len(outputs))
    options = [label(outputs[i], given[i]) for i in wanted]
    if said.get("dtype") or said.get("shape") is not None:
        if len(options) != 1:
            e = ValueError(f"a label is stated, and the model has {len(options)} outputs with a loss")
            e.hint = "leave label_type and label_reshape out: they are for models with one label"
            raise e
        options = [as_stated(options[0], said)]
    depth = max(len(o) for o in options)
    out = [([o[min(d, len(o) - 1)] for o in options], list(wanted)) for d in range(depth)]
    if model.loss is None:
        out.append(([], []))
    return out


def as_stated(options, said):
    """The labels of one output with the type and shape that are stated, each once."""
    out = []
    for o in options:
        o = dict(o, dtype=said.get("dtype") or o["dtype"], shape=o["shape"] if said.get("shape") is None else said["shape"])
        if o not in out:
            out.append(o)
    return out


def guessed(model, outputs, specs):
    """Whether only trying told what the labels are."""
    own = [l for l in losses(model, outputs) if l is not None and not known(l)]
    return bool(specs) and (bool(own) or type(model).train_step is not keras.Model.train_step)


def packings(exporter, wanted):
    """Ways to nest labels for train_step, the model's own nesting first."""
    n = len(exporter.outputs)

    def nested(flat):
        full = [None] * n
        for i, y in zip(wanted, flat):
            full[i] = y
        return exporter.pack_outputs(full)

    if len(wanted) == n:
        return [nested]
    if not wanted:
        return [lambda flat: None]
    return [lambda flat: tuple(flat) if len(flat) > 1 else flat[0], nested]


def settle(exporter):
    """The labels that the model's train_step can be traced with.

    Returns (described labels, packer, traced train step). The error is that of
    the likeliest candidate, so that the person reads about the loss they chose.
    """
    first, tried = None, []
    for specs, wanted in candidates(exporter.model, exporter.outputs, exporter.stated):
        for pack in packings(exporter, wanted):
            unbuild(exporter.model)
            try:
                prepare(exporter, specs, pack)
                try_out(exporter, specs, pack)
                step = exporter.step(exporter.model.train_step, specs, pack)
            except Exception as e:
                first = first or e
                tried.append(specs)
                continue
            if specs and model_ignores(step, len(exporter.inputs), len(specs)):
                return settled_without(exporter) or (specs, pack, step)
            return specs, pack, step
    if len(tried) > 1 and not getattr(first, "hint", ""):
        shapes_tried = ", ".join(sorted({str([t["shape"] for t in s]) for s in tried}))
        first.hint = f"check that the loss fits the model's output and its labels: labels of the shapes {shapes_tried} were tried; label_reshape and label_type of the model state others"
    raise first


def try_out(exporter, specs, pack):
    """Raises where a loss of the person's own has no number for such labels.

    Tracing alone takes shapes that no batch has: a slice beyond the label is
    empty and its mean is NaN, an axis that is open is squeezed.
    """
    model = exporter.model
    given = losses(model, exporter.outputs)
    if not specs or all(l is None or known(l) for l in given):
        return
    if type(model).compute_loss is not keras.Model.compute_loss:
        return
    predicted = exporter.pack_outputs([filled(t, 0.5) for t in exporter.outputs])
    values = [
        float(model.compute_loss(y=pack([filled(t, v) for t in specs]), y_pred=predicted, training=False))
        for v in (0, 1)
    ]
    model.reset_metrics()
    if all(math.isnan(v) for v in values):
        e = ValueError(f"the loss is NaN for labels of the shape {[t['shape'] for t in specs]}")
        e.hint = "state the label that the loss takes in label_reshape and label_type of the model"
        raise e


def filled(tensor, number):
    """A batch of three records that hold nothing but a number."""
    shape = [3] + [1 if d < 0 else d for d in tensor["shape"]]
    return tf.cast(tf.fill(shape, float(number)), tensor["dtype"])


def settled_without(exporter):
    """The step without labels, None where it wants some after all."""
    try:
        unbuild(exporter.model)
        pack = lambda flat: None
        prepare(exporter, [], pack)
        return [], pack, exporter.step(exporter.model.train_step, [], pack)
    except Exception:
        return None


def model_ignores(step, first, count):
    """Whether no label takes part in a traced step."""
    return not any(p.consumers() for p in step.graph.inputs[first : first + count])


def unbuild(model):
    """Lets losses and metrics be built again for other labels."""
    for part in (model._compile_loss, model._compile_metrics):
        if part is not None:
            part.built = False


def prepare(exporter, specs, pack):
    """Builds losses and metrics, outside of any graph."""
    zeros = lambda t: tf.zeros([2] + [1 if d < 0 else d for d in t["shape"]], t["dtype"])
    x = exporter.pack_inputs([zeros(t) for t in exporter.inputs])
    y = pack([zeros(t) for t in specs]) if specs else None
    exporter.model._symbolic_build(data_batch=(x, y) if specs else (x,))


def task(outputs, given):
    """(task, classes, logits) as pipeline.Export has them."""
    if len(outputs) != 1 or given[0] is None or len(outputs[0]["shape"]) != 1:
        return "other", 0, False
    title, size = name(given[0]).lower().replace("_", ""), outputs[0]["shape"][-1]
    if "categorical" in title or (title in ("crossentropy", "ce", "kldivergence") and size > 1):
        return "classification", size, logits(given[0])
    if title.startswith("binary") or title in ("crossentropy", "ce"):
        return ("binary-classification", 2, logits(given[0])) if size == 1 else ("other", 0, logits(given[0]))
    if title in REGRESSION:
        return "regression", 0, False
    return "other", 0, False


REGRESSION = {
    "meansquarederror", "mse", "meanabsoluteerror", "mae", "huber", "huberloss", "logcosh",
    "meansquaredlogarithmicerror", "msle", "meanabsolutepercentageerror", "mape", "poisson",
}  # fmt: skip


def logits(loss):
    """Whether a loss object was made with from_logits=True."""
    held = getattr(loss, "_fn_kwargs", None) or {}
    return bool(getattr(loss, "from_logits", held.get("from_logits", False)))
