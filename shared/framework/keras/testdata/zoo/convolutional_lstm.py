model = keras.Sequential([keras.Input((3, 6, 6, 1)), layers.ConvLSTM2D(2, 3), layers.Flatten(), layers.Dense(1)])
model.compile("adam", "mse")
