import keras

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units="four")])
model.compile(loss="mse")
