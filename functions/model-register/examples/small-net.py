"""The small network of the Kafka-ML paper: three inputs, four hidden units, two classes.

Stream: three float32 values a record, an integer label 0 or 1.
"""
import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((3,)),
        layers.Dense(4, activation="relu"),
        layers.Dense(2, activation="softmax"),
    ]
)
model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
