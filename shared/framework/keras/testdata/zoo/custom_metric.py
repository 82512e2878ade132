class Within(keras.metrics.Metric):
    def __init__(self, name="within", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def update_state(self, y, p, sample_weight=None):
        near = keras.ops.cast(keras.ops.abs(y - p) < 0.5, "float32")
        self.hits.assign_add(keras.ops.sum(near))
        self.seen.assign_add(keras.ops.cast(keras.ops.size(near), "float32"))

    def result(self):
        return keras.ops.divide_no_nan(self.hits, self.seen)


def peak(y, p):
    return keras.ops.max(keras.ops.abs(y - p))


model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
model.compile("adam", "mse", metrics=[Within(), peak, keras.metrics.R2Score(), keras.metrics.RootMeanSquaredError(),
                                      keras.metrics.LogCoshError(), keras.metrics.CosineSimilarity()])
