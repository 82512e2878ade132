from keras.models import Sequential
from keras.layers import Dense
model=Sequential()
model.add(Dense(output_dim=64, input_dim=3, init="uniform"))
model.compile(optimizer="adam", loss="mse")
