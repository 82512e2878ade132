"""Steps whose convolutions run on two halves of a batch side by side.

A convolution on few records gains little by a second thread: oneDNN's threads wait
for each other in each of its small pieces. Two halves of a batch wait for nothing of
each other from one layer to the next, so each core takes one. What comes of it is the
same but for the rounding of gradients, which are summed up in another order.

Only layers that treat each record by itself take part; before any other the halves
are joined. It works on functional and sequential models, whose layers Keras runs one
by one.
"""

import functools

import keras
import tensorflow as tf
from keras import layers
from keras import tree
from keras.src.ops.function import Function

# CONVOLUTIONS are worth it to cut a batch.
CONVOLUTIONS = {
    layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose,
    layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.SeparableConv1D, layers.SeparableConv2D,
}  # fmt: skip

# BY_RECORD compute each record of a batch by itself, without a state.
BY_RECORD = CONVOLUTIONS | {
    layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU, layers.Dense, layers.Rescaling,
    layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D,
    layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D,
    layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D,
    layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D,
    layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D,
    layers.Cropping1D, layers.Cropping2D, layers.Cropping3D,
    layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D,
    layers.Reshape, layers.Flatten, layers.Permute, layers.RepeatVector,
    layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum, layers.Concatenate,
}  # fmt: skip

# ACTIVATIONS are those of Keras by element. Not softmax and sigmoid: a loss looks for
# them in the graph, to be computed of what they are of.
ACTIVATIONS = {
    keras.activations.get(name)
    for name in ("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "celu", "silu", "softplus", "softsign", "tanh", "exponential", "mish")
}


class Halves:
    """A tensor whose records are in two parts."""

    def __init__(self, parts, work):
        self.parts, self._work = parts, work

    @functools.cached_property
    def joined(self):
        self._work.joins += 1
        return tf.concat(self.parts, 0)


class Work:
    """How many layers ran in halves, and how often halves were joined."""

    layers = joins = 0

    def pays(self):
        """Whether halves are quicker than whole batches. Between two joins three layers
        must run: with batch normalization behind each convolution, which takes records
        together, a step took as long as before, or a tenth longer; with three layers and
        more, 0.7 to 0.9 of the time."""
        return self.layers > 0 and self.layers >= 3 * self.joins


def in_halves(function):
    """`function`, in whose trace layers run on halves of a batch. It gives what
    function gives, None where that does not pay."""

    def run(*args, **named):
        original, work = Function._run_through_graph, Work()

        def through(self, inputs, operation_fn=lambda op: op, call_fn=None):
            if call_fn is not None:  # nothing is computed, but shapes
                return original(self, inputs, operation_fn, call_fn)
            cut = {}

            def wrapped(operation):
                return lambda *args, **named: _call(operation, operation_fn(operation), args, named, cut, work)

            return tree.map_structure(_join, original(self, inputs, wrapped))

        Function._run_through_graph = through
        try:
            got = function(*args, **named)
        finally:
            Function._run_through_graph = original
        return got if work.pays() else None

    return run


def _call(operation, call, args, named, cut, work):
    """What a layer gives: halves, where it takes some or they begin at it."""
    halved = any(isinstance(v, Halves) for v in tree.flatten(args))
    if not (halved or type(operation) in CONVOLUTIONS) or not _by_record(operation, args, named):
        args, named = tree.map_structure(_join, (args, named))
        return call(*args, **named)
    work.layers += 1
    return Halves([call(*tree.map_structure(lambda v: _parts(v, cut)[i], args), **named) for i in range(2)], work)


def _by_record(operation, args, named):
    """Whether a layer computes each record of its inputs by itself."""
    if type(operation) not in BY_RECORD or getattr(operation, "activity_regularizer", None) is not None:
        return False
    if isinstance(operation, layers.Concatenate) and operation.axis == 0:
        return False
    activation = getattr(operation, "activation", None)
    if activation is not None and activation not in ACTIVATIONS:
        return False
    values = tree.flatten(args)
    if not all(isinstance(v, (Halves, tf.Tensor)) for v in values) or any(isinstance(v, (Halves, tf.Tensor)) for v in tree.flatten(named)):
        return False
    parts = [p for v in values for p in (v.parts if isinstance(v, Halves) else [v])]
    return all(keras.src.backend.get_keras_mask(p) is None and p.shape.rank for p in parts)


def _join(v):
    return v.joined if isinstance(v, Halves) else v


def _parts(v, cut):
    """The two parts of a tensor, the first the larger by a record where there is an odd one."""
    if isinstance(v, Halves):
        return v.parts
    if id(v) not in cut:
        n = tf.shape(v)[0]
        cut[id(v)] = v, tf.split(v, [n - n // 2, n // 2])  # v: so that nothing else gets its id
    return cut[id(v)][1]
