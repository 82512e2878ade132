"""Runs allowed operations on hostile operands, each draw in a process that may die, for killers_test.go.

Run as: python -I -S fuzz_ops.py SITE DRAWS SEED OP [OP ...]
Prints a line of JSON for each operation when it has been tried: {"op", "deaths": [{"signal", "draw"}], "slow"}, the
last the draws that were given up.
"""
import json
import os
import random
import resource
import signal
import sys

sys.path.insert(0, sys.argv[1])
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

DEATHS = 3  # of one operation, then it is known
SLOW = 3  # draws that do not end, then the rest is left out
PATIENCE = 5  # seconds for a draw
TYPES = [tf.float32, tf.int32, tf.int64, tf.float64, tf.bool, tf.string, tf.uint8, tf.half, tf.bfloat16, tf.complex64, tf.int8, tf.qint8]
SHAPES = [(), (0,), (1,), (2,), (3,), (1, 1), (2, 3), (0, 2), (2, 2, 2), (1, 2, 3, 1), (1, 0, 1, 1), (1, 1, 1, 1, 1), (4, 1)]
INTS = [-2**31, -(2**20), -2, -1, 0, 1, 2, 3, 7, 64, 1000, 2**20, 2**31 - 1]
WIDE = INTS + [-(2**63), -(2**40), 2**40, 2**62, 2**63 - 1]
FLOATS = [0.0, -1.0, 0.5, 1.0, 1e30, -1e30, float("nan"), float("inf")]


def tensor(r, dtype, shape=None):
    """A value of dtype; sizes and indices among its values are hostile."""
    if shape is None:
        shape = r.choice(SHAPES)
    if dtype == tf.resource:
        return resource_of(r)
    if dtype == tf.variant:
        return variant_of(r)
    n = int(np.prod(shape))
    if dtype == tf.string:
        return tf.constant(np.array([r.choice([b"", b"a", b"\xff\x00", b"long" * 300]) for _ in range(n)], dtype=object).reshape(shape), tf.string)
    if dtype == tf.bool:
        return tf.constant(np.array([r.random() < 0.5 for _ in range(n)], dtype=bool).reshape(shape))
    if dtype.is_integer and not dtype.is_quantized:
        pick = r.choice([[0, 1, 2, 3], [-1, 0, 1], WIDE if dtype.size == 8 else INTS])
        low, high = dtype.min, dtype.max
        return tf.constant(np.array([min(max(r.choice(pick), low), high) for _ in range(n)], dtype=dtype.as_numpy_dtype).reshape(shape))
    if dtype.is_quantized:
        return tf.bitcast(tf.constant(np.zeros(shape, {1: np.uint8, 2: np.uint16, 4: np.int32}[dtype.size])), dtype)
    values = np.array([r.choice(FLOATS) for _ in range(n)], dtype=np.float64).reshape(shape)
    return tf.cast(tf.constant(values), dtype)


KEPT = []  # what handles refer to lives as long as this process


def resource_of(r):
    kind = r.randrange(4)
    if kind == 0:
        v = tf.Variable(tensor(r, r.choice([tf.float32, tf.int32, tf.int64])), shape=tf.TensorShape(None))
        KEPT.append(v)
        return v.handle
    if kind == 1:
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
        KEPT.append(table)
        return table.resource_handle
    if kind == 2:
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[2], shared_name=f"open{r.randrange(1000)}")
    rng = tf.random.Generator.from_seed(1)
    KEPT.append(rng)
    return rng.state.handle


def variant_of(r):
    kind = r.randrange(4)
    dtype = r.choice([tf.float32, tf.int32])
    if kind == 0:
        return tf.raw_ops.TensorListReserve(element_shape=r.choice([-1, [2], []]), num_elements=r.choice([0, 1, 3]), element_dtype=dtype)
    if kind == 1:
        return tf.raw_ops.EmptyTensorList(element_shape=-1, max_num_elements=-1, element_dtype=dtype)
    if kind == 2:
        return tf.raw_ops.TensorListFromTensor(tensor=tf.zeros([3, 2], dtype), element_shape=[2])
    return tf.raw_ops.RaggedTensorToVariant(rt_nested_splits=[tf.constant([0, 1, 2], tf.int64)], rt_dense_values=tf.zeros([2], dtype), batched_input=False)


def attribute(r, a):
    if a.HasField("default_value") and r.random() < 0.6:
        return None
    allowed = a.allowed_values.list
    match a.type:
        case "type":
            if allowed.type:
                return tf.DType(r.choice(list(allowed.type)))
            return r.choice(TYPES)
        case "list(type)":
            return [tf.DType(r.choice(list(allowed.type))) if allowed.type else r.choice(TYPES) for _ in range(r.randrange(0, 3))]
        case "int":
            return r.choice(INTS if r.random() < 0.5 else [0, 1, 2, 3])
        case "list(int)":
            return [r.choice([-1, 0, 1, 1, 2, 3, 2**31 - 1]) for _ in range(r.choice([0, 1, 2, 4, 4, 5]))]
        case "float":
            return r.choice(FLOATS)
        case "list(float)":
            return [r.choice(FLOATS) for _ in range(r.randrange(0, 4))]
        case "bool":
            return r.random() < 0.5
        case "string":
            return r.choice(list(allowed.s)).decode() if allowed.s else r.choice(["", "a", "NHWC", "bilinear", "ab,bc->ac", "ij->ji", "..."])
        case "list(string)":
            return [r.choice(["", "a"]) for _ in range(r.randrange(0, 3))]
        case "shape":
            return r.choice([[], [2], [-1, 2], [0], [2**31 - 1, 2**31 - 1], None])
        case "list(shape)":
            return [r.choice([[], [2], [0]]) for _ in range(r.randrange(0, 3))]
        case "tensor":
            return tensor(r, r.choice(TYPES[:3])).numpy()
    return None


def draw(r, d):
    """One call of the operation on drawn operands; any exception is fine."""
    attrs = {}
    for a in d.attr:
        if a.type.startswith("func") or a.type == "list(func)":
            return
        value = attribute(r, a)
        if value is None and a.HasField("default_value"):
            default = a.default_value
            value = tf.DType(default.type) if a.type == "type" else None
            if value is None:
                continue
            attrs[a.name] = (value, False)
            continue
        attrs[a.name] = (value, True)
    if r.random() < 0.5:  # operands of one shape get further than others
        shape = r.choice(SHAPES)
    else:
        shape = None
    given = {}
    for i in d.input_arg:
        count = None
        if i.number_attr:
            count = r.choice([1, 2, 3])
            attrs.pop(i.number_attr, None)
        if i.type_list_attr:
            kinds = attrs.get(i.type_list_attr, ([tf.float32], True))[0] or []
            attrs.pop(i.type_list_attr, None)
            given[i.name] = [tensor(r, k) for k in kinds]
            continue
        dtype = tf.DType(i.type) if i.type else (attrs.get(i.type_attr, (tf.float32, True))[0])
        make = lambda: tensor(r, dtype, shape if r.random() < 0.8 else None)
        given[i.name] = [make() for _ in range(count)] if count else make()
    taken = {i.type_attr for i in d.input_arg}
    explicit = {k: v for k, (v, given_) in attrs.items() if given_ and k not in taken}
    getattr(tf.raw_ops, d.name)(**given, **explicit)


def child(name, seed, first, draws, out):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    d = op_def_registry.get(name)
    for at in range(first, draws):
        os.pwrite(out, at.to_bytes(4, "little"), 0)
        signal.alarm(PATIENCE)
        try:
            draw(random.Random(f"{seed} {name} {at}"), d)
        except Exception:
            pass
    os._exit(0)


def main():
    draws, seed = int(sys.argv[2]), sys.argv[3]
    for name in sys.argv[4:]:
        if op_def_registry.get(name) is None or not hasattr(tf.raw_ops, name):
            continue
        first, deaths, slow = 0, [], 0
        while first < draws and len(deaths) < DEATHS and slow < SLOW:
            out = os.memfd_create("draw")
            pid = os.fork()
            if pid == 0:
                child(name, seed, first, draws, out)
            _, status = os.waitpid(pid, 0)
            at = int.from_bytes(os.pread(out, 4, 0), "little")
            os.close(out)
            if not os.WIFSIGNALED(status):
                break
            first = at + 1
            if os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGKILL):
                slow += 1
            else:
                deaths.append({"signal": signal.Signals(os.WTERMSIG(status)).name, "draw": at})
        print(json.dumps({"op": name, "deaths": deaths, "slow": slow}), flush=True)


main()
