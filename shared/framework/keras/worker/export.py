"""Exports a compiled Keras model as a SavedModel that trains without Python.

`write(model, directory)` writes

    model/   a SavedModel with the signatures of `Exporter.signatures`
    keras/   the parts of a .keras file, whose weights are patched after training

and gives a description of the model as JSON-able members, and the Exporter. It
raises ValueError with a text for the person who wrote the model.

Nothing here starts TensorFlow's eager context at import: the worker forks
after importing this module.
"""

import os
import resource

import keras
import tensorflow as tf
from tensorflow.python.checkpoint import graph_view
from tensorflow.python.ops import random_ops_util
from tensorflow.python.trackable.resource import CapturableResource

import adapt
import describe
import freeze
import halves
import labels
import shapes
import template


def export(model, directory, label=None):
    """Writes `model` as write does and gives its description."""
    return write(model, directory, label)[0]


def write(model, directory, label=None, patterns=None):
    """Writes `model` under `directory`; gives its description and the Exporter.

    label is what its author states of the label: {"dtype", "shape"}, each None
    or empty where it is to be found. patterns are those of freeze.freeze.
    """
    check(model)
    if patterns:
        freeze.freeze(model, patterns)
    fits(model)
    exporter = Exporter(model, label)
    exporter.save(os.path.join(directory, "model"))
    warnings = list(exporter.warnings)
    reason = template.write(model, exporter.variables, os.path.join(directory, "keras"), exporter.adapting)
    if reason:
        warnings.append({"message": "no .keras file can be written of this model: " + reason})
    said = describe.describe(model, exporter)
    if warnings:
        said["warnings"] = warnings
    return said, exporter


def check(model):
    """Refuses what cannot be trained, before any tracing."""
    if not isinstance(model, keras.Model):
        raise refusal(
            f"`model` is a {type(model).__name__}, not a keras.Model",
            "assign your keras.Model to the variable `model`",
        )
    if not getattr(model, "compiled", False):
        raise refusal("the model is not compiled", "call model.compile(optimizer=..., loss=...)")
    if model.run_eagerly:
        raise refusal("the model is compiled with run_eagerly=True, which cannot be exported", "leave run_eagerly out")


def fits(model):
    """Refuses, before the time is spent, a model whose file would be too large."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == resource.RLIM_INFINITY:
        return
    weights = sum(v.value.shape.num_elements() * v.value.dtype.size for v in model.variables)
    slots = 0
    if model.optimizer is not None:
        if model.built and model.weights:
            model.optimizer.build(model.trainable_variables)
        slots = sum(v.value.shape.num_elements() * v.value.dtype.size for v in model.optimizer.variables)
    if weights + slots > limit:
        raise refusal(
            f"the model has {weights >> 20} MiB of weights and {slots >> 20} MiB of optimizer state; "
            f"{limit >> 20} MiB fit here",
            "use keras.optimizers.SGD, which keeps no state, or freeze layers (layer.trainable = False before compile)"
            if weights <= limit
            else "make the model smaller, or give model-register more memory",
        )


def refusal(reason, hint):
    """The error that a person reads, with what to do."""
    e = ValueError(reason)
    e.hint = hint
    return e


class Exporter:
    """Traces the steps of one model and holds what describing it needs."""

    def __init__(self, model, label=None):
        self.model = model
        self.stated = label or {}
        self.warnings = []
        self.inputs, self.pack_inputs = shapes.inputs(model)
        shapes.build(model, self.inputs, self.pack_inputs)
        self.outputs, self.pack_outputs = shapes.outputs(model, self.inputs, self.pack_inputs)
        if model.optimizer is not None:
            model.optimizer.build(model.trainable_variables)
        self.labels, self.pack_labels, self.train_step = labels.settle(self)
        self.weighted_step = self._weighted()
        self.test_step = self._test_step()
        self.adapting = adapt.Adapting(model, lambda xs: shapes.call(model, self.pack_inputs(xs)), self.batch_specs())
        self.variables = self._variables()

    # Steps: one traced function each, shared by the loops.

    def step(self, function, specs, pack, weighted=False, xla=None):
        """A traced step of Keras over one batch, whose size is open; xla: for XLA."""
        n = len(self.inputs)

        def run(*batch):
            data = (self.pack_inputs(batch[:n]), pack(batch[n : n + len(specs)]))
            if weighted:
                data += (batch[-1],)
            elif not specs:  # as fit packs x alone
                data = data[:1] if isinstance(data[0], (tuple, list)) else data[0]
            return shapes.flat_logs(function(data))

        signature = self.batch_specs() + [spec([None], t, f"y{i}") for i, t in enumerate(specs)]
        if weighted:
            signature.append(tf.TensorSpec([None], tf.float32, "w"))
        return tf.function(run, input_signature=signature, autograph=False, jit_compile=xla).get_concrete_function()

    def _weighted(self):
        """The step with sample weights, None where train_step takes none."""
        if len(self.labels) != 1:
            return None  # Keras: class_weight is for models with a single output
        try:
            return self.step(self.model.train_step, self.labels, self.pack_labels, weighted=True)
        except Exception:  # a train_step that unpacks (x, y) only
            return None

    def _in_halves(self):
        """The step in which convolutions run on halves of a batch, of two records and
        more, None where that does not pay."""
        if not any(type(layer) in halves.CONVOLUTIONS for layer in self.model._flatten_layers()):
            return None
        return halves.in_halves(self.step)(self.model.train_step, self.labels, self.pack_labels)

    def _test_step(self):
        """The step of evaluation. None for a model that trains by a step of its
        own and leaves Keras' test_step, which asks for the loss of compile:
        fit without validation data never calls it."""
        model = self.model
        own = type(model).train_step is not keras.Model.train_step
        try:
            return self.step(model.test_step, self.labels, self.pack_labels)
        except Exception:
            if not own or type(model).test_step is not keras.Model.test_step:
                raise
        self.warnings.append({
            "message": "the model has its own train_step and no test_step, so it cannot be evaluated: "
            "train it on streams with a validation_rate and a test_rate of 0, or add a test_step"
        })  # fmt: skip
        return None

    def _variables(self):
        """Every variable of model and optimizers, in a lasting order."""
        metrics = {id(value(v)) for v in self.model.metrics_variables}
        learned = {id(v) for v in self.adapting.variables()}
        known = list(self.model.variables)
        known += self.model.optimizer.variables if self.model.optimizer is not None else []
        known += self.adapting.weights()
        tested = self.test_step.variables if self.test_step is not None else ()
        captured = {id(v): v for v in (*self.train_step.variables, *tested)}
        seen, out = set(), []
        for v in known + list(captured.values()):
            if id(value(v)) not in seen | metrics | learned:
                seen.add(id(value(v)))
                out.append(v)
        return out

    # Signatures.

    def loop(self, step, weighted=False):
        """`steps` runs of `step`, each on one slice of the leading axis."""
        model = self.model
        names = shapes.scalars(step.structured_outputs)
        tracked = set(model.get_metrics_result()) == set(step.structured_outputs)

        def body(data, i, logs):
            got = step(*[t[i] for t in data])
            return i + 1, {} if tracked else {k: tf.cast(got[k], tf.float32) for k in logs}

        def run(*args):
            *data, steps = args
            last = {} if tracked else {k: tf.constant(0.0) for k in names}
            _, last = tf.while_loop(
                lambda i, _: i < steps, lambda i, logs: body(data, i, logs), [tf.constant(0), last]
            )
            if not tracked:  # Keras reports the last step's logs then
                return last
            return {k: tf.cast(v, tf.float32) for k, v in model.get_metrics_result().items() if k in names}

        signature = [spec([None, None], t, f"x{i}") for i, t in enumerate(self.inputs)]
        signature += [spec([None, None], t, f"y{i}") for i, t in enumerate(self.labels)]
        if weighted:
            signature.append(tf.TensorSpec([None, None], tf.float32, "w"))
        return run, signature + [tf.TensorSpec([], tf.int32, "steps")]

    def stepped(self, step):
        """The loop of a training that follows a stream: each batch is measured before
        it is learned from, and each metric comes as one value a batch."""
        model, measure = self.model, step
        if self.test_step is not None:
            measure = drawing_by_threefry(self.step)(model.test_step, self.labels, self.pack_labels, xla=True)
        names = shapes.scalars(measure.structured_outputs)

        def body(data, i, out):
            batch = [t[i] for t in data]
            model.reset_metrics()
            got = measure(*batch)
            if measure is not step:
                step(*batch)
            return i + 1, {k: tf.tensor_scatter_nd_update(v, [[i]], [tf.cast(got[k], tf.float32)]) for k, v in out.items()}

        def run(*args):
            *data, steps = args
            out = {k: tf.zeros(tf.shape(data[0])[:1]) for k in names}
            _, out = tf.while_loop(lambda i, _: i < steps, lambda i, out: body(data, i, out), [tf.constant(0), out])
            return out

        return run

    def signatures(self):
        """The functions of the SavedModel by name."""
        train, args = self.loop(self.train_step)
        drawn = drawing_by_threefry(self.step)(self.model.train_step, self.labels, self.pack_labels, xla=True)
        out = {
            "serving_default": traced(self.serve, self._serving_specs()),
            "train": traced(train, args),
            "train_xla": compiled(self.loop(drawn)[0], args),
            "reset": traced(self.reset, []),
            "weights": traced(self.weights, []),
            "assign": traced(self.assign, [tf.TensorSpec(v.shape, v.dtype, name) for name, v in self.named_variables().items()]),
        }
        if (step := self._in_halves()) is not None:
            out["train_halves"] = traced(self.loop(step)[0], args)
        if not checks(self.train_step):  # else XLA would learn from what the graph refuses
            out["train_steps"] = compiled(self.stepped(drawn), args)
        if self.test_step is not None:
            out["evaluate"] = traced(*self.loop(self.test_step))
        if getattr(self.model.optimizer, "use_ema", False):
            out["finalize"] = traced(self.finalize, [])
        if self.weighted_step is not None:
            out["train_weighted"] = traced(*self.loop(self.weighted_step, weighted=True))
        return out | self.adapting.signatures(self.batch_specs(), traced)

    def batch_specs(self):
        """The inputs as one batch of any size."""
        return [spec([None], t, f"x{i}") for i, t in enumerate(self.inputs)]

    def _serving_specs(self):
        return [spec([None], t, shapes.signature(t)) for t in self.inputs]

    def serve(self, *xs):
        """One forward pass, as predict runs it."""
        out = shapes.flatten(shapes.call(self.model, self.pack_inputs(xs)))
        return {shapes.signature(t): tf.cast(v, t["dtype"]) for t, v in zip(self.outputs, out)}

    def reset(self):
        """Sets the metrics back, as at the start of an epoch. The name of its output says
        that they are so in the SavedModel, of which a short training saves a call."""
        self.model.reset_metrics()
        return {"fresh": tf.constant(1)}

    def finalize(self):
        """What fit does after the last epoch: take over averaged variables."""
        self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        return {"done": tf.constant(1)}

    def weights(self):
        """Every variable, `v000` on, in the order of keras/variables.json."""
        return {name: tf.identity(v) for name, v in self.named_variables().items()}

    def assign(self, *values):
        """Gives every variable a value, in the order of `weights`."""
        for v, new in zip(self.named_variables().values(), values):
            v.assign(new)
        return {"done": tf.constant(1)}

    def named_variables(self):
        """The variables of the signature `weights`, by their names there."""
        width = max(3, len(str(len(self.variables) - 1)))
        return {f"v{i:0{width}d}": value(v) for i, v in enumerate(self.variables)}

    def save(self, directory):
        """Writes the SavedModel. The model itself is no part of the module: its
        variables would be stored once more, under the names of its layers."""
        self.model.reset_metrics()
        module = tf.Module()
        module.tables = self._tables()
        module.held = [value(v) for v in self.variables + list(self.model.metrics_variables) + self.adapting.variables()]
        tf.saved_model.save(module, directory, signatures=self.signatures())

    def _tables(self):
        """What the graph captures beside variables, as the tables of lookup layers."""
        below, _ = graph_view.ObjectGraphView(self.model).breadth_first_traversal()
        return [t for t in below if isinstance(t, CapturableResource)]

    @property
    def metrics(self):
        """Names as Keras reports them, loss first."""
        names = shapes.scalars(self.train_step.structured_outputs)
        return sorted(names, key=lambda n: n != "loss")


# CHECKING are operations that refuse a value, such as an id that a table lacks, and
# that XLA computes something of instead.
CHECKING = {"Assert", "CheckNumerics", "Gather", "GatherNd", "GatherV2", "ResourceGather", "ResourceGatherNd"}


def checks(function):
    """Whether a traced function looks at values by such an operation. Gathering of
    int32 is taken to be the arithmetic of shapes, of which gradients are full."""
    graph = function.graph.as_graph_def()
    nodes = (n for f in (graph.node, *(f.node_def for f in graph.library.function)) for n in f)
    return any(n.op in CHECKING and n.attr["Tparams"].type != tf.int32.as_datatype_enum for n in nodes)


def drawing_by_threefry(function):
    """`function`, in whose trace random numbers come from ThreeFry where the
    algorithm is left open, as Keras leaves it. XLA's own choice on a CPU takes
    100 times as long, and five times as long to compile."""
    convert = random_ops_util.convert_alg_to_int

    def chosen(alg):
        alg = convert(alg)
        return tf.random.Algorithm.THREEFRY.value if alg == tf.random.Algorithm.AUTO_SELECT.value else alg

    def run(*args, **named):
        random_ops_util.convert_alg_to_int = chosen
        try:
            return function(*args, **named)
        finally:
            random_ops_util.convert_alg_to_int = convert

    return run


def value(variable):
    """The tf.Variable in a Keras variable."""
    return variable if isinstance(variable, tf.Variable) else variable.value


def spec(lead, tensor, name):
    """The TensorSpec of a described tensor under leading axes."""
    shape = lead + [None if d < 0 else d for d in tensor["shape"]]
    return tf.TensorSpec(shape, tensor["dtype"], name)


adapt.install()


def traced(function, signature):
    """A signature of the SavedModel; source is never rewritten."""
    return tf.function(function, input_signature=signature, autograph=False)


def compiled(function, signature):
    """A signature that XLA compiles, for each shape of its inputs."""
    by_xla = tf.function(function, jit_compile=True, autograph=False)
    return traced(lambda *args: by_xla(*args), signature)
