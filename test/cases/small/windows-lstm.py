import keras

x = keras.Input((6, 3), name="x")
model = keras.Model(x, keras.layers.Dense(1)(keras.layers.LSTM(8)(x)))
model.compile("adam", "mse", metrics=["mae"])
