model = keras.Sequential([
    keras.Input((6, 3)), layers.Bidirectional(layers.GRU(4, return_sequences=True)), layers.GRU(3, reset_after=False),
    layers.Dense(1)])
model.compile("lion", "mse")
