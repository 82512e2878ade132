import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
class TB(layers.Layer):
    def __init__(self,d,h,**k):
        super().__init__(**k)
        self.att=layers.MultiHeadAttention(num_heads=h,key_dim=d)
        self.n=layers.LayerNormalization(epsilon=1e-6)
        self.f=keras.Sequential([layers.Dense(16,activation="gelu"),layers.Dense(d)])
        self.d=layers.Dropout(.1)
    def call(self,x,training):
        y=self.n(x+self.d(self.att(x,x),training=training))
        return y+self.f(y)
i=layers.Input((12,8))
x=TB(8,2)(i)
x=layers.GlobalMaxPooling1D()(x)
model=keras.Model(i,layers.Dense(2,activation="softmax")(x))
model.compile("adam","sparse_categorical_crossentropy",metrics=["accuracy"])
