names = ["mae", "mape", "msle", "huber", "log_cosh", "cosine_similarity", "binary_crossentropy", "hinge", "squared_hinge",
         "poisson", "kl_divergence", "binary_focal_crossentropy", "tversky", "dice", "categorical_hinge"]
x = keras.Input((4,))
outputs = {n: layers.Dense(2, "sigmoid", name=n)(x) for n in names}
outputs["kind"] = layers.Dense(3, "softmax", name="kind")(x)
model = keras.Model(x, outputs)
model.compile("adam", {**{n: n for n in names}, "kind": "sparse_categorical_crossentropy"})
