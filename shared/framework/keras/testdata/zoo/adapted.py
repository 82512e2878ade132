# Layers that the training adapts, at many places where they may stand.
n, image = keras.Input((4,), name="numbers"), keras.Input((6, 6, 3), name="image")
kinds, kind = keras.Input((3,), dtype="int64", name="kinds"), keras.Input((1,), dtype="int32", name="kind")
words, city, tags = (keras.Input(s, dtype="string", name=t) for s, t in (((), "words"), ((1,), "city"), ((2,), "tags")))
scaled = layers.Normalization()(layers.Concatenate()([n, layers.Rescaling(2.0)(n)]))
place = layers.StringLookup(max_tokens=20, num_oov_indices=2, mask_token="")
x = layers.Concatenate()([
    scaled, layers.Normalization(axis=None)(layers.Dense(2)(scaled)),
    layers.CategoryEncoding(6, "multi_hot")(layers.Discretization(num_bins=6)(n)),
    layers.Flatten()(layers.Discretization(num_bins=4, output_mode="one_hot")(n)),
    layers.Flatten()(layers.Embedding(20, 3)(place(city))), layers.GlobalMaxPooling1D()(layers.Embedding(20, 3)(place(tags))),
    layers.IntegerLookup(max_tokens=9, output_mode="count", pad_to_max_tokens=True)(kinds),
    layers.Flatten()(layers.Embedding(9, 2)(layers.IntegerLookup(max_tokens=9)(kind))),
    layers.TextVectorization(max_tokens=30, output_mode="tf_idf", ngrams=(1, 3), pad_to_max_tokens=True)(words),
    layers.GlobalAveragePooling1D()(layers.Embedding(30, 4)(layers.TextVectorization(max_tokens=30, output_sequence_length=7, split="character")(words))),
    layers.Hashing(8, output_mode="one_hot")(city), layers.GlobalAveragePooling2D()(layers.Normalization(axis=(1, -1))(image))])
model = keras.Model([n, image, kinds, kind, words, city, tags], layers.Dense(1)(x))
model.compile("adam", "mse")
