model = keras.Sequential([
    keras.Input((16, 16, 3)), layers.ZeroPadding2D(1), layers.Conv2DTranspose(4, 3, strides=2), layers.Cropping2D(1),
    layers.UpSampling2D(2, interpolation="bilinear"), layers.AveragePooling2D(2), layers.LayerNormalization(),
    layers.GroupNormalization(2), layers.UnitNormalization(), layers.RMSNormalization(), layers.PReLU(),
    layers.SpectralNormalization(layers.Conv2D(4, 2)), layers.LeakyReLU(), layers.GlobalMaxPooling2D(), layers.Dense(1)])
model.compile("adamax", "mse")
