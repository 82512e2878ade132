"""Two inputs that meet: four measurements and the number of a group.

Stream: AVRO or JSON with the fields measurements (four floats) and group (0 to 7),
an integer label 0 to 2.
"""
import keras
from keras import layers

measurements = keras.Input((4,), name="measurements")
group = keras.Input((), dtype="int32", name="group")
joined = layers.Concatenate()(
    [
        layers.Dense(8, activation="relu")(measurements),
        layers.Embedding(8, 4)(group),
    ]
)
classes = layers.Dense(3, activation="softmax", name="classes")(joined)
model = keras.Model(inputs=[measurements, group], outputs=classes)
model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
