"""Writes drifts.json: where River finds drifts in some sequences.

usage: make_drifts.py > drifts.json    (in an environment with river)
"""

import json
import random
import sys

import river
from river import drift

rng = random.Random(7)


def values(*parts):
    """Values around some means, so many of each."""
    return [round(rng.gauss(mean, spread), 4) for n, mean, spread in parts for _ in range(n)]


def errors(*parts):
    return [int(rng.random() < rate) for n, rate in parts for _ in range(n)]


sequences = {
    "up": values((1000, 0.2, 0.1), (1000, 0.9, 0.1)),
    "down and up": values((700, 3.0, 0.5), (600, 1.0, 0.5), (700, 3.0, 0.5)),
    "slowly": values(*[(20, 0.2 + i / 100, 0.1) for i in range(100)]),
    "calm": values((2500, 0.5, 0.2)),
    "few": values((9, 0, 0.1), (200, 5, 0.1)),
    "large": values((300, 1000.0, 10.0), (300, 1200.0, 10.0), (300, 1000.0, 10.0)),
    "errors": errors((1000, 0.1), (800, 0.5), (800, 0.1), (500, 0.7)),
    "errors, calm": errors((2000, 0.3)),
    "always right, then wrong": errors((500, 0.0), (200, 1.0)),
}


def drifts(make, sequence):
    detector, found = make(), []
    for i, x in enumerate(sequence):
        detector.update(x)
        if detector.drift_detected:
            found.append(i)
    return found


detectors = {"adwin": drift.ADWIN, "adwin of 4": lambda: drift.ADWIN(clock=8), "adwin of 32": lambda: drift.ADWIN(clock=1), "page_hinkley": drift.PageHinkley, "ddm": drift.binary.DDM}
found = {
    name: {s: drifts(make, v) for s, v in sequences.items() if name != "ddm" or s.startswith(("errors", "always"))}
    for name, make in detectors.items()
}
json.dump({"river": river.__version__, "sequences": sequences, "drifts": found}, sys.stdout)
