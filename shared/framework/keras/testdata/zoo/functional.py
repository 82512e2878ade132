a = keras.Input((4,))
d = [layers.Dense(4)(a) for _ in range(2)]
merged = [layers.Add()(d), layers.Subtract()(d), layers.Multiply()(d), layers.Average()(d), layers.Maximum()(d),
          layers.Minimum()(d), layers.Concatenate()(d), layers.Dot(1)(d)]
model = keras.Model(a, layers.Dense(1)(layers.Concatenate()(merged)))
model.compile("ftrl", "mse", metrics=["mae"])
