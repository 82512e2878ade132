"""Operations that tf2onnx lacks or reads otherwise than TensorFlow does. Importing this adds them to its own."""

import numpy as np
from onnx import TensorProto
from tf2onnx.handler import tf_op
from tf2onnx.onnx_opset.tensor import GatherV2
from tf2onnx.utils import map_onnx_to_numpy_type


class _Node:
    """An operation that is being replaced."""

    def __init__(self, ctx, node):
        self.ctx, self.node, self.input = ctx, node, node.input[0]
        self.dtype = ctx.get_dtype(node.output[0])

    def const(self, value, dtype=None):
        numpy_type = map_onnx_to_numpy_type(dtype or self.dtype)
        return self.ctx.make_const(f"{self.node.name}_{id(self)}_{len(self.ctx.get_nodes())}", np.array(value, numpy_type)).output[0]

    def make(self, op, *inputs, **attributes):
        return self.ctx.make_node(op, list(inputs), attr=attributes).output[0]

    def become(self, op, *inputs, **attributes):
        """Puts the last operation in the node's place."""
        shapes, dtypes, name, outputs = self.node.output_shapes, self.node.output_dtypes, self.node.name, self.node.output
        self.ctx.remove_node(name)
        self.ctx.make_node(op, list(inputs), attr=attributes, name=name, outputs=outputs, shapes=shapes, dtypes=dtypes)


@tf_op("Erfc")
class Erfc:
    @classmethod
    def version_9(cls, ctx, node, **_):
        n = _Node(ctx, node)
        n.become("Sub", n.const(1), n.make("Erf", n.input))


@tf_op("Expm1")
class Expm1:
    """tanh(x/2) (exp(x) + 1): as exact near 0 as elsewhere."""

    @classmethod
    def version_9(cls, ctx, node, **_):
        n = _Node(ctx, node)
        half = n.make("Tanh", n.make("Mul", n.input, n.const(0.5)))
        n.become("Mul", half, n.make("Add", n.make("Exp", n.input), n.const(1)))


@tf_op("Log1p")
class Log1p:
    """2 atanh(x / (x + 2)) near 0, where log(1 + x) would lose digits."""

    @classmethod
    def version_16(cls, ctx, node, **_):
        n = _Node(ctx, node)
        near = n.make("Less", n.make("Abs", n.input), n.const(0.5))
        small = n.make("Where", near, n.input, n.const(0))
        small = n.make("Mul", n.const(2), n.make("Atanh", n.make("Div", small, n.make("Add", small, n.const(2)))))
        n.become("Where", near, small, n.make("Log", n.make("Add", n.input, n.const(1))))


@tf_op("Bucketize")
class Bucketize:
    """How many boundaries are not above a value."""

    @classmethod
    def version_16(cls, ctx, node, **_):
        n = _Node(ctx, node)
        dtype = ctx.get_dtype(n.input)
        each = n.make("Unsqueeze", n.input, n.const([-1], TensorProto.INT64))
        above = n.make("GreaterOrEqual", n.make("Cast", each, to=TensorProto.FLOAT) if dtype != TensorProto.FLOAT else each,
                       n.const(node.get_attr_value("boundaries"), TensorProto.FLOAT))
        n.become("ReduceSum", n.make("Cast", above, to=n.dtype), n.const([-1], TensorProto.INT64), keepdims=0)


@tf_op("GatherV2")
class Gather:
    """TensorFlow refuses an index below 0, which ONNX counts from the end: it becomes one beyond it."""

    @classmethod
    def version_12(cls, ctx, node, **kwargs):
        index = node.inputs[1]
        if not index.is_const():
            dtype = ctx.get_dtype(node.input[1])
            n = _Node(ctx, node)
            below = n.make("Less", node.input[1], n.const(0, dtype))
            beyond = n.const(np.iinfo(np.int32).max, dtype)
            ctx.replace_inputs(node, [node.input[0], n.make("Where", below, beyond, node.input[1]), *node.input[2:]])
        GatherV2.version_12(ctx, node, **kwargs)
