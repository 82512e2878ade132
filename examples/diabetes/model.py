import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((10,)),
        layers.BatchNormalization(),
        layers.Dense(32, activation="relu"),
        layers.Dense(1),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.05, 200, 0.9)),
    loss="mse",
    metrics=["mae"],
)
