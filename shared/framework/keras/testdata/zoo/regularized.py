R = keras.regularizers
model = keras.Sequential([
    keras.Input((4,)), layers.GaussianNoise(0.1), layers.GaussianDropout(0.1), layers.AlphaDropout(0.1),
    layers.ActivityRegularization(0.1), layers.Dense(3, kernel_regularizer=R.L1L2(0.01, 0.01), kernel_constraint="max_norm"),
    layers.Dense(2, kernel_regularizer=R.OrthogonalRegularizer(), kernel_constraint="unit_norm"),
    layers.Dense(1, kernel_constraint="non_neg")])
model.compile("muon", "mse")
