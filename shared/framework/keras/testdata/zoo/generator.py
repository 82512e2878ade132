class Sample(layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x):
        mean, spread = x
        self.add_loss(tf.reduce_mean(mean**2))
        return mean + keras.ops.exp(0.5 * spread) * keras.random.normal(keras.ops.shape(mean), seed=self.seed)


x = keras.Input((4,))
h = layers.Dense(4, "relu")(x)
model = keras.Model(x, layers.Dense(4)(Sample()([layers.Dense(2)(h), layers.Dense(2)(h)])))
model.compile("adam", "mse")
