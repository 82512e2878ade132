"""Operations that tf2onnx lacks or reads otherwise than TensorFlow does. Importing this adds them to its own."""

import numpy as np
from onnx import TensorProto
from tf2onnx.handler import tf_op
from tf2onnx.onnx_opset import math, reduction, tensor
from tf2onnx.optimizer import back_to_back_optimizer
from tf2onnx.utils import map_onnx_to_numpy_type

# It takes one of two casts in a row out, where the first of them rounds, too.
del back_to_back_optimizer._func_map[("Cast",)]


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

    def any(self, flags):
        """Whether one of all flags is set."""
        return self.make("Cast", self.make("ReduceMax", self.make("Cast", flags, to=TensorProto.UINT8), keepdims=0), to=TensorProto.BOOL)

    def feed(self, i, tensor, dtype=None):
        """Puts a tensor of the same shape, and type unless it is given, in the place of an input."""
        inputs = list(self.node.input)
        self.ctx.copy_shape(inputs[i], tensor)
        self.ctx.set_dtype(tensor, dtype or self.ctx.get_dtype(inputs[i]))
        inputs[i] = tensor
        self.ctx.replace_inputs(self.node, inputs)

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
_PAST = _BEYOND - 1  # what the Go side reads as a place outside of what is cut
_UNKNOWN = _BEYOND - 2  # what the Go side reads as NaN where numbers are put into an order


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


def _unless(n, bad, given, index):
    """What is given, a vector of whole numbers, but an index beyond any table is looked up, and the record refused, where one is bad."""
    zero = n.const([0], n.ctx.get_dtype(given))
    return n.make("Add", given, n.make("Gather", zero, n.make("Where", bad, n.const(index, TensorProto.INT64), n.const(0, TensorProto.INT64))))


_indexed("GatherV2", 1, tensor.GatherV2, 12)
_indexed("GatherNd", 1, tensor.GatherND, 11, onnx_op="GatherND")
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


@tf_op(["Select", "SelectV2"])
class Select:
    """tf2onnx multiplies both by 1 and 0 and adds them, where an infinity or NaN that is not taken stays."""

    @classmethod
    def version_16(cls, ctx, node, **_):
        n, (condition, *values) = _Node(ctx, node), node.input
        rank = ctx.get_rank(values[0])
        if node.type == "Select" and ctx.get_rank(condition) == 1 and rank != 1:  # of rows
            condition = n.make("Unsqueeze", condition, n.const(list(range(1, rank)), TensorProto.INT64))
        if n.dtype in _CHOSEN:
            n.become("Where", condition, *values)
        else:
            wide = TensorProto.INT32 if n.dtype in _NARROW | {TensorProto.BOOL} else TensorProto.INT64
            n.become("Cast", n.make("Where", condition, *(n.make("Cast", v, to=wide) for v in values)), to=n.dtype)


_CHOSEN = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64, TensorProto.STRING}
_FLOATS = {TensorProto.FLOAT, TensorProto.DOUBLE}


@tf_op("Max", onnx_op="ReduceMax")
@tf_op("Min", onnx_op="ReduceMin")
class Extreme:
    """Of NaN and others it is NaN, which ONNX Runtime passes over unless it comes
    first. Their sum costs less than to look for it, and is NaN of it, but of
    infinities of both signs, too: only then is it looked for."""

    @classmethod
    def version_18(cls, ctx, node, **kwargs):
        n, given, keep = _Node(ctx, node), node.input[0], node.get_attr_value("keep_dims", 0)
        shape = ctx.get_shape(node.output[0])
        if n.dtype in _FLOATS:
            axes = n.make("Reshape", n.make("Cast", node.input[1], to=TensorProto.INT64), n.const([-1], TensorProto.INT64))
            doubt = n.make("IsNaN", n.make("ReduceSum", given, axes, keepdims=keep, noop_with_empty_axes=1))
            some = n.any(doubt)
            branches = {"then_branch": cls._branch(ctx, shape, given, axes, keep), "else_branch": cls._branch(ctx, shape, doubt)}
            unknown = ctx.make_node("If", [some], branches=branches, shapes=[shape], dtypes=[TensorProto.BOOL]).output[0]
            at = ctx.make_node("Where", [unknown, n.const(np.nan), node.output[0]])
            ctx.insert_node_on_output(at, node.output[0])
        reduction.ReduceOpBase.version_18(ctx, node, **kwargs)

    @staticmethod
    def _branch(ctx, shape, given, axes=None, keep=0):
        """Says where NaN is, or gives what says it."""
        g = ctx.create_new_graph_with_same_config()
        g.parent_graph = ctx
        if axes is None:
            said = g.make_node("Identity", [given])
        else:
            here = g.make_node("Cast", g.make_node("IsNaN", [given]).output, attr={"to": TensorProto.UINT8}).output
            most = g.make_node("ReduceMax", [*here, axes], attr={"keepdims": keep, "noop_with_empty_axes": 1})
            said = g.make_node("Cast", most.output, attr={"to": TensorProto.BOOL})
        g.add_graph_output(said.output[0], TensorProto.BOOL, shape)
        return g


@tf_op(["ArgMax", "ArgMin"])
class Place:
    """TensorFlow passes over NaN, ONNX Runtime unless it comes first. TensorFlow's
    search begins with the lowest number, so that it passes over -infinity, too."""

    @classmethod
    def version_13(cls, ctx, node, **kwargs):
        n, dtype, given = _Node(ctx, node), ctx.get_dtype(node.input[0]), node.input[0]
        if dtype in _FLOATS:
            most, ends = node.type == "ArgMax", np.finfo(map_onnx_to_numpy_type(dtype))
            end = n.const(ends.min if most else ends.max, dtype)
            n.feed(0, n.make("Where", n.make("Greater" if most else "Less", given, end), given, end))
        reduction.ArgMax.version_12(ctx, node, **kwargs)


@tf_op("TopKV2", onnx_op="TopK")
class TopK:
    """In the type of what is given, which tf2onnx makes a floating-point one. Where
    NaN comes in TensorFlow's order depends on how it sorts: it is refused."""

    @classmethod
    def version_18(cls, ctx, node, **_):
        n, whole = _Node(ctx, node), TensorProto.INT64
        given, wide, name, shapes, dtypes, outputs = n.input, n.dtype, node.name, node.output_shapes, node.output_dtypes, node.output
        count = n.make("Reshape", n.make("Cast", node.input[1], to=whole), n.const([1], whole))
        if wide in _FLOATS:
            unknown = n.make("Unsqueeze", n.any(n.make("IsNaN", given)), n.const([0], whole))
            count = _unless(n, unknown, count, _UNKNOWN)
        elif wide in _NARROW:
            wide, given = TensorProto.INT32, n.make("Cast", given, to=TensorProto.INT32)
        ctx.remove_node(name)
        top = ctx.make_node("TopK", [given, count], output_count=2, shapes=shapes, dtypes=[wide, whole], op_name_scope=name)
        for got, put, dtype, shape in zip(top.output, outputs, dtypes, shapes):
            ctx.make_node("Cast", [got], attr={"to": dtype}, outputs=[put], shapes=[shape], dtypes=[dtype])


@tf_op("Pow")
class Pow:
    """ONNX Runtime raises whole numbers as floating-point ones, which stop at the highest instead of beginning anew."""

    @classmethod
    def version_13(cls, ctx, node, **_):
        n = _Node(ctx, node)
        if n.dtype in _FLOATS:
            return
        exponent = node.inputs[1].get_tensor_value(as_list=False) if node.inputs[1].is_const() else None
        if exponent is None or n.dtype not in (TensorProto.INT32, TensorProto.INT64) or exponent.size != 1 or not 0 < exponent.item() < 64:
            raise ValueError("it raises whole numbers to powers that the record has, or to high ones")
        times, square, product = int(exponent.item()), n.input, None
        while times:
            if times % 2:
                product = square if product is None else n.make("Mul", product, square)
            times //= 2
            square = n.make("Mul", square, square) if times else square
        n.become("Identity", product)


@tf_op("Sum")
class Sum:
    """Of whole numbers; tf2onnx' own goes by way of floating-point ones."""

    @classmethod
    def version_18(cls, ctx, node, **kwargs):
        n = _Node(ctx, node)
        if n.dtype not in _FLOATS | {TensorProto.INT64, TensorProto.UINT64}:
            n.feed(0, n.make("Cast", n.input, to=TensorProto.INT64), TensorProto.INT64)
            ctx.insert_new_node_on_output("Cast", node.output[0], to=n.dtype)
            ctx.set_dtype(node.output[0], TensorProto.INT64)
        node.type = "ReduceSum"
        reduction.ReduceOpBase.version_18(ctx, node, **kwargs)


@tf_op("Prod")
class Prod:
    """Of whole numbers, one after the other: ONNX Runtime's product of them stops at the highest instead of beginning anew."""

    @classmethod
    def version_18(cls, ctx, node, **kwargs):
        n = _Node(ctx, node)
        if n.dtype in _FLOATS:
            node.type = "ReduceProd"
            reduction.ReduceOpBase.version_18(ctx, node, **kwargs)
            return
        sizes, axes = ctx.get_shape(n.input), np.reshape(node.inputs[1].get_tensor_value(as_list=False), -1)
        if n.dtype not in (TensorProto.INT32, TensorProto.INT64) or sizes is None or axes.size != 1 or not 0 < sizes[axes[0]] <= 64:
            raise ValueError("it is a product of many whole numbers")
        product = None
        for i in range(sizes[axes[0]]):
            one = n.make("Gather", n.input, n.const([i] if node.get_attr_value("keep_dims", 0) else i, TensorProto.INT64), axis=int(axes[0]))
            product = n.make("Mul", product, one) if product else one
        n.become("Identity", product)


@tf_op("Range")
class Range:
    """TensorFlow refuses one that does not come to its end, of which ONNX makes an empty one."""

    @classmethod
    def version_18(cls, ctx, node, **_):
        n = _Node(ctx, node)
        start, end, step = node.input
        if n.dtype in (TensorProto.INT32, TensorProto.INT64) and not (node.inputs[0].is_const() and node.inputs[1].is_const()):
            up = n.make("Greater", step, n.const(0))
            aside = n.make("Or", n.make("And", up, n.make("Greater", start, end)), n.make("And", n.make("Not", up), n.make("Less", start, end)))
            row = n.make("Unsqueeze", start, n.const([0], TensorProto.INT64))
            start = n.make("Squeeze", _unless(n, n.make("Unsqueeze", aside, n.const([0], TensorProto.INT64)), row, _PAST), n.const([0], TensorProto.INT64))
        n.become("Range", start, end, step)


@tf_op("Slice")
class Slice:
    """TensorFlow refuses what begins or ends outside of the tensor, ONNX cuts it off."""

    @classmethod
    def version_18(cls, ctx, node, **kwargs):
        n, whole = _Node(ctx, node), TensorProto.INT64
        sizes, known = ctx.get_shape(node.input[0]), [i.get_tensor_value(as_list=False) if i.is_const() else None for i in node.inputs[1:3]]
        within = sizes is not None and all(v is not None for v in known) and all(d >= 0 or (b, s) == (0, -1) for d, b, s in zip(sizes, *known))
        if within:  # as TensorFlow has seen when it traced the model
            tensor.Slice.version_11(ctx, node, **kwargs)
            return
        begin, size = (n.make("Cast", i, to=whole) for i in node.input[1:3])
        every, none, zero = n.make("Shape", n.input), n.const(-1, whole), n.const(0, whole)
        end = n.make("Where", n.make("Equal", size, none), every, n.make("Add", begin, size))
        outside = n.make("Or", n.make("Less", begin, zero), n.make("Less", end, begin))
        outside = n.make("Or", outside, n.make("Greater", end, every))
        n.become("Slice", n.input, _unless(n, outside, begin, _PAST), end)


@tf_op("StridedSlice")
class StridedSlice:
    """An index that stands for one place is refused where there is none, which ONNX cuts off as it does a range."""

    @classmethod
    def version_18(cls, ctx, node, **kwargs):
        shrunk = node.get_attr_value("shrink_axis_mask", 0)
        if shrunk and not node.inputs[1].is_const():
            cls._check(ctx, node, shrunk)
        tensor.StridedSlice.version_13(ctx, node, **kwargs)

    @staticmethod
    def _check(ctx, node, shrunk):
        n, whole = _Node(ctx, node), TensorProto.INT64
        begin = node.input[1]
        count, added, rest = ctx.get_shape(begin)[0], node.get_attr_value("new_axis_mask", 0), node.get_attr_value("ellipsis_mask", 0)
        axes, axis = [], 0
        for i in range(count):
            axes.append(axis if shrunk >> i & 1 else 0)
            if rest >> i & 1:
                axis += ctx.get_rank(n.input) - sum(1 for j in range(count) if not (added | rest) >> j & 1)
            elif not added >> i & 1:
                axis += 1
        sizes = n.make("Gather", n.make("Shape", n.input), n.const(axes, whole))
        place = n.make("Cast", begin, to=whole)
        outside = n.make("Or", n.make("Less", place, n.make("Neg", sizes)), n.make("Not", n.make("Less", place, sizes)))
        outside = n.make("And", outside, n.const([bool(shrunk >> i & 1) for i in range(count)], TensorProto.BOOL))
        n.feed(1, _unless(n, outside, begin, _PAST))


@tf_op(["LeftShift", "RightShift", *(f"SparseSegment{_name}{_end}" for _name in ("Sum", "Mean", "SqrtN") for _end in ("", "WithNumSegments")),
        *(f"Segment{_name}" for _name in ("Sum", "Prod", "Max", "Min", "Mean"))])  # fmt: skip
class Otherwise:
    """What tf2onnx converts to what takes records that TensorFlow refuses, as
    segments that do not ascend, or gives other numbers for some: empty segments,
    shifts of negative numbers."""

    @classmethod
    def version_18(cls, ctx, node, **_):
        raise ValueError("it differs from TensorFlow's")


@tf_op("ScatterNd", onnx_op="ScatterND")
class ScatterNd:
    """What comes to the same place is added up; tf2onnx keeps the last."""

    @classmethod
    def version_18(cls, ctx, node, **kwargs):
        _from_zero(ctx, node, 0)
        tensor.ScatterND.version_11(ctx, node, **kwargs)
        node.set_attr("reduction", "add")


@tf_op("Atan2")
class Atan2:
    """With the signs of zeros."""

    @classmethod
    def version_18(cls, ctx, node, **_):
        n, zero = _Node(ctx, node), 0
        make, (y, x) = n.make, node.input
        high, wide = make("Abs", y), make("Abs", x)

        def negative(v):
            return make("Less", make("Where", make("Equal", v, n.const(zero)), make("Div", n.const(1), v), v), n.const(zero))

        diagonal = make("Where", make("Equal", high, n.const(zero)), n.const(zero), n.const(np.pi / 4))
        angle = make("Where", make("Equal", high, wide), diagonal, make("Atan", make("Div", high, wide)))
        angle = make("Where", negative(x), make("Sub", n.const(np.pi), angle), angle)
        n.become("Where", negative(y), make("Neg", angle), angle)


@tf_op("MatrixBandPart")
class MatrixBandPart:
    """tf2onnx multiplies what is outside of the band by 0, which leaves NaN of infinities."""

    @classmethod
    def version_18(cls, ctx, node, **_):
        n, whole = _Node(ctx, node), TensorProto.INT64
        below, above = (int(i.get_tensor_value()) for i in node.inputs[1:3])
        wide = n.dtype if n.dtype in _FLOATS | {whole, TensorProto.BOOL} else whole
        band = n.make("Cast", n.input, to=wide) if wide != n.dtype else n.input
        if above >= 0:
            band = n.make("Trilu", band, n.const(above, whole), upper=0)
        if below >= 0:
            band = n.make("Trilu", band, n.const(-below, whole), upper=1)
        n.become("Cast", band, to=n.dtype)


@tf_op(["MatrixDiag", "MatrixDiagV2", "MatrixDiagV3"])
class MatrixDiag:
    """Of the main diagonal; tf2onnx takes one row of it for many diagonals."""

    @classmethod
    def version_18(cls, ctx, node, **_):
        n, whole = _Node(ctx, node), TensorProto.INT64
        place, rows, columns, rest = ([i.get_tensor_value(as_list=False) for i in node.inputs[1:]] or [0, -1, -1, 0])[:4]
        if np.any(place) or rows != -1 or columns != -1 or n.dtype not in _CHOSEN:
            raise ValueError("it is more than one diagonal, or another one")
        row = n.make("Unsqueeze", n.input, n.const([-2], whole))
        column = n.make("Unsqueeze", n.input, n.const([-1], whole))
        places = n.make("Range", n.const(0, whole), n.make("Squeeze", n.make("Shape", n.input, start=-1), n.const([0], whole)), n.const(1, whole))
        same = n.make("Equal", n.make("Unsqueeze", places, n.const([0], whole)), n.make("Unsqueeze", places, n.const([1], whole)))
        n.become("Where", same, n.make("Where", same, row, column), n.const(rest))


for _name in ("Max", "Min"):
    def _scatter(cls, ctx, node, _most=_name == "Max", _base=getattr(tensor, f"TensorScatter{_name}"), **kwargs):
        _from_zero(ctx, node, 1)
        n = _Node(ctx, node)
        if n.dtype in _FLOATS:  # NaN is passed over
            end = n.const(-np.inf if _most else np.inf)
            n.feed(2, n.make("Where", n.make("IsNaN", node.input[2]), end, node.input[2]))
        _base.version_16(ctx, node, **kwargs)

    tf_op(f"TensorScatter{_name}", onnx_op="ScatterND")(type(_name, (), {"version_18": classmethod(_scatter)}))


@tf_op(["Relu", "Relu6"])
class Relu:
    """Where TensorFlow computes it together with a product of matrices, NaN becomes
    0; see _note_fused of onnx_trace.py."""

    @classmethod
    def version_18(cls, ctx, node, **kwargs):
        n, capped = _Node(ctx, node), node.type == "Relu6"
        if not node.get_attr_value("_fused", False) or n.dtype != TensorProto.FLOAT:
            if capped:
                math.Relu6.version_11(ctx, node, **kwargs)
        elif capped:
            n.become("Min", n.make("ThresholdedRelu", n.input, alpha=0.0), n.const(6))
        else:
            n.become("ThresholdedRelu", n.input, alpha=0.0)
