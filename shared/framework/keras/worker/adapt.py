"""Layers that learn from data where the source leaves that to the training:
Normalization, Discretization, StringLookup, IntegerLookup and TextVectorization
that are neither given their state nor adapted.

What such a layer learns lies in variables of the export, which the training
sets before it fits: `seen<level>` gives what enters the layers of a level,
`set<level>` takes what was counted of it. A layer that reads another of them is
of a level above it.
"""

import contextlib
import functools
import itertools
import json
import os
import sys

import keras
import numpy as np
import tensorflow as tf
from keras.src.layers.preprocessing.index_lookup import IndexLookup
from keras.src.utils import numerical_utils, tf_utils

_KINDS = (keras.layers.Normalization, keras.layers.Discretization, IndexLookup, keras.layers.TextVectorization)
_open = {}  # by id of the layer: its _State
_numbers = itertools.count()  # of tables
_calls = None  # (layer, input, output) of a trace that records them
_loading = False  # a file is read: its layers get their state after they are made


class _State:
    """What a layer that is to be adapted holds."""

    def __init__(self, layer):
        self.layer, self.vocabulary, self.boundaries = layer, None, None


def install():
    """Lets layers that are not adapted read what they will learn from variables. Once, at import."""
    _wrap(IndexLookup, "call", _lookup_call)
    _wrap(IndexLookup, "compute_output_shape", _lookup_shape)
    _wrap(IndexLookup, "vocabulary_size", _size)
    _wrap(IndexLookup, "get_vocabulary", _words)
    _wrap(keras.layers.TextVectorization, "vocabulary_size", _size)
    _wrap(keras.layers.TextVectorization, "get_vocabulary", _words)
    _wrap(keras.layers.Normalization, "call", _normalize)
    _wrap(keras.layers.Discretization, "call", _discretize)
    for kind, name in ((keras.layers.Normalization, "adapt"), (keras.layers.Discretization, "finalize_state"),
                       (IndexLookup, "finalize_state"), (IndexLookup, "set_vocabulary")):
        _wrap(kind, name, _adapted)
    for kind in _KINDS:
        _wrap(kind, "__call__", _record)


def _wrap(kind, name, function):
    """Puts function(original, layer, ...) in the place of a method."""
    original = getattr(kind, name)

    @functools.wraps(original)
    def method(self, *args, **kwargs):
        return function(original, self, *args, **kwargs)

    setattr(kind, name, method)


def refusal(layer, reason, hint, here=False):
    """The error that a person reads: at the line that makes the layer, or where it is raised."""
    e = ValueError(f"{type(layer).__name__} {layer.name!r} {reason}")
    e.hint = hint
    if not here:
        e.layer = layer.name
    return e


@contextlib.contextmanager
def loading():
    """Has no layer wait for the training while a file is read."""
    global _loading
    _loading = True
    try:
        yield
    finally:
        _loading = False


def waits(layer):
    """Whether the training is to adapt a layer."""
    if _loading or getattr(layer, "_ready_made", False):
        return False
    if id(layer) in _open:
        return True
    if isinstance(layer, keras.layers.TextVectorization):
        return waits(layer._lookup_layer)
    if isinstance(layer, IndexLookup):
        with tf.init_scope():
            return not layer._has_input_vocabulary and int(layer.lookup_table.size()) == 0
    if isinstance(layer, keras.layers.Discretization):
        return layer.bin_boundaries is None
    if isinstance(layer, keras.layers.Normalization):
        return layer.input_mean is None and not getattr(layer, "_was_adapted", False) and not _set(layer)
    return False


def _of_applications():
    """Whether a network of keras.applications is being made: Keras trains its Normalization as it stands."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("keras.src.applications."):
            return True
        frame = frame.f_back
    return False


def _set(layer):
    """Whether a Normalization's weights were given otherwise than by adapt."""
    if not layer.built:
        return False
    with tf.init_scope():
        mean, variance = layer.adapt_mean, layer.adapt_variance
        return bool(np.any(mean.numpy() != 0) or np.any(variance.numpy() != 1))


# In the place of Keras' methods.


def _record(call, layer, *args, **kwargs):
    if not hasattr(layer, "_ready_made"):
        layer._ready_made = _of_applications()
    out = call(layer, *args, **kwargs)
    if _calls is not None and waits(layer):
        _calls.append((layer, args[0] if args else next(iter(kwargs.values())), out))
    return out


def _adapted(learn, layer, *args, **kwargs):
    """Whatever gives a layer its state ends its waiting."""
    if _open.pop(id(layer), None) and isinstance(layer, IndexLookup):
        layer.input_vocabulary = None
    learn(layer, *args, **kwargs)
    layer._was_adapted = True


def _by_person():
    """Whether a line of the person's texts called what called this."""
    return sys._getframe(3).f_code.co_filename.startswith("<")


def _size(vocabulary_size, layer):
    """A layer that waits has room for max_tokens words."""
    if not waits(layer) or not _by_person():
        return vocabulary_size(layer)
    lookup = getattr(layer, "_lookup_layer", layer)
    if lookup.max_tokens is None:
        raise refusal(layer, "has no words before the training adapts it, so their number is not known",
                      "give it max_tokens, and write that number where the size of the vocabulary is wanted", here=True)
    return lookup.max_tokens


def _words(get_vocabulary, layer, *args, **kwargs):
    if waits(layer) and _by_person():
        raise refusal(layer, "has no words before the training adapts it",
                      "give it max_tokens and use that number for their count; where the words themselves are wanted, write vocabulary=[...]",
                      here=True)
    return get_vocabulary(layer, *args, **kwargs)


def _lookup_shape(compute_output_shape, layer, input_shape):
    _check_lookup(layer)
    return compute_output_shape(layer, input_shape)


def _check_lookup(layer):
    """Refuses a lookup whose output is as wide as a vocabulary that nobody knows yet."""
    if layer.output_mode == "int" or layer.pad_to_max_tokens or not waits(layer):
        return
    raise refusal(layer, f"gives one column for each word (output_mode={layer.output_mode!r}), and before the training adapts it nobody knows how many there are",
                  "write max_tokens=1000, pad_to_max_tokens=True with the most words that you want, or give vocabulary=[...]", here=True)


def _lookup_call(call, layer, inputs):
    if waits(layer):
        _check_lookup(layer)
        _prepare_lookup(layer)
    return call(layer, inputs)


def _normalize(call, layer, inputs):
    if not waits(layer):
        return call(layer, inputs)
    if layer.invert:
        raise refusal(layer, "turns values back (invert=True), and what enters it is not what they shall become",
                      "give it mean=... and variance=...")
    _open.setdefault(id(layer), _State(layer))
    held = layer.mean, layer.variance
    layer.finalize_state()  # reads the variables in this graph
    try:
        return call(layer, inputs)
    finally:
        layer.mean, layer.variance = held


def _discretize(call, layer, inputs):
    """Bucketize takes its boundaries as numbers in the graph; this takes them from a variable."""
    if not waits(layer):
        return call(layer, inputs)
    inputs = tf.convert_to_tensor(inputs)
    exact = tf.float64 if inputs.dtype == tf.float64 else tf.float32
    flat = tf.reshape(tf.cast(inputs, exact), [-1])
    found = tf.searchsorted(tf.cast(_boundaries(layer), exact), flat, side="right")
    return numerical_utils.encode_categorical_inputs(
        tf.ensure_shape(tf.reshape(found, tf.shape(inputs)), inputs.shape), output_mode=layer.output_mode, depth=layer.num_bins, dtype=layer.output_dtype, sparse=layer.sparse,
        backend_module=layer.backend)


# What they learn.


def _boundaries(layer):
    state = _open.setdefault(id(layer), _State(layer))
    if state.boundaries is None:
        with tf.init_scope():
            state.boundaries = tf.Variable(np.zeros(0, np.float32), shape=[None], trainable=False)
    return state.boundaries


def _prepare_lookup(layer):
    """Gives a lookup a table that is filled from a variable, as the graph is loaded or by `set`."""
    if id(layer) in _open:
        return
    if layer.invert:
        raise refusal(layer, "is inverted, so no words enter it that it could learn", "give it vocabulary=[...]")
    if layer.num_oov_indices == 0:
        raise refusal(layer, "has no place for words that the training split lacks (num_oov_indices=0), and validation and predictions will have some",
                      "write num_oov_indices=1, or give it vocabulary=[...]")
    start = layer._token_start_index()
    if layer.max_tokens is not None and layer.max_tokens <= start:
        raise refusal(layer, f"has no room for words: {start} of max_tokens={layer.max_tokens} are for those that it does not know",
                      f"make max_tokens larger than {start}")
    state = _open[id(layer)] = _State(layer)
    with tf.init_scope():
        empty = tf.constant([], layer.vocabulary_dtype)
        state.vocabulary = tf.Variable(empty, shape=[None], trainable=False)
        layer.lookup_table = tf.lookup.StaticHashTable(_FromVariable(layer, state.vocabulary), layer._default_value)
        layer.input_vocabulary = []  # the .keras file gets it in its config
        if layer.output_mode == "tf_idf":
            layer.idf_weights = layer.idf_weights_const = tf.Variable(np.zeros(layer.max_tokens, keras.config.floatx()), trainable=False)


class _FromVariable(tf.lookup.KeyValueTensorInitializer):
    """Fills a table with the words of a variable, once there are some."""

    def __init__(self, layer, vocabulary):
        self._key_dtype, self._value_dtype = tf.as_dtype(layer._key_dtype), tf.as_dtype(layer._value_dtype)
        self._vocabulary, self._start, self._name = vocabulary, layer._token_start_index(), f"adapted_{next(_numbers)}"

    @property
    def _shared_name(self):
        return self._name

    def initialize(self, table):
        return tf.cond(tf.size(self._vocabulary) > 0, lambda: self.fill(table), lambda: tf.constant(False))

    def fill(self, table):
        """Fills the table, which can be done once."""
        words = self._vocabulary.read_value()
        at = tf.range(self._start, self._start + tf.size(words, out_type=tf.int64), dtype=tf.int64)
        with tf.control_dependencies([tf.raw_ops.InitializeTableV2(table_handle=table.resource_handle, keys=words, values=at)]):
            return tf.constant(True)


# The signatures.


class Adapting:
    """What the layers of a model learn, in the order in which it calls them. Traces the model once."""

    def __init__(self, model, call, specs):
        """call runs the model on a list of inputs of specs."""
        self.layers, self._pruned = [], {}
        own = [l for l in model._flatten_layers() if waits(l)]
        if not own:
            return
        self._trace(call, specs)
        known = {id(l) for learner in self.layers for l in (learner.layer, learner.lookup)}
        for l in own:
            if id(l) in _open and id(l) not in known:
                raise refusal(l, "is not called by itself where the model predicts, so nobody sees what enters it",
                              "call it outside of other layers, or give it what it shall know")

    def _trace(self, call, specs):
        global _calls

        def run(*xs):
            global _calls
            _calls = found = []
            try:
                call(xs)
            finally:
                _calls = None
            self._gather(found, xs)
            return {name: t for l in self.layers for name, t in l.seen.items()}

        graph = tf.compat.v1.wrap_function(run, specs)
        feeds = graph.inputs[: len(specs)]
        for level in self.levels:
            fetches = {name: graph.structured_outputs[name] for l in self.of(level) for name in l.seen}
            if fetches:
                self._pruned[level] = graph.prune(feeds=feeds, fetches=fetches)

    def _gather(self, found, xs):
        for layer, _, _ in found:
            if not any(l.layer is layer for l in self.layers):
                ins = [i for l, i, _ in found if l is layer]
                self.layers.append(_Learner(len(self.layers), layer, ins, xs))
        for l in self.layers:
            before = [o for o in self.layers[: l.index + 1] if _leads([out for f, _, out in found if f is o.layer], l.inputs)]
            if l in before:
                raise refusal(l.layer, "reads what it has given itself, so it cannot be adapted", "make a layer of its own for each place")
            l.level = max((o.level + 1 for o in before), default=0)

    @property
    def levels(self):
        return sorted({l.level for l in self.layers})

    def of(self, level):
        """The layers of a level."""
        return [l for l in self.layers if l.level == level]

    def signatures(self, specs, traced):
        """The functions of the SavedModel by name."""
        out = {}
        for level in self.levels:
            if level in self._pruned:
                out[f"seen{level}"] = traced(lambda *xs, p=self._pruned[level]: p(*xs), specs)
            taken = [s for l in self.of(level) for s in l.takes()]
            out[f"set{level}"] = traced(lambda *given, level=level: self.set(level, given), taken)
        return out

    def see(self, level, inputs):
        """What enters the layers of a level, of a batch of inputs, by the names of the signature."""
        return self._pruned[level](*inputs) if level in self._pruned else {}

    def set(self, level, given):
        """Gives the layers of a level what was counted."""
        given, done = list(given), []
        for l in self.of(level):
            count = len(l.takes())
            done += l.learn(*given[:count])
            given = given[count:]
        with tf.control_dependencies(done):
            return {"done": tf.constant(1)}

    def variables(self):
        """What the layers learn beside the model's own variables."""
        states = [_open[id(l.lookup)] for l in self.layers]
        return [v for s in states for v in (s.vocabulary, s.boundaries) if v is not None]

    def weights(self):
        """Those variables that a .keras file holds as weights."""
        return [l.lookup.idf_weights for l in self.layers if l.documents]

    def describe(self):
        """The members of pipeline.Export's adapt."""
        return [l.describe() for l in self.layers]

    def check_config(self, directory):
        """Holds that the config of a .keras file has each layer whose state stands there."""
        with open(os.path.join(directory, "config.json")) as f:
            config = json.load(f)
        for l in self.layers:
            name, kind = l.layer.name, type(l.layer).__name__
            if not l.columns and _count(config, name, kind) != 1:
                raise ValueError(f"what {name} learns does not stand in the config of the model")


def _count(config, name, kind):
    """How many layers of a name and a class a config has."""
    if isinstance(config, list):
        return sum(_count(c, name, kind) for c in config)
    if not isinstance(config, dict):
        return 0
    inner = config.get("config")
    own = config.get("class_name") == kind and isinstance(inner, dict) and inner.get("name") == name
    return own + sum(_count(c, name, kind) for c in config.values())


def _flat(tensors):
    """The dense tensors of dense, ragged and sparse ones."""
    return tf.nest.flatten(tensors, expand_composites=True)


def _leads(outputs, inputs):
    """Whether outputs have a part in inputs."""
    wanted, seen, todo = {id(t.op) for t in _flat(outputs)}, set(), [t.op for t in _flat(inputs)]
    while todo:
        op = todo.pop()
        if id(op) in wanted:
            return True
        if id(op) not in seen:
            seen.add(id(op))
            todo += [t.op for t in op.inputs] + list(op.control_inputs)
    return False


class _Learner:
    """One layer: what enters it, and how it takes what was counted of that."""

    def __init__(self, index, layer, inputs, xs):
        self.index, self.layer, self.inputs = index, layer, inputs
        self.lookup = getattr(layer, "_lookup_layer", layer)
        self.documents = getattr(self.lookup, "output_mode", "") == "tf_idf" and isinstance(self.lookup, IndexLookup)
        here = tf.compat.v1.get_default_graph()
        if any(t.graph is not here for t in _flat(inputs)):
            raise refusal(layer, "is called within a loop of another layer, where nobody sees what enters it",
                          "call it before that layer, or give it what it shall know")
        self.columns = int(np.prod(layer._mean_and_var_shape, dtype=np.int64)) if self._is(keras.layers.Normalization) else 0
        self.input = self._direct(xs)
        self.seen = {} if self.input >= 0 else {f"a{index}_{k}": t for k, t in self._seen().items()}

    def _is(self, kind):
        return isinstance(self.layer, kind)

    def _direct(self, xs):
        """The model's input that enters as it comes, -1 where the graph has to be asked."""
        at = next((i for i, x in enumerate(xs) if len(self.inputs) == 1 and x is self.inputs[0]), -1)
        if at < 0 or self.documents or self._is(keras.layers.TextVectorization):
            return -1
        if self._is(IndexLookup):
            return at if xs[at].dtype == self.layer.vocabulary_dtype else -1
        if not xs[at].dtype.is_floating or xs[at].dtype.size < 4:
            return -1
        if self._is(keras.layers.Normalization):
            last = tuple(range(len(xs[at].shape)))[len(xs[at].shape) - len(self.layer._keep_axis):]
            return at if self.layer._keep_axis == last else -1
        return at

    def _seen(self):
        if self._is(keras.layers.Normalization):
            return {"numbers": tf.concat([self._rows(x) for x in self.inputs], 0)}
        if self._is(keras.layers.Discretization):
            return {"numbers": tf.concat([tf.reshape(tf.cast(x, tf.float32), [-1]) for x in self.inputs], 0)}
        counted = [self._words(x) for x in self.inputs]
        return {k: tf.concat([c[k] for c in counted], 0) for k in counted[0]}

    def _rows(self, x):
        """The values of a Normalization, a column each for what it keeps apart."""
        x = tf.cast(x, tf.float64)
        order = self.layer._reduce_axis + self.layer._keep_axis
        if order != tuple(range(len(order))):
            x = tf.transpose(x, order)
        return tf.reshape(x, [-1, self.columns])

    def _words(self, data):
        """The words of a lookup and how often each is there, as its update_state counts them."""
        data = self.layer._preprocess(data) if self._is(keras.layers.TextVectorization) else data
        data = tf_utils.ensure_tensor(data, dtype=self.lookup.vocabulary_dtype)
        if data.shape.rank == 1 and not isinstance(data, tf.RaggedTensor):
            data = tf.expand_dims(data, -1)
        words, counts = self.lookup._num_tokens(data)
        out = {"words": words, "counts": counts}
        return dict(out, **self._documents(data)) if self.documents else out

    def _documents(self, data):
        """In how many records each word is, and how many records there are."""
        if isinstance(data, tf.RaggedTensor):
            flat, row, rows = data.flat_values, data.value_rowids(), data.nrows()
        else:
            rows, width = tf.unstack(tf.shape(data, out_type=tf.int64))
            flat, row = tf.reshape(data, [-1]), tf.repeat(tf.range(rows), width)
        words, index = tf.unique(flat, out_idx=tf.int64)
        n = tf.size(words, out_type=tf.int64)
        once = tf.unique(row * n + index).y % tf.maximum(n, 1)
        return {"documents": tf.math.unsorted_segment_sum(tf.ones_like(once), once, n), "records": tf.expand_dims(tf.cast(rows, tf.int64), 0)}

    def takes(self):
        """The specs of what learn takes."""
        name = lambda part: f"a{self.index}_{part}"
        if self._is(keras.layers.Normalization):
            return [tf.TensorSpec([self.columns], tf.float64, name(p)) for p in ("mean", "variance")]
        if self._is(keras.layers.Discretization):
            return [tf.TensorSpec([None], tf.float32, name("boundaries"))]
        words = [tf.TensorSpec([None], self.lookup.vocabulary_dtype, name("words"))]
        if self.documents:
            words += [tf.TensorSpec([None], tf.int64, name("documents")), tf.TensorSpec([], tf.int64, name("records"))]
        return words

    def learn(self, *given):
        """Sets what the layer learns; gives the operations that do."""
        if self._is(keras.layers.Normalization):
            pairs = zip((self.layer.adapt_mean, self.layer.adapt_variance), given)
            return [v.value.assign(tf.cast(tf.reshape(g, v.shape), v.dtype)) for v, g in pairs]
        state = _open[id(self.lookup)]
        if self._is(keras.layers.Discretization):
            return [state.boundaries.assign(given[0])]
        with tf.control_dependencies([state.vocabulary.assign(given[0])]):
            done = [self.lookup.lookup_table._initializer.fill(self.lookup.lookup_table)]
        if self.documents:
            done.append(self.lookup.idf_weights.assign(self._idf(*given[1:])))
        return done

    def _idf(self, documents, records):
        """The weights of the words, as finalize_state computes them; it is padded to max_tokens."""
        idf = tf.cast(self.lookup._inverse_document_frequency(documents, records), self.lookup.idf_weights.dtype)
        idf = tf.pad(idf, [[self.lookup._token_start_index(), 0]], constant_values=tf.reduce_mean(idf))
        return tf.ensure_shape(tf.pad(idf, [[0, self.lookup.max_tokens - tf.size(idf)]]), [self.lookup.max_tokens])

    def describe(self):
        said = {"layer": self.layer.name, "class": type(self.layer).__name__, "level": self.level, "input": self.input}
        if self._is(keras.layers.Normalization):
            return dict(said, kind="moments", columns=self.columns)
        if self._is(keras.layers.Discretization):
            return dict(said, kind="quantiles", bins=self.layer.num_bins, epsilon=self.layer.epsilon,
                        exactly=self.layer.output_mode != "int")
        l = self.lookup
        dropped = [str(t) for t in (l.mask_token, l.oov_token) if t is not None]
        return dict(said, kind="words", integers=l.vocabulary_dtype == "int64", most=(l.max_tokens or 0) and l.max_tokens - l._token_start_index(),
                    start=l._token_start_index(), dropped=dropped, documents=self.documents)
