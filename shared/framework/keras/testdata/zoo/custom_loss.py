def loss(y, p):
    return tf.reduce_mean(tf.abs(y - p) + tf.where(y > 0, tf.square(y - p), 0.0))


class Scaled(keras.losses.Loss):
    def call(self, y, p):
        return keras.ops.mean(keras.ops.square(y - p), -1) * 2.0


x = keras.Input((4,))
model = keras.Model(x, [layers.Dense(1, name="a")(x), layers.Dense(1, name="b")(x)])
model.compile("adam", [loss, Scaled()], loss_weights=[1.0, 0.5])
