import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
model=tf.keras.Sequential([tf.keras.layers.Dense(1,input_shape=(3,))])
model.compile("adam","mse")
