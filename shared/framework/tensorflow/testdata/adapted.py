"""The model families whose layers are adapted by the training, as Keras' own
adapt does on the same records.

Each function returns a compiled model with layers that are not adapted, the
arrays to train on, and the labels.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

N = 400
RNG = np.random.default_rng(5)


def raw(*shape):
    """Numbers in raw units, columns of unlike scale."""
    return (RNG.normal(size=(N, *shape)) * 10.0 ** np.arange(shape[-1]) + 50 * np.arange(shape[-1])).astype(np.float32)


def drawn(words, *shape):
    """Words of which the first come most often; some come equally often."""
    share = 1 / (1 + np.arange(len(words)))
    return tf.constant(np.array(words)[RNG.choice(len(words), (N, *shape), p=share / share.sum())])


def texts():
    """Short texts with punctuation, capitals and letters beyond ASCII."""
    words = ["the", "The", "cat", "dog,", "über", "café", "sat", "on", "a", "mat.", "日本", "it's", "x-y", "zzz", "rare"]
    return tf.constant([" ".join(RNG.choice(words, RNG.integers(1, 9))) for _ in range(N)])


def labels():
    return [RNG.random((N, 1)).astype(np.float32)]


def adapted_numbers():
    x = keras.Input((3,))
    bins = L.Discretization(num_bins=4, output_mode="one_hot")(L.Reshape((1,))(x[:, 1]))
    whole = L.Normalization(axis=None)(x)
    m = keras.Model(x, L.Dense(1)(L.Concatenate()([L.Normalization()(x), L.Flatten()(bins), whole])))
    m.compile(keras.optimizers.SGD(0.01), "mse")
    return m, [raw(3)], labels()


def adapted_words():
    city, kind, code = keras.Input((1,), dtype="string", name="city"), keras.Input((), dtype="string", name="kind"), keras.Input((2,), dtype="int64", name="code")
    m = keras.Model([city, kind, code], L.Dense(1)(L.Concatenate()([
        L.Flatten()(L.Embedding(9, 3)(L.StringLookup(max_tokens=9)(city))),
        L.StringLookup(max_tokens=8, num_oov_indices=2, mask_token="", output_mode="one_hot", pad_to_max_tokens=True)(kind),
        L.IntegerLookup(max_tokens=6, output_mode="multi_hot", pad_to_max_tokens=True)(code),
        L.IntegerLookup(max_tokens=9, output_mode="count", pad_to_max_tokens=True, mask_token=3)(code),
    ])))  # fmt: skip
    m.compile("adam", "mse")
    cities = drawn([f"city {i}" for i in range(12)] + ["[UNK]", "Zürich", "e", "é"], 1)
    return m, [cities, drawn(["", "a", "b", "c", "d", "e", "f", "g", "h"]), RNG.integers(-3, 8, (N, 2))], labels()


def adapted_texts():
    text, line = keras.Input((), dtype="string", name="text"), keras.Input((), dtype="string", name="line")
    m = keras.Model([text, line], L.Dense(1)(L.Concatenate()([
        L.GlobalAveragePooling1D()(L.Embedding(12, 4, mask_zero=True)(L.TextVectorization(max_tokens=12, output_sequence_length=5)(text))),
        L.TextVectorization(max_tokens=30, output_mode="tf_idf", ngrams=2, pad_to_max_tokens=True)(line),
        L.TextVectorization(max_tokens=20, output_mode="count", split="character", standardize="lower", pad_to_max_tokens=True)(text),
    ])))  # fmt: skip
    m.compile("adam", "mse")
    return m, [texts(), texts()], labels()


def adapted_deep():
    """Layers behind others, one of them at two places, one behind one that is adapted."""
    a, b, home, away = keras.Input((2,), name="a"), keras.Input((2,), name="b"), keras.Input((1,), dtype="string", name="home"), keras.Input((1,), dtype="string", name="away")
    joined = L.Normalization(name="joined")(L.Concatenate()([a, b]))
    team = L.StringLookup(name="team", max_tokens=6)
    first, second = team(home), team(away)
    bins = L.Discretization(num_bins=5, name="bins")(joined)
    pairs = L.IntegerLookup(name="pairs", max_tokens=9)(first * 10 + second)
    m = keras.Model([a, b, home, away], L.Dense(1)(L.Concatenate()([
        joined, L.Flatten()(L.Embedding(5, 2)(bins)), L.Flatten()(L.Embedding(9, 2)(pairs)), L.Normalization(name="after")(L.Dense(3)(joined)),
    ])))  # fmt: skip
    m.compile("sgd", "mse")
    teams = ["ajax", "bayern", "celtic", "dynamo", "everton", "forest", "genoa"]
    return m, [raw(2), raw(2), drawn(teams, 1), drawn(teams, 1)], labels()


class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pixels, self.grid = L.Normalization(axis=(1, 3)), L.Normalization(axis=-1)
        for layer in (self.pixels, self.grid):
            layer.build((None, 4, 3, 2))
        self.head = keras.Sequential([L.Flatten(), L.Dense(1)])

    def call(self, x):
        return self.head(keras.ops.concatenate([self.pixels(x), self.grid(x)], axis=-1))


def adapted_subclass():
    m = Subclassed()
    m(np.zeros((1, 4, 3, 2), np.float32))
    m.compile("sgd", "mse")
    return m, [raw(4, 3, 2)], labels()


FAMILIES = [adapted_numbers, adapted_words, adapted_texts, adapted_deep, adapted_subclass]
GIVEN = [adapted_numbers, adapted_words, adapted_deep]  # exported as they are adapted in their source, too


def entering(model, xs, layer):
    """What enters a layer, at each place that it is called at; the layers before it are adapted."""
    found, call = [], type(layer).__call__

    def record(self, *args, **kwargs):
        if self is not layer:
            return call(self, *args, **kwargs)
        found.append(args[0])
        spec = layer.compute_output_spec(args[0])
        return keras.ops.zeros([d or 1 for d in spec.shape], spec.dtype)

    type(layer).__call__ = record
    try:
        model(xs if len(xs) > 1 else xs[0])
    except Exception:  # of another layer that is not adapted yet
        pass
    finally:
        type(layer).__call__ = call
    return found


def adapt(model, xs):
    """Adapts the layers in the order of the model; gives what each has learned."""
    tensors, learned = [tf.constant(x) for x in xs], {}
    inner = [l._lookup_layer.name for l in model._flatten_layers() if hasattr(l, "_lookup_layer")]
    pending = [l for l in model._flatten_layers() if hasattr(l, "adapt") and l.name not in inner]
    while pending:
        layer = pending.pop(0)
        found = entering(model, tensors, layer)
        if not found:  # it is behind one that is not adapted yet
            pending.append(layer)
            continue
        data = np.concatenate([np.asarray(t) for t in found])
        if isinstance(layer, L.Normalization):
            layer.adapt(data.astype(np.float64))
            learned[layer.name] = {"mean": np.asarray(layer.adapt_mean).ravel().tolist(), "variance": np.asarray(layer.adapt_variance).ravel().tolist()}
        elif isinstance(layer, L.Discretization):
            layer.adapt(data)
            learned[layer.name] = {"boundaries": layer.bin_boundaries}
        else:
            layer.adapt(tf.constant(data))
            learned[layer.name] = {"words": [str(w) for w in layer.get_vocabulary(include_special_tokens=False)]}
    return learned
