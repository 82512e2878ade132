import numpy as np

normalization = layers.Normalization()
normalization.adapt(np.random.default_rng(0).random((20, 4)))
n = keras.Input((4,), name="numbers")
k = keras.Input((1,), dtype="int64", name="kind")
x = layers.Concatenate()([
    normalization(n), layers.CategoryEncoding(5, "multi_hot")(layers.Discretization([0.1, 0.5])(n)),
    layers.IntegerLookup(vocabulary=[1, 2, 3], output_mode="one_hot")(k), layers.Hashing(5, output_mode="one_hot")(k)])
model = keras.Model([n, k], layers.Dense(1)(x))
model.compile("adam", "mse")
