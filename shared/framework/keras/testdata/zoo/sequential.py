activations = ["relu", "sigmoid", "tanh", "gelu", "elu", "selu", "softplus", "softsign", "swish", "mish", "hard_sigmoid",
               "exponential", "leaky_relu", "relu6", "hard_silu", "log_softmax", "celu", "sparsemax"]
model = keras.Sequential([keras.Input((4,)), *[layers.Dense(4, a) for a in activations], layers.Dense(1)])
model.compile("sgd", "mse")
