model = keras.Sequential([
    keras.Input((16, 16, 3)), layers.Rescaling(1 / 255), layers.RandomFlip(), layers.RandomRotation(0.1),
    layers.RandomZoom(0.1), layers.RandomTranslation(0.1, 0.1), layers.RandomContrast(0.1),
    layers.RandomBrightness(0.1, value_range=(0, 1)), layers.RandomCrop(12, 12), layers.Resizing(8, 8),
    layers.CenterCrop(6, 6), layers.Flatten(), layers.Dense(1)])
model.compile("adam", "mse")
