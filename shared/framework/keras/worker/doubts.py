"""Outputs that do not suit their loss, which Keras trains without a word."""

import keras

import labels

PROBABILITIES = {"softmax", "sigmoid", "hard_sigmoid", "hardsigmoid", "sparsemax"}
NUMBERS = {
    "linear", "relu", "relu6", "leaky_relu", "leakyrelu", "prelu", "elu", "selu", "celu", "gelu", "silu", "swish",
    "mish", "tanh", "hard_tanh", "softplus", "softsign", "hard_silu", "log_softmax", "log_sigmoid", "exponential",
}  # fmt: skip
POSITIVE = {"relu", "relu6", "softplus", "exponential"}


def outputs(model, described):
    """(reason, hint, whether it cannot be meant) of each output that is in doubt."""
    given = labels.losses(model, described)
    tensors = getattr(model, "outputs", None) or []  # a subclassed model has none
    if len(tensors) != len(described):
        return
    for tensor, output, loss in zip(tensors, described, given):
        last, axis = activation(tensor)
        which = f"the output {output['name']}" if len(described) > 1 else "the output"
        if last == "softmax" and axis == -1 and output["shape"][-1:] == [1]:
            yield (
                f"{which} is a softmax of one unit, which is 1 whatever the record",
                "for two classes use activation='sigmoid' with binary_crossentropy; for a number leave the activation out",
                True,
            )
            continue
        title = labels.name(loss)
        if loss is None or not labels.known(loss):
            continue
        plain = title.lower().replace("_", "")
        if plain == "poisson" and last in NUMBERS - POSITIVE:
            yield (
                f"{title} takes the logarithm of the output, which is NaN below 0, and the activation of {which} is {last}",
                "give its layer activation='softplus' or 'exponential'",
                False,
            )
        if plain in ("kldivergence", "dice", "tversky") and last in NUMBERS:
            suited = "softmax" if plain == "kldivergence" else "sigmoid"
            yield (
                f"{title} takes probabilities, and the activation of {which} is {last}",
                f"give its layer activation='{suited}'",
                False,
            )
        if "crossentropy" not in plain:
            continue
        probability = "sigmoid" if "binary" in title or output["shape"][-1:] == [1] else "softmax"
        if last in NUMBERS and not labels.logits(loss):
            yield (
                f"{title} takes probabilities, and the activation of {which} is {last}",
                f"give its layer activation='{probability}', or make the loss with from_logits=True",
                False,
            )
        if last in PROBABILITIES and labels.logits(loss):
            yield (
                f"{title} is made with from_logits=True, and the activation of {which} is {last}, so that it is applied twice",
                "leave out one of them",
                False,
            )


def activation(tensor):
    """The name of what makes the numbers of a symbolic tensor, and the axis of a
    softmax; empty where it is not told by a layer."""
    made = getattr(getattr(tensor, "_keras_history", None), "operation", None)
    while isinstance(made, (keras.layers.Reshape, keras.layers.Flatten)):
        made = made.input._keras_history.operation
    if isinstance(made, keras.Model):
        inner = getattr(made, "outputs", None) or []
        return activation(inner[0]) if len(inner) == 1 else ("", -1)
    own = getattr(made, "activation", None)
    if callable(own) and not isinstance(own, keras.layers.Layer):
        return getattr(own, "__name__", type(own).__name__).lower(), -1
    return type(own if callable(own) else made).__name__.lower(), getattr(made, "axis", -1)
