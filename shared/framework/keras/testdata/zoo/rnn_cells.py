model = keras.Sequential([
    keras.Input((6, 3)), layers.SimpleRNN(4, return_sequences=True, go_backwards=True),
    layers.TimeDistributed(layers.Dense(4)), layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]), layers.Dense(1)])
model.compile(keras.optimizers.Lamb(), "mse")
