"""Keeps the last 24 records of each of many keys, as a consumer in Python would; prints windows a second.

usage: windows.py RECORD KEYS COUNT
"""

import collections
import sys
import time

import numpy as np
import orjson

record, keys, count = sys.argv[1].encode(), int(sys.argv[2]), int(sys.argv[3])
kept = collections.defaultdict(lambda: collections.deque(maxlen=24))
window = np.empty((24, 10), np.float32)


def take(key):
    r = orjson.loads(record)
    payment, limits = r["payment"], r["card"]["limits"]
    last = kept[key]
    last.append(np.array([payment["amount"], limits["day"], limits["month"], payment["items"][0]["price"], payment["items"][1]["price"],
                          *r["history"], r["at"] // 3_600_000 % 24], np.float32))
    if len(last) < 24:
        return 0
    np.stack(last, out=window)
    return 1


for i in range(24 * keys):
    take(b"k%d" % (i % keys))
began, made = time.perf_counter(), 0
for i in range(count):
    made += take(b"k%d" % (i % keys))
print(made / (time.perf_counter() - began))
