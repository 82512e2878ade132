import keras
from keras import layers
def f():
	return 1
        return 2
model=1
