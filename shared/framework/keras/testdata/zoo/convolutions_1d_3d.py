model = keras.Sequential([
    keras.Input((8, 8, 8, 2)), layers.Conv3D(4, 2), layers.MaxPooling3D(), layers.AveragePooling3D(1),
    layers.Reshape((27, 4)), layers.Conv1D(4, 3, padding="causal"), layers.MaxPooling1D(), layers.AveragePooling1D(2),
    layers.Conv1DTranspose(3, 2), layers.UpSampling1D(), layers.GlobalMaxPooling1D(), layers.Dense(1)])
model.compile("adam", "mse")
