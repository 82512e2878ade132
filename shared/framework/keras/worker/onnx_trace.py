"""The forward pass of a model as a plain graph that takes its variables as arguments.

What an ONNX graph cannot keep is refused here, with the layer that wants it.
"""

import collections
import contextlib
import re

import keras
import tensorflow as tf
from keras.src.backend.tensorflow import numpy as keras_numpy
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, rewriter_config_pb2
from tensorflow.python.grappler import tf_optimizer
from tensorflow.python.framework import convert_to_constants
from tensorflow.python.ops import resource_variable_ops
from tensorflow.python.saved_model import save_context

import adapt
import shapes

_NUMBERED = re.compile(r"_\d+$")
_RANDOM = re.compile(r"Random|Multinomial|Stateful(Standard|Truncated|Uniform)|TruncatedNormal|StatelessShuffle|NonDeterministic|Timestamp")
_CHECKS = ("Assert", "CheckNumerics", "CheckNumericsV2")
# Those that tf2onnx converts to what gives other numbers, or what ONNX Runtime does not take.
_WRONG = ("ResizeArea", "ResizeBicubic", "DynamicStitch", "ParallelDynamicStitch")
# What a type of half precision may pass through: nothing is computed there.
_MOVES = ("Cast", "Placeholder", "Const", "Identity", "Reshape", "Transpose", "Squeeze", "ExpandDims", "ConcatV2", "StridedSlice",
          "Pack", "Unpack", "NoOp")  # fmt: skip
_HALF = {t.as_datatype_enum: t.name for t in (tf.float16, tf.bfloat16)}


class Unfit(Exception):
    """Why a model has no ONNX form, for a person."""


class Traced:
    """The forward pass as a GraphDef, with the names of what it takes and gives."""

    def __init__(self, exporter):
        self.layers = {l.name: l for l in exporter.model._flatten_layers()}
        variables = self.variables = exporter.named_variables()
        self._written = set()
        self.inputs = [shapes.signature(t) for t in exporter.inputs]
        self.outputs = [shapes.signature(t) for t in exporter.outputs]
        self._check_names(variables)
        specs = exporter.batch_specs()
        specs += [tf.TensorSpec(v.shape, v.dtype, name) for name, v in variables.items()]
        run = self._forward(exporter, list(variables.values()))
        concrete = tf.function(run, input_signature=specs, autograph=False).get_concrete_function()
        feeds = [t.name for t in concrete.inputs[: len(specs)]]
        self.names = dict(zip(feeds, [*self.inputs, *variables]))  # of the graph's inputs and outputs, by their tensors
        self.names.update((t.name, n) for t, n in zip(concrete.outputs, self.outputs))
        self.feeds, self.fetches = feeds, [t.name for t in concrete.outputs]
        self.graph = _inlined(_closed(concrete), self.feeds, self.fetches)
        _note_fused(self.graph)
        self._check({inner.op.name for _, inner in concrete.graph.captures if inner.dtype == tf.resource})

    def _check_names(self, variables):
        """Refuses what would be one name of two values."""
        for name in self.inputs:
            if name in self.outputs or name in variables:
                raise Unfit(f"the input {name} has the name of an output or of a weight")
        for name in self.outputs:
            if name in variables:
                raise Unfit(f"the output {name} has the name of a weight")

    def _forward(self, exporter, variables):
        """What is traced. The context of saving, which changes nothing else here,
        keeps a person's own tf.function from being taken as it was traced before,
        with its variables: the policy is a part of its key."""
        n = len(self.inputs)
        options = tf.saved_model.SaveOptions(experimental_variable_policy=tf.saved_model.experimental.VariablePolicy.SAVE_VARIABLE_DEVICES)

        def run(*args):
            with save_context.save_context(options), _given(variables, args[n:], self._written), _without_bits():
                out = exporter.serve(*args[:n])
            return [tf.identity(out[name]) for name in self.outputs]

        return run

    def _check(self, resources):
        """Refuses what is more than a function of a record and of weights."""
        nodes = [*self.graph.node, *(n for f in self.graph.library.function for n in f.node_def)]
        self.operations = {n.name: n.op for n in nodes}
        for n in nodes:
            if _RANDOM.search(n.op):
                raise Unfit(f"{self.layer(n.name)} draws random numbers where the model predicts ({n.op})")
            if n.op in _CHECKS:
                raise Unfit(f"{self.layer(n.name)} refuses records by their values ({n.op}), which an ONNX graph does not")
            taken = {i.partition(":")[0].removeprefix("^") for i in n.input}
            if taken & resources or n.op in _WRONG:
                raise Unfit(self.lacking(n.name, n.op))
            if n.op not in _MOVES and (half := {a.type for a in n.attr.values()} & _HALF.keys()):
                raise Unfit(f"{self.layer(n.name)} computes in {_HALF[half.pop()]}, which ONNX Runtime rounds otherwise")
        for n in nodes:
            if n.op == "Cast" and n.attr["DstT"].type == tf.bfloat16.as_datatype_enum:
                raise Unfit(f"{self.layer(n.name)} rounds to bfloat16, which its converter takes for float16")
        read = {i.partition(":")[0] for n in nodes for i in n.input}
        for feed in self.feeds:
            if self.names[feed] in self._written and feed.partition(":")[0] in read:
                raise Unfit("the model changes its own variables where it predicts, which an ONNX graph does not")

    def lacking(self, node, op=""):
        """That an operation has no ONNX form. Layers that prepare data are one operation each to a person."""
        l, op = self._layer(node), op or self.operations.get(node) or node.rpartition("/")[2]
        if l is not None and type(l).__module__.startswith("keras.src.layers.preprocessing."):
            learns = isinstance(l, keras.layers.Discretization) and adapt.waits(l)  # what it learns is no weight
            return f"{type(l).__name__} has no ONNX form" + (" where the training adapts it" if learns else "")
        return f"the operation {op}{f' of the layer {l.name}' if l is not None else ''} has no ONNX form"

    def layer(self, node):
        """The layer that a node is a part of, as a person reads it."""
        l = self._layer(node)
        return "the model" if l is None else f"the layer {l.name} ({type(l).__name__})"

    def _layer(self, node):
        """The innermost layer whose name is a part of a node's."""
        for scope in reversed(node.split("/")):
            l = self.layers.get(scope) or self.layers.get(_NUMBERED.sub("", scope))
            if l is not None and not isinstance(l, keras.Model):
                return l
        return None


class Frozen(Traced):
    """The forward pass of a restored SavedModel, whose functions were traced
    elsewhere, with its variables as constants."""

    def __init__(self, exporter):
        self.layers, self.variables, self._written = {}, {}, set()
        self.inputs = [shapes.signature(t) for t in exporter.inputs]
        self.outputs = [shapes.signature(t) for t in exporter.outputs]
        self._check_names({})

        def run(*xs):
            out = exporter.serve(*xs)
            return [tf.identity(out[name]) for name in self.outputs]

        concrete = tf.function(run, input_signature=exporter.batch_specs(), autograph=False).get_concrete_function()
        frozen = convert_to_constants.convert_variables_to_constants_v2(concrete, lower_control_flow=False)
        self.feeds, self.fetches = [t.name for t in frozen.inputs], [t.name for t in frozen.outputs]
        self.names = dict(zip(self.feeds, self.inputs)) | dict(zip(self.fetches, self.outputs))
        self.graph = _inlined(_closed(frozen), self.feeds, self.fetches)
        _note_fused(self.graph)
        self._check({i.name.partition(":")[0] for i in frozen.graph.inputs if i.dtype == tf.resource})


@contextlib.contextmanager
def _given(variables, values, written):
    """Has a graph that is traced read values in the place of variables. What it
    writes to a variable it reads from then on; that is noted in written."""
    now = {id(v): t for v, t in zip(variables, values)}
    names = {id(v): t.op.name for v, t in zip(variables, values)}

    def read(original, self, *args, **kwargs):
        return original(self, *args, **kwargs) if tf.executing_eagerly() or id(self) not in now else now[id(self)]

    def gather(original, self, indices, name=None):
        return original(self, indices, name) if id(self) not in now else tf.gather(now[id(self)], indices, name=name)

    def gather_nd(original, self, indices, name=None):
        return original(self, indices, name) if id(self) not in now else tf.gather_nd(now[id(self)], indices, name=name)

    def write(change):
        def assign(original, self, value, *args, **kwargs):
            if tf.executing_eagerly() or id(self) not in now:
                return original(self, value, *args, **kwargs)
            written.add(names[id(self)])
            now[id(self)] = tf.ensure_shape(change(now[id(self)], tf.cast(value, self.dtype)), self.shape)
            return now[id(self)]

        return assign

    methods = {"_read_variable_op": read, "sparse_read": gather, "gather_nd": gather_nd, "assign": write(lambda _, v: v),
               "assign_add": write(tf.add), "assign_sub": write(tf.subtract)}  # fmt: skip
    originals = [(kind, name, getattr(kind, name)) for kind in (resource_variable_ops.BaseResourceVariable, resource_variable_ops.ResourceVariable)
                 for name in methods if name in vars(kind)]  # fmt: skip
    try:
        for kind, name, original in originals:
            setattr(kind, name, _bound(methods[name], original))
        yield
    finally:
        for kind, name, original in originals:
            setattr(kind, name, original)


@contextlib.contextmanager
def _without_bits():
    """Has Keras' argmax, which orders -0 below 0, find the sign without looking at bits: ONNX cannot."""
    original = keras_numpy.signbit

    def signbit(x):
        x = tf.convert_to_tensor(x)
        return tf.less(tf.where(tf.equal(x, 0), 1 / x, x), 0) if x.dtype.is_floating else original(x)

    keras_numpy.signbit = signbit
    try:
        yield
    finally:
        keras_numpy.signbit = original


def _bound(method, original):
    return lambda self, *args, **kwargs: method(original, self, *args, **kwargs)


def _closed(concrete):
    """The GraphDef of a function, the numbers that it captures as constants. Tables stay placeholders."""
    graph = concrete.graph.as_graph_def()
    held = {inner.op.name: outer for outer, inner in concrete.graph.captures if inner.dtype not in (tf.resource, tf.variant)}
    for n in graph.node:
        if n.name in held:
            n.op = "Const"
            n.attr.clear()
            n.attr["dtype"].type = held[n.name].dtype.as_datatype_enum
            n.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(held[n.name].numpy()))
    for f in graph.library.function:
        f.attr.pop("_XlaMustCompile", None)  # such a function would not be written out
    for n in [*graph.node, *(n for f in graph.library.function for n in f.node_def)]:
        n.attr.pop("_XlaMustCompile", None)
        n.attr.pop("_lower_using_switch_merge", None)  # loops and branches stay operations
    return graph


def _inlined(graph, feeds, fetches):
    """The graph with its functions written out, without what nothing reads."""
    config = config_pb2.ConfigProto()
    options = config.graph_options.rewrite_options
    options.optimizers[:] = ["constfold", "function", "dependency"]
    options.function_optimization = rewriter_config_pb2.RewriterConfig.AGGRESSIVE
    options.experimental_disable_folding_quantization_emulation = True
    options.min_graph_nodes = -1  # small ones, too
    config.graph_options.infer_shapes = True
    wanted = meta_graph_pb2.CollectionDef()
    wanted.node_list.value.extend([*feeds, *fetches])
    with tf.Graph().as_default():
        tf.import_graph_def(graph, name="")
        meta = tf.compat.v1.train.export_meta_graph(graph_def=graph)
    meta.collection_def["train_op"].CopyFrom(wanted)
    return tf_optimizer.OptimizeGraph(config, meta)


def _note_fused(graph):
    """Notes the activations that TensorFlow computes together with a product and a bias, where NaN becomes 0 of them."""
    nodes, readers = {n.name: n for n in graph.node}, collections.Counter()
    for n in graph.node:
        readers.update({i.removeprefix("^").partition(":")[0] for i in n.input})
    for n in graph.node:
        if n.op in ("Relu", "Relu6"):
            bias = nodes.get(n.input[0].partition(":")[0])
            product = bias is not None and bias.op == "BiasAdd" and nodes.get(bias.input[0].partition(":")[0])
            if product and product.op == "MatMul" and readers[bias.name] == readers[product.name] == 1:
                n.attr["_fused"].b = True
