import keras
from keras import layers

model = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2, activation="softmax")])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
