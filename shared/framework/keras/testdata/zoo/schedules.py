S = keras.optimizers.schedules


class All(S.LearningRateSchedule):
    parts = [S.ExponentialDecay(0.1, 10, 0.9), S.CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=3),
             S.PiecewiseConstantDecay([5, 10], [0.1, 0.01, 0.001]), S.PolynomialDecay(0.1, 10, cycle=True),
             S.InverseTimeDecay(0.1, 10, 0.5), S.CosineDecayRestarts(0.1, 10)]

    def __call__(self, step):
        return sum(p(step) for p in self.parts)

    def get_config(self):
        return {}


model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
model.compile(keras.optimizers.SGD(All(), momentum=0.9, nesterov=True), "mse")
