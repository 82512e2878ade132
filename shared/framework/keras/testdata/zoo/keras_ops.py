o = keras.ops


class Ops(layers.Layer):
    def call(self, x):
        y = o.concatenate([o.sin(x), o.cos(x), o.log1p(o.abs(x)), o.sqrt(o.abs(x)), o.floor(x), o.sign(x), o.erf(x),
                           o.power(o.abs(x), 2.5), o.cast(o.logical_and(x > 0, x < 1), "float32"), o.flip(x, 1),
                           o.roll(x, 1, 1)], -1)
        y = y + o.cond(o.sum(y) > 0, lambda: o.ones_like(y), lambda: o.zeros_like(y))
        y = o.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, y * 2), (0, y))[1]
        y = y + o.std(y) + o.var(y) + o.median(y) + o.norm(y) + o.logsumexp(y) + o.prod(y) + o.min(y)
        y = o.take(y, o.arange(6), axis=1)
        s = o.svd(o.reshape(y[:, :4], (-1, 2, 2)))[1]
        y = o.softmax(y) + o.reshape(s, (-1, 2))[:, :1] + o.det(o.reshape(x, (-1, 2, 2)))[:, None]
        return y + o.sum(o.segment_sum(o.reshape(x, (-1,)), o.zeros_like(o.reshape(x, (-1,)), "int32"), 1))


model = keras.Sequential([keras.Input((4,)), Ops(), layers.Dense(1)])
model.compile("adadelta", "mse")
