model = keras.Sequential([
    keras.Input((4, 3)), layers.Masking(), layers.LSTM(4, return_sequences=True),
    layers.LSTM(3, unroll=True, recurrent_dropout=0.1, dropout=0.1, seed=3), layers.Dense(1)])
model.compile(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9), momentum=0.9), "mse")
