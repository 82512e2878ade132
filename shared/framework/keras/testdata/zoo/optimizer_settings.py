model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(
    global_clipnorm=1.0, use_ema=True, weight_decay=0.01, gradient_accumulation_steps=2)), "mse")
