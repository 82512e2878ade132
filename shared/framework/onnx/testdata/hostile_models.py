"""Writes models of one allowed operator each, on hostile operands and attributes, for killers_test.go.

Run as: python -I -S hostile_models.py ONNX_SITE TENSORFLOW_SITE FOLDER DRAWS [DOMAIN:]OP ...
Writes FOLDER/OP-DRAW.onnx: models that take x, float32 of [n, 3], and give y of the same; y waits for the operator. An
operator of which nothing can be made is left out.
"""
import os
import random
import sys

sys.path[:0] = sys.argv[1:3]

import numpy as np
from onnx import TensorProto, defs, helper, numpy_helper

OPSETS = [9, 13, 17, 21, 23]
SHAPES = [(), (0,), (1,), (2,), (3,), (1, 1), (2, 3), (0, 2), (2, 2, 2), (1, 2, 3, 1), (1, 0, 1, 1), (1, 1, 1, 1, 1), (4, 1)]
INTS = [-2**31, -(2**20), -2, -1, 0, 1, 2, 3, 7, 64, 1000, 2**20, 2**31 - 1]
WIDE = INTS + [-(2**63), -(2**40), 2**40, 2**62, 2**63 - 1]
FLOATS = [0.0, -1.0, 0.5, 1.0, 1e30, -1e30, float("nan"), float("inf")]
KINDS = {
    "float": TensorProto.FLOAT, "double": TensorProto.DOUBLE, "int64": TensorProto.INT64, "int32": TensorProto.INT32, "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8, "bool": TensorProto.BOOL, "float16": TensorProto.FLOAT16, "uint32": TensorProto.UINT32, "int16": TensorProto.INT16,
}  # text is refused
TEXTS = ["", "NOTSET", "SAME_UPPER", "VALID", "nearest", "linear", "cubic", "constant", "reflect", "edge", "wrap", "add", "mul", "max", "sum", "mean",
         "none", "ij,jk->ik", "ii->i", "...->", "forward", "bidirectional", "reverse", "asymmetric", "half_pixel", "tf_crop_and_resize", "DCR", "L1",
         "LOGISTIC", "SOFTMAX", "RBF", "LINEAR", "POLY", "BRANCH_LEQ", "LEAF"]


def array(r, kind, shape=None):
    shape = r.choice(SHAPES) if shape is None else shape
    n = int(np.prod(shape))
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    if kind == TensorProto.BOOL:
        values = [r.random() < 0.5 for _ in range(n)]
    elif np.issubdtype(dtype, np.integer):
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        pick = r.choice([[0, 1, 2, 3], [-1, 0, 1], WIDE])
        values = [min(max(r.choice(pick), int(low)), int(high)) for _ in range(n)]
    else:
        with np.errstate(over="ignore"):
            values = np.array([r.choice(FLOATS) for _ in range(n)]).astype(dtype)
    return np.array(values, dtype=dtype).reshape(shape)


class Maker:
    """A graph in the making."""

    def __init__(self, r, opset, domain, version):
        self.r, self.opset = r, opset
        self.opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, version)] if domain else [])
        self.nodes, self.constants = [], []
        self.add("ReduceSum", ["x"], keepdims=0, name="none")

    def add(self, op, inputs, outputs=1, name=None, domain="", **attributes):
        name = name or f"v{len(self.nodes)}"
        outs = [name] + [f"{name}_{i}" for i in range(1, outputs)]
        self.nodes.append(helper.make_node(op, inputs, outs, name=f"n{len(self.nodes)}", domain=domain, **attributes))
        return name

    def constant(self, a):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(a, name))
        return name

    def operand(self, kind):
        """A constant, or one whose shape no loader can know."""
        a = array(self.r, kind)
        if self.r.random() < 0.4 or 0 in a.shape and self.opset < 14:
            return self.constant(a)
        shape = self.add("Add", [self.constant(np.array(a.shape, np.float32)), "none"])
        attributes = {"allowzero": 1} if self.opset >= 14 else {}
        return self.add("Reshape", [self.constant(a.reshape(-1)), self.add("Cast", [shape], to=TensorProto.INT64)], **attributes)

    def model(self, last, is_sequence):
        size = self.add("SequenceLength" if is_sequence else "Size", [last])
        nothing = self.add("Mul", [self.add("Cast", [size], to=TensorProto.FLOAT), self.constant(np.array(0, np.float32))])
        self.add("Add", ["x", nothing], name="y")
        x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy")
        graph = helper.make_graph(self.nodes, "g", [x], [y], self.constants)
        return helper.make_model(graph, opset_imports=self.opsets, ir_version=10 if self.opset > 17 else 8)


def attribute(r, a):
    types = defs.OpSchema.AttrType
    if not a.required and r.random() < 0.5:
        return None
    count = r.choice([0, 1, 1, 2, 2, 3, 4, 6])
    match a.type:
        case types.INT:
            return r.choice(r.choice([[0, 1, 2, 3], [1, 7, 6, 9, 11], WIDE]))
        case types.FLOAT:
            return r.choice(FLOATS)
        case types.STRING:
            return r.choice(TEXTS)
        case types.INTS:
            pick = r.choice([[1, 1, 2], [0, 1, 2, 3], [-1, 0, 1], WIDE])
            return [r.choice(pick) for _ in range(count)] or None
        case types.FLOATS:
            return [r.choice(FLOATS) for _ in range(count)] or None
        case types.STRINGS:
            return [r.choice(TEXTS) for _ in range(count)] or None
        case types.TENSOR:
            return numpy_helper.from_array(array(r, r.choice(list(KINDS.values()))), "t")
    raise ValueError(f"an attribute of {a.type}")


def draw(r, domain, op):
    opset = r.choice(OPSETS)
    version = r.choice([1, 3, 5]) if domain else opset
    schema = defs.get_schema(op, version, domain)
    if schema.deprecated:
        raise ValueError("deprecated")
    kinds = {}
    for c in schema.type_constraints:
        allowed = [t for t in c.allowed_type_strs if t.removeprefix("seq(").removeprefix("tensor(").rstrip(")") in KINDS]
        kinds[c.type_param_str] = r.choice([t for t in allowed if t.startswith("tensor(")] or allowed)
    options = defs.OpSchema.FormalParameterOption
    m = Maker(r, opset, domain, version)

    def value(type_str):
        t = kinds.get(type_str, type_str)
        kind = KINDS[t.removeprefix("seq(").removeprefix("tensor(").rstrip(")")]
        if t.startswith("seq("):
            return m.add("SequenceConstruct", [m.operand(kind) for _ in range(r.choice([1, 2, 3]))])
        return m.operand(kind)

    inputs = []
    for i in schema.inputs:
        if i.option == options.Optional and r.random() < 0.5:
            inputs.append("")
            continue
        inputs += [value(i.type_str) for _ in range(r.choice([1, 2, 3]) if i.option == options.Variadic else 1)]
    while inputs and inputs[-1] == "":
        inputs.pop()
    attributes = {name: v for name, a in schema.attributes.items() if (v := attribute(r, a)) is not None}
    wanted = max(1, len([o for o in schema.outputs if o.option != options.Optional]), r.choice([1, 1, len(schema.outputs)]))
    last = m.add(op, inputs, outputs=wanted, domain=domain, **attributes)
    first = schema.outputs[0].type_str
    return m.model(last, kinds.get(first, first).startswith("seq("))


def main():
    folder, draws, names = sys.argv[3], int(sys.argv[4]), sys.argv[5:]
    for name in names:
        domain, _, op = name.rpartition(":")
        made = 0
        for n in range(4 * draws):
            r = random.Random(f"{op} {n}")
            try:
                model = draw(r, domain, op)
            except (ValueError, KeyError, IndexError, TypeError, OverflowError, defs.SchemaError):
                continue  # of another version, or of types that are not tried
            with open(os.path.join(folder, f"{op}-{n}.onnx"), "wb") as f:
                f.write(model.SerializeToString())
            made += 1
            if made == draws:
                break


main()
