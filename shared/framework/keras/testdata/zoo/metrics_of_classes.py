K = keras.metrics
x = keras.Input((4,))
model = keras.Model(x, {"index": layers.Dense(3, name="index")(x), "hot": layers.Dense(3, "softmax", name="hot")(x)})
model.compile("adam", {"index": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                       "hot": keras.losses.CategoricalCrossentropy(label_smoothing=0.1)},
              metrics={"index": ["accuracy", K.SparseTopKCategoricalAccuracy(2)],
                       "hot": ["accuracy", K.F1Score(average="macro"), K.TopKCategoricalAccuracy(2)]})
