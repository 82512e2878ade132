import keras
import keras_tuner
from keras import layers


def build_model(hp):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(hp.Choice("units", [4, 8, -1]), activation="relu")])
    for _ in range(hp.Int("depth", 0, 2)):
        model.add(layers.Dense(hp.Int("width", 2, 6, step=2), activation="relu"))
    model.add(layers.Dense(2, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


build_model(keras_tuner.HyperParameters())
