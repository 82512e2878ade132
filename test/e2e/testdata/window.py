import keras
from keras import layers

# The prediction names the window: its four whole numbers from 0 to 30 are the
# digits of one to the base of 31, which float32 holds exactly. Nothing is learned.
steps = keras.Input((4,))
number = sum(steps[:, i : i + 1] * 31.0 ** (3 - i) for i in range(4))
same = layers.Dense(1, use_bias=False, kernel_initializer="ones")(number)
model = keras.Model(steps, same)
model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
