"""Operations that tf2onnx lacks or reads otherwise than TensorFlow does. Importing this adds them to its own."""

import numpy as np
from onnx import TensorProto
from tf2onnx.handler import tf_op
from tf2onnx.onnx_opset import reduction, tensor
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
        under = n.make("Less", n.make("Cast", each, to=TensorProto.FLOAT) if dtype != TensorProto.FLOAT else each,
                       n.const(node.get_attr_value("boundaries"), TensorProto.FLOAT))  # so that NaN is above all of them
        n.become("ReduceSum", n.make("Cast", n.make("Not", under), to=n.dtype), n.const([-1], TensorProto.INT64), keepdims=0)


_INTEGERS = {TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64}
_NARROW = {TensorProto.INT8, TensorProto.INT16, TensorProto.UINT8, TensorProto.UINT16}


class _Floored:
    """A division of two operands, rounded down: ONNX' own cuts integers off instead,
    and its remainder by way of the quotient loses digits of floating-point numbers."""

    def __init__(self, ctx, node):
        self.node = n = _Node(ctx, node)
        self.whole = n.dtype in _INTEGERS | _NARROW
        self.dtype = TensorProto.INT32 if n.dtype in _NARROW else n.dtype
        self.a, self.b = (n.make("Cast", i, to=self.dtype) if self.dtype != n.dtype else i for i in node.input[:2])
        self.divisor = node.inputs[1].get_tensor_value(as_list=False) if node.inputs[1].is_const() else None

    def const(self, value):
        return self.node.const(value, self.dtype)

    def cut(self):
        """The quotient of integers, cut off. The lowest one by -1 would end ONNX
        Runtime's process; here it overflows, as TensorFlow's does."""
        make, a, b = self.node.make, self.a, self.b
        if self.divisor is None or np.any(self.divisor == -1):
            negated = make("Equal", b, self.const(-1))
            a, b = make("Where", negated, make("Neg", a), a), make("Where", negated, self.const(1), b)
        return make("Div", a, b)

    def rest(self, quotient=None):
        """What remains, of the sign of the dividend, and whether that is not the divisor's."""
        make, zero = self.node.make, self.const(0)
        r = make("Sub", self.a, make("Mul", quotient, self.b)) if quotient else make("Mod", self.a, self.b, fmod=1)
        other = make("Xor", make("Less", r, zero), make("Less", self.b, zero))
        return r, make("And", make("Not", make("Equal", r, zero)), other)

    def become(self, op, *inputs):
        if self.dtype == self.node.dtype:
            self.node.become(op, *inputs)
        else:
            self.node.become("Cast", self.node.make(op, *inputs), to=self.node.dtype)


@tf_op("FloorDiv")
class FloorDiv:
    @classmethod
    def version_13(cls, ctx, node, **_):
        f = _Floored(ctx, node)
        if f.whole:
            quotient = f.cut()
            f.become("Sub", quotient, f.node.make("Cast", f.rest(quotient)[1], to=f.dtype))
        elif f.dtype in (TensorProto.UINT32, TensorProto.UINT64):
            f.become("Div", f.a, f.b)
        else:
            f.become("Floor", f.node.make("Div", f.a, f.b))


@tf_op("FloorMod")
class FloorMod:
    @classmethod
    def version_13(cls, ctx, node, **_):
        f = _Floored(ctx, node)
        if f.dtype in (TensorProto.UINT32, TensorProto.UINT64):
            f.become("Sub", f.a, f.node.make("Mul", f.node.make("Div", f.a, f.b), f.b))
            return
        r, other = f.rest(f.cut() if f.whole else None)
        f.become("Where", other, f.node.make("Add", r, f.b), r)


@tf_op("TruncateDiv")
class TruncateDiv:
    @classmethod
    def version_13(cls, ctx, node, **_):
        f = _Floored(ctx, node)
        f.become("Identity", f.cut() if f.whole else f.node.make("Div", f.a, f.b))


_BEYOND = np.iinfo(np.int32).max  # of any table, and what the Go side reads as below 0


def _from_zero(ctx, node, at):
    """Puts one beyond any table in the place of an index below 0, which ONNX counts from the end."""
    index, dtype = node.inputs[at], ctx.get_dtype(node.input[at])
    if index.is_const() or dtype not in _INTEGERS:
        return
    n, given = _Node(ctx, node), node.input[at]
    if dtype in _NARROW:
        given, dtype = n.make("Cast", given, to=TensorProto.INT32), TensorProto.INT32
    counted = n.make("Where", n.make("Less", given, n.const(0, dtype)), n.const(_BEYOND, dtype), given)
    ctx.replace_inputs(node, [*node.input[:at], counted, *node.input[at + 1 :]])


def _indexed(name, at, base, version, **kwargs):
    """Has tf2onnx convert an operation whose input at is indices that it refuses below 0."""
    def convert(cls, ctx, node, **given):
        _from_zero(ctx, node, at)
        getattr(base, f"version_{version}")(ctx, node, **given)

    tf_op(name, **kwargs)(type(name, (), {f"version_{version}": classmethod(convert)}))


_indexed("GatherV2", 1, tensor.GatherV2, 12)
_indexed("GatherNd", 1, tensor.GatherND, 11, onnx_op="GatherND")
_indexed("ScatterNd", 0, tensor.ScatterND, 11, onnx_op="ScatterND")
_indexed("TensorScatterUpdate", 1, tensor.TensorScatterUpdate, 11, onnx_op="ScatterND")
for _name in ("Add", "Max", "Min", "Sub"):
    _indexed(f"TensorScatter{_name}", 1, getattr(tensor, f"TensorScatter{_name}"), 16, onnx_op="ScatterND")


@tf_op("OneHot")
class OneHot:
    """An index below 0 has no 1, as one beyond the depth has none."""

    @classmethod
    def version_13(cls, ctx, node, **kwargs):
        n, index = _Node(ctx, node), ctx.get_dtype(node.input[0])
        if index == TensorProto.UINT8:  # which ONNX Runtime does not take
            ctx.replace_inputs(node, [n.make("Cast", node.input[0], to=TensorProto.INT32), *node.input[1:]])
        _from_zero(ctx, node, 0)
        values = [v.get_tensor_value() if v.is_const() else None for v in node.inputs[2:4]]
        if n.dtype != TensorProto.FLOAT and values == [1, 0]:  # tf2onnx would look the rows up
            floats = TensorProto.FLOAT
            ctx.insert_new_node_on_output("Cast", node.output[0], to=n.dtype)
            ctx.set_dtype(node.output[0], floats)
            ctx.replace_inputs(node, [*node.input[:2], n.const(1, floats), n.const(0, floats)])
        tensor.OneHot.version_13(ctx, node, **kwargs)


@tf_op([f"UnsortedSegment{_name}" for _name in ("Sum", "Prod", "Max", "Min")])
class UnsortedSegment:
    """TensorFlow leaves out what belongs to a segment below 0: here one before the others takes it."""

    @classmethod
    def version_13(cls, ctx, node, **kwargs):
        n = _Node(ctx, node)
        data, segments, count = node.input
        dtype, counted, one = ctx.get_dtype(segments), ctx.get_dtype(count), n.const([1], TensorProto.INT64)
        after = n.make("Add", n.make("Max", segments, n.const(-1, dtype)), n.const(1, dtype))
        ctx.copy_shape(segments, after)
        ctx.replace_inputs(node, [data, after, n.make("Add", count, n.const(1, counted))])
        cut = ctx.make_node("Slice", [node.output[0], one, n.const([np.iinfo(np.int64).max], TensorProto.INT64), n.const([0], TensorProto.INT64)])
        ctx.insert_node_on_output(cut, node.output[0])
        if n.dtype == TensorProto.FLOAT and node.type[-3:] in ("Max", "Min"):  # of none it is the lowest or highest number, not infinity
            ends = np.finfo(np.float32)
            ctx.insert_node_on_output(ctx.make_node(node.type[-3:], [cut.output[0], n.const(ends.min if node.type.endswith("Max") else ends.max)]), cut.output[0])
        reduction.SegmentSum.version_13(ctx, node, **kwargs)


@tf_op(["Bincount", "DenseBincount"])
class Bincount:
    """TensorFlow refuses a number below 0, which tf2onnx leaves out."""

    @classmethod
    def version_13(cls, ctx, node, **kwargs):
        n, given = _Node(ctx, node), node.input[0]
        dtype = ctx.get_dtype(given)
        place = n.make("Where", n.make("Less", given, n.const(0, dtype)), n.const(_BEYOND, dtype), n.const(0, dtype))
        counted = n.make("Add", given, n.make("Gather", n.const([0], dtype), place))
        ctx.copy_shape(given, counted)
        ctx.replace_inputs(node, [counted, *node.input[1:]])
        tensor.Bincount.version_13(ctx, node, **kwargs)
