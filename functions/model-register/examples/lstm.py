"""The next value of a series from its last 24, with a learning rate that decays.

Stream: 24 float32 values a record, the next one as float32 label.
"""
import keras
from keras import layers

schedule = keras.optimizers.schedules.ExponentialDecay(
    initial_learning_rate=0.01, decay_steps=500, decay_rate=0.9
)
model = keras.Sequential(
    [
        keras.Input((24, 1)),
        layers.LSTM(16),
        layers.Dense(1),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=schedule),
    loss="mean_squared_error",
    metrics=["mean_absolute_error"],
)
