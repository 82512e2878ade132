"""One number from ten measurements, such as the diabetes progression set.

Stream: ten float32 values a record, a float32 label.
"""
import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((10,)),
        layers.Dense(32, activation="relu"),
        layers.Dense(16, activation="relu"),
        layers.Dense(1),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.01),
    loss="mean_squared_error",
    metrics=["mean_absolute_error"],
)
