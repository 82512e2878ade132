a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
hidden = layers.Dense(4, "relu")(layers.Concatenate()([a, b]))
model = keras.Model([a, b], layers.Dense(1, activation="sigmoid")(hidden))
model.compile("rmsprop", "binary_crossentropy", metrics=[keras.metrics.AUC(), "accuracy"])
