model = keras.Sequential([
    keras.Input((16, 16, 3)), layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization(), layers.ReLU(),
    layers.MaxPooling2D(), layers.DepthwiseConv2D(3), layers.SeparableConv2D(4, 3), layers.SpatialDropout2D(0.2, seed=1),
    layers.Conv2D(4, 2, dilation_rate=2, padding="same"), layers.Conv2D(8, 1, groups=2),
    layers.GlobalAveragePooling2D(), layers.Dropout(0.3, seed=2), layers.Dense(3, "softmax")])
model.compile("nadam", "sparse_categorical_crossentropy")
