"""A pipelined loop over ONNX Runtime: up to MAX records a consume, one run, and neither flush nor commit is waited for; commits go out every 100 ms.

usage: predict_onnx.py BOOTSTRAP IN OUT MODEL.onnx DTYPE MAX SIZES... (prints "first" after the first prediction)
"""

import sys
import time

import numpy as np
import onnxruntime
import orjson
from confluent_kafka import Consumer, Producer

bootstrap, source, sink, path, dtype, most = sys.argv[1:7]
most, shape = int(most), [-1, *map(int, sys.argv[7:])]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options)
name = session.get_inputs()[0].name
consumer = Consumer({
    "bootstrap.servers": bootstrap, "group.id": sink, "auto.offset.reset": "earliest", "enable.auto.commit": False,
    "fetch.wait.max.ms": 1, "queued.min.messages": 100000,
})
consumer.subscribe([source])
producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0, "queue.buffering.max.messages": 1000000})
first, committed = True, time.monotonic()
while True:
    records = [r for r in consumer.consume(most, timeout=0.001) if not r.error()]
    if records:
        x = np.frombuffer(b"".join(r.value() for r in records), dtype).reshape(shape).astype(np.float32, copy=False)
        for record, values in zip(records, session.run(None, {name: x})[0]):
            while True:
                try:
                    producer.produce(sink, orjson.dumps({"values": values}, option=orjson.OPT_SERIALIZE_NUMPY), key=record.key(), headers=record.headers())
                    break
                except BufferError:
                    producer.poll(0.001)
        if first:
            producer.flush()
            print("first", flush=True)
            first = False
    producer.poll(0)
    if time.monotonic() - committed > 0.1:
        committed = time.monotonic()
        try:
            consumer.commit(asynchronous=True)
        except Exception:  # nothing was read since
            pass
