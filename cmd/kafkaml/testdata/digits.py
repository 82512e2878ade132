import keras

model = keras.Sequential(
    [
        keras.Input((8, 8)),
        keras.layers.Flatten(name="flat"),
        keras.layers.Dense(10, activation="softmax", name="scores"),
    ],
    name="digits",
)
model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
