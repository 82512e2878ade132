"""A well-written batched loop: up to MAX records a consume, one compiled call, one flush and one commit a batch.

usage: predict_batched.py BOOTSTRAP IN OUT MODEL.keras DTYPE MAX SIZES... (prints "first" after the first prediction)
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import orjson
import tensorflow as tf
from confluent_kafka import Consumer, Producer

bootstrap, source, sink, path, dtype, most = sys.argv[1:7]
most, shape = int(most), [-1, *map(int, sys.argv[7:])]
model = keras.models.load_model(path)
call = tf.function(lambda x: model(tf.cast(x, tf.float32), training=False), input_signature=[tf.TensorSpec([None, *shape[1:]], dtype)])
call(tf.zeros([1, *shape[1:]], dtype))
consumer = Consumer({
    "bootstrap.servers": bootstrap, "group.id": sink, "auto.offset.reset": "earliest", "enable.auto.commit": False,
    "fetch.wait.max.ms": 1, "queued.min.messages": 100000,
})
consumer.subscribe([source])
producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0, "queue.buffering.max.messages": 1000000})
first = True
while True:
    records = consumer.consume(most, timeout=0.001)
    records = [r for r in records if not r.error()]
    if not records:
        continue
    x = np.frombuffer(b"".join(r.value() for r in records), dtype).reshape(shape)
    for record, values in zip(records, call(x).numpy()):
        producer.produce(sink, orjson.dumps({"values": values}, option=orjson.OPT_SERIALIZE_NUMPY), key=record.key(), headers=record.headers())
    producer.flush()
    consumer.commit(asynchronous=False)
    if first:
        print("first", flush=True)
        first = False
