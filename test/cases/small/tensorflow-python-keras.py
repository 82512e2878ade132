from tensorflow.python.keras.models import Sequential
from tensorflow.python.keras.layers import Dense
model=Sequential([Dense(1,input_shape=(3,))])
model.compile(optimizer="adam", loss="mse")
