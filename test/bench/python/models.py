"""The models of the benchmark, as source: the same text is registered with kafkaml and run here."""

IMPORTS = "import tensorflow as tf\nimport keras\nfrom keras import layers\n"

SMALL = """model = keras.Sequential([
    keras.Input((3,)),
    layers.Dense(4, activation="sigmoid"),
    layers.Dense(2, activation="softmax"),
])
model.compile(keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

MNIST = """model = keras.Sequential([
    keras.Input((28, 28)),
    layers.Rescaling(1 / 255),
    layers.Flatten(),
    layers.Dense(128, activation="relu"),
    layers.Dropout(0.2),
    layers.Dense(10, activation="softmax"),
])
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

CNN = """model = keras.Sequential([
    keras.Input((28, 28)),
    layers.Rescaling(1 / 255),
    layers.Reshape((28, 28, 1)),
    layers.Conv2D(32, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(64, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dropout(0.5),
    layers.Dense(10, activation="softmax"),
])
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

PHISHING = """model = keras.Sequential([
    keras.Input((9,)),
    layers.Rescaling(2, offset=-1),
    layers.Dense(1, activation="sigmoid", kernel_initializer="zeros"),
])
model.compile(keras.optimizers.SGD(0.1), loss="binary_crossentropy", metrics=["accuracy"])
"""

SOURCES = {"phishing": PHISHING, "small": SMALL, "mnist": MNIST, "cnn": CNN}


def build(name, **compile_options):
    """Runs the source; compile_options are compile()'s performance settings."""
    scope = {}
    exec(IMPORTS + SOURCES[name], scope)
    model = scope["model"]
    if compile_options:
        model.compile(optimizer=model.optimizer, loss=model.loss, metrics=["accuracy"], **compile_options)
    return model


if __name__ == "__main__":
    import json

    print(json.dumps({"imports": IMPORTS, **SOURCES}))
