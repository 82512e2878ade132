"""Handwritten digits with one hidden layer of 128 units.

Stream: 28 x 28 uint8 pixels a record (784 bytes), an integer label 0 to 9.
"""
import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Rescaling(1 / 255),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
