"""The ONNX form of an exported model, whose weights are inputs still.

`write(exporter, path)` writes the forward pass of `Exporter.serve` as one ONNX
graph. Its inputs and outputs have the names, types and order of the serving
signature. Further inputs are the weights that it reads, named as the outputs of
the signature `weights`: a program without Python puts their values in after
training.

Nothing here starts TensorFlow's eager context at import: the worker forks
after importing this module.
"""

import logging
import math
import os

import numpy as np
import tensorflow as tf

import onnx_trace
import shapes

OPSET = 18
# Those of tf2onnx that change what runs; ONNX Runtime does the others' work as it loads a graph.
_OPTIMIZED = ("optimize_transpose", "fold_constants", "loop_optimizer", "reshape_optimizer", "global_pool_optimizer", "remove_identity", "remove_back_to_back")

try:
    import onnx
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.ops import op_loop
    from tf2onnx import optimizer, tfonnx

    import onnx_ops  # adds to what tf2onnx converts
    _OPTIMIZERS = {name: o for name, o in optimizer._get_optimizers().items() if name in _OPTIMIZED}

    class Loop(op_loop.Loop):
        """A loop of the evaluator, whose own joins along their first axis what the
        steps give: ONNX has them stacked."""

        def __init__(self, *args):
            super().__init__(*args)
            run = self._run_body

            def stacked(*args, **named):
                outputs = list(run(*args, **named))
                first = len(outputs) - self.K
                return outputs[:first] + [np.asarray(o)[None] for o in outputs[first:]]

            self._run_body = stacked

except ImportError as e:
    onnx, _absent = None, str(e)

_MOST = 64 << 20  # bytes of a file, as the Go side takes it; most is constants


def write(exporter, path):
    """Writes the ONNX form of an exported model; gives why there is none, empty where it is written. Raises nothing."""
    if onnx is None:
        return f"the converter to ONNX is not installed here ({_absent})"
    logging.disable(logging.CRITICAL)  # the converter's own lines
    try:
        graph = convert(exporter)
        if len(graph) > _MOST:
            raise onnx_trace.Unfit(f"its graph takes {len(graph) >> 20} MiB beside the weights, {_MOST >> 20} are allowed")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(graph)
        return ""
    except onnx_trace.Unfit as e:
        return str(e)
    except MemoryError:
        return "its conversion takes more memory than there is"
    except Exception as e:
        return f"its conversion failed: {type(e).__name__}: {e}".splitlines()[0][:500]


def convert(exporter):
    """The bytes of the ONNX form. Raises Unfit where there is none."""
    traced = (onnx_trace.Frozen if exporter.model is None else onnx_trace.Traced)(exporter)
    graph = _converted(traced)
    _rename(graph, dict(traced.names))
    used = {name for n in _nodes(graph) for name in n.input}
    weights = {name: v for name, v in traced.variables.items() if name in used}
    del graph.input[:], graph.output[:], graph.value_info[:]
    graph.input.extend(_described(exporter.inputs))
    graph.input.extend(helper.make_tensor_value_info(name, _type(v.dtype), v.shape.as_list()) for name, v in weights.items())
    graph.output.extend(_described(exporter.outputs))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="kafkaml", ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def fill(exporter, path, filled):
    """Writes the graph in path with the values of its weights in place of the
    inputs of their names; gives why that cannot be. Raises nothing."""
    try:
        model, variables = onnx.load(path), exporter.named_variables()
        for i in [i for i in model.graph.input if i.name in variables]:
            model.graph.input.remove(i)
            model.graph.initializer.append(numpy_helper.from_array(variables[i.name].numpy(), i.name))
        if reason := _apart(exporter, model):
            return reason
        with open(filled, "wb") as f:
            f.write(model.SerializeToString(deterministic=True))
        return ""
    except Exception as e:
        return f"its weights cannot be written: {type(e).__name__}: {e}".splitlines()[0][:500]


_COMPARED = 5_000_000  # weights: the evaluator of the graph is slow


def _apart(exporter, model):
    """Why the graph is not the model, empty where it gives what the model gives for
    some made-up records, or cannot be evaluated here."""
    if sum(math.prod(i.dims) for i in model.graph.initializer) > _COMPARED:
        return ""
    numbers = np.random.default_rng(1)
    xs = [_made_up(t, numbers) for t in exporter.inputs]
    try:
        ours = exporter.serve(*map(tf.constant, xs))
        theirs = ReferenceEvaluator(model, new_ops=[Loop]).run(None, {shapes.signature(t): x for t, x in zip(exporter.inputs, xs)})
    except Exception:
        return ""
    for t, b in zip(exporter.outputs, theirs):
        a = np.asarray(ours[shapes.signature(t)], np.float64)
        d = np.max(np.abs(a - b) / np.maximum(np.abs(a), np.sqrt(np.mean(np.square(a)))), initial=0, where=a != b)
        if a.shape != b.shape or not d < 1e-3:
            return f"as ONNX its output {t['name']} differs, relatively {d:.1g}"
    return ""


def _made_up(tensor, numbers):
    """Four records of a described tensor; a size that it leaves open is 8."""
    shape = [4, *(8 if d < 0 else d for d in tensor["shape"])]
    dtype = np.dtype("float32" if tensor["dtype"] == "bfloat16" else tensor["dtype"])
    values = numbers.integers(0, 2, shape) if dtype.kind in "iub" else numbers.random(shape)
    return values.astype(dtype)


def _converted(traced):
    """The graph of ONNX operations that tf2onnx makes of a traced model."""
    unknown = set()
    try:  # an optimizer that fails leaves the graph half changed; to catch that is to copy the graph for each of them
        graph = optimizer.optimize_graph(_mapped(traced, unknown), catch_errors=False, optimizers=_OPTIMIZERS)
    except onnx_trace.Unfit:
        raise
    except Exception:
        graph = optimizer.optimize_graph(_mapped(traced, unknown), catch_errors=True, optimizers=_OPTIMIZERS)
    graph = graph.make_graph("", "model")
    for n in _nodes(graph):
        if n.op_type in unknown:
            raise onnx_trace.Unfit(traced.lacking(n.name, n.op_type))
    return graph


def _mapped(traced, unknown):
    """tf2onnx's graph, before it is optimized; the operations that it does not know are added to unknown."""
    mapping = tfonnx.tensorflow_onnx_mapping

    def strict(*args, **kwargs):
        mapped, unmapped, exceptions = mapping(*args, **kwargs)
        unknown.update(unmapped)
        if exceptions:  # the operation stays as it was, and tf2onnx would go on
            raise exceptions[0]
        return mapped, unmapped, exceptions

    tfonnx.tensorflow_onnx_mapping = strict
    try:
        with tf.Graph().as_default() as source:
            tf.import_graph_def(traced.graph, name="")
            return tfonnx.process_tf_graph(source, continue_on_error=True, opset=OPSET, input_names=traced.feeds, output_names=traced.fetches)
    except Exception as e:
        if (node := _blamed(e)) is None:
            raise
        raise onnx_trace.Unfit(traced.lacking(node.name)) from e
    finally:
        tfonnx.tensorflow_onnx_mapping = mapping


def _blamed(error):
    """The node at whose conversion an error was raised, None where it was elsewhere."""
    at = error.__traceback__
    while at is not None:
        node = at.tb_frame.f_locals.get("node")
        if at.tb_frame.f_code.co_name.startswith("version_") and hasattr(node, "name"):
            return node
        at = at.tb_next
    return None


def _nodes(graph):
    """The nodes of a graph and of those within it."""
    for n in graph.node:
        yield n
        for a in n.attribute:
            if a.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(a.g)


def _rename(graph, names):
    """Gives each value its name in names, or a short one that no input, output or weight has."""
    def name(old):
        return old and names.setdefault(old, f"{len(names)}.")

    for v in (*graph.input, *graph.output, *graph.initializer):
        v.name = name(v.name)
    del graph.value_info[:]
    for n in graph.node:
        n.input[:], n.output[:] = map(name, n.input), map(name, n.output)
        for a in n.attribute:
            if a.type == onnx.AttributeProto.GRAPH:
                _rename(a.g, names)


def _described(tensors):
    """Inputs or outputs of a graph as they are described; all have the same open batch axis."""
    return [helper.make_tensor_value_info(shapes.signature(t), _type(t["dtype"]), ["batch"] + [None if d < 0 else d for d in t["shape"]])
            for t in tensors]


def _type(dtype):
    return helper.np_dtype_to_tensor_dtype(np.dtype(tf.as_dtype(dtype).as_numpy_dtype))
