class Wild(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(4, 4))

    def call(self, x):
        y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.matmul(x, self.w), lambda: x)
        y = tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, y * 2.0), [0, y])[1]
        y = y + tf.random.normal(tf.shape(y)) * 0.01 + tf.random.uniform(tf.shape(y)) * 0.01
        y = tf.clip_by_value(tf.where(y > 0, y, tf.zeros_like(y)), 0.0, 1.0)
        y = tf.concat([y, tf.one_hot(tf.argmax(y, -1), 4)], -1)
        a, b = tf.split(y, 2, -1)
        y = tf.squeeze(tf.gather(tf.transpose(tf.stack([a, b], 1), [0, 2, 1]), [0], axis=2), 2)
        y = tf.cumsum(tf.sort(y), axis=1)
        y = tf.tile(tf.pad(tf.math.top_k(y, 2)[0], [[0, 0], [1, 1]]), [1, 2])
        tf.debugging.assert_all_finite(y, "not finite")
        y = tf.einsum("ij,ik->ijk", y, y)
        return (tf.reduce_max(y, [2]) + tf.norm(y) + tf.linalg.trace(y)[:, None])[:, :4]


model = keras.Sequential([keras.Input((4,)), Wild(), layers.Dense(1)])
model.compile("adam", "mse", metrics=["mae"])
