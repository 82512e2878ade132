keras.mixed_precision.set_global_policy("mixed_bfloat16")
model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(1)])
model.compile("adam", "mse", jit_compile=True)
