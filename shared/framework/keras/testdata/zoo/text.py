words = keras.Input((), dtype="string", name="words")
kind = keras.Input((1,), dtype="string", name="kind")
numbers = layers.TextVectorization(output_sequence_length=6, vocabulary=["a", "b"])(words)
x = layers.Concatenate()([
    layers.GlobalAveragePooling1D()(layers.Embedding(10, 4)(numbers)),
    layers.StringLookup(vocabulary=["x", "y"], output_mode="one_hot")(kind)])
model = keras.Model([words, kind], layers.Dense(1)(x))
model.compile("adam", "mse")
