"""A plain consumer loop: one record, one Keras predict, one produced record.

usage: predict_single.py BOOTSTRAP IN OUT MODEL.keras DTYPE SIZES... (prints "first" after the first prediction)
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
from confluent_kafka import Consumer, Producer

bootstrap, source, sink, path, dtype = sys.argv[1:6]
shape = [1, *map(int, sys.argv[6:])]
model = keras.models.load_model(path)
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": sink, "auto.offset.reset": "earliest", "enable.auto.commit": False})
consumer.subscribe([source])
producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0})
first = True
while True:
    record = consumer.poll(1.0)
    if record is None or record.error():
        continue
    x = np.frombuffer(record.value(), dtype).reshape(shape)
    values = model.predict(x, verbose=0)[0]
    producer.produce(sink, json.dumps({"values": values.tolist()}), key=record.key(), headers=record.headers())
    producer.flush()
    consumer.commit(record, asynchronous=False)
    if first:
        print("first", flush=True)
        first = False
