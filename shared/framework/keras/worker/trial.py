"""One training step of a model on a few decoded records.

What its source does not adapt is adapted on these records. Where the step fails
or its numbers are none, each record is tried alone, from the same weights, to
find the one at fault.
"""

import base64
import math
import re
import time

import numpy as np
import tensorflow as tf

import export
import shapes

_PATIENCE = 15  # seconds for trying records alone
_ROOM = ("mend or leave out the record, or give the model room for it: ids and classes count from 0 and end below "
         "the table's or the output's size")


def run(model, person, batch, label=None):
    """Gives {"records", "seconds", "metrics"} and where there is a fault {"fault"}."""
    export.check(model)
    exporter = export.Exporter(model, label)
    records = batch["records"]
    inputs = [_tensor(t, records) for t in batch["inputs"]]
    labels = [_tensor(t, records) for t in batch["labels"]]
    trial = _Trial(exporter, person, inputs, labels)
    said = {"records": records, "seconds": 0.0, "metrics": {}}
    try:
        _adapt(exporter.adapting, inputs)
    except tf.errors.OpError as e:
        return dict(said, fault=dict(trial.refused(e), record=-1))
    trial.hold()
    began = time.monotonic()
    said["metrics"], fault = trial.step(slice(None))
    said["seconds"] = time.monotonic() - began
    return dict(said, fault=trial.blame(fault, records)) if fault else said


def _tensor(given, records):
    """A batch of one tensor, from its bytes."""
    data, shape = base64.b64decode(given["data"]), [records] + given["shape"]
    if given["dtype"] != "string":
        return tf.constant(np.frombuffer(data, tf.as_dtype(given["dtype"]).as_numpy_dtype).reshape(shape))
    words, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        words.append(data[at + 4 : end])
        at = end
    return tf.reshape(tf.constant(words, tf.string), shape)


class _Trial:
    """Steps of a model from the weights that it has now."""

    def __init__(self, exporter, person, inputs, labels):
        self.exporter, self.person, self.inputs, self.labels = exporter, person, inputs, labels
        self.held = []

    def hold(self):
        """Notes the weights from which each step begins."""
        self.held = [(v, export.value(v).numpy()) for v in self.exporter.variables]

    def step(self, rows):
        """The metrics of a step on some of the records, and what is wrong with it, None where nothing is."""
        model = self.exporter.model
        for v, was in self.held:
            export.value(v).assign(was)
        model.reset_metrics()
        try:
            logs = self.exporter.train_step(*[t[rows] for t in self.inputs + self.labels])
        except tf.errors.OpError as e:
            return {}, self.refused(e)
        except Exception as e:
            return {}, self.person.describe(e)
        metrics = {k: float(logs[k]) for k in shapes.scalars(logs)}
        return {k: _written(v) for k, v in metrics.items()}, self._unsound(metrics, rows)

    def refused(self, error):
        """What an operation of the step refused, and where in the texts it is made, if a line of them takes part."""
        lines = [l for l in error.message.split("\n") if l.strip() and not re.match(r"Graph execution error|Detected at node|\s+File |\s*\[\[|\s*\(\d+\)|Stack trace|\d+ root error", l)]
        reason = re.sub(r"\{\{[^}]*\}\}\s*|\s*\[\[.*|\s*\[Op:.*", "", lines[0] if lines else error.message).strip()
        node = re.search(r"Detected at node (\S+)", error.message)
        names = {l.name for l in self.exporter.model._flatten_layers()}
        parts = reversed(node[1].split("/")) if node else ()
        layer = next((n for p in parts for n in (p, re.sub(r"_\d+$", "", p)) if n in names), "")
        made = [(f, int(n)) for f, n in re.findall(r'File "<(\w+)>", line (\d+)', error.message) if f in self.person.texts]
        place = dict(zip(("field", "line"), made[-1])) if made else None
        return self.person.report(reason + (f" (layer {layer})" if layer else ""), _ROOM, place)

    def _unsound(self, metrics, rows):
        """What is wrong with a step that came to an end."""
        loss = metrics.get("loss", 0.0)
        if not math.isfinite(loss):
            reason = f"the loss of the step is {'NaN' if math.isnan(loss) else 'infinite'}"
        elif lost := [v.path if hasattr(v, "path") else v.name for v, was in self.held if _finite(was) and not _finite(export.value(v).numpy())]:
            reason = f"after the step the weights {lost[0]} are no numbers any more, though the loss is one"
        else:
            return None
        for what, described, tensors in (("input", self.exporter.inputs, self.inputs), ("label", self.exporter.labels, self.labels)):
            for d, t in zip(described, tensors):
                if not _finite(t[rows].numpy()):
                    return {"reason": f"{reason}: the {what} {d['name']} holds NaN or an infinite number",
                            "hint": "let `missing` of its column stand for such values, or leave the records out by `where`"}
        return {"reason": reason, "hint": "see that label and loss suit each other, and that no logarithm, root or division meets a 0; "
                                          "a Normalization layer or a smaller learning rate helps where numbers are large"}

    def blame(self, fault, records):
        """The fault with the first record that has it when it is alone, and how many of those tried have."""
        found, failing, tried, until = None, 0, 0, time.monotonic() + _PATIENCE
        for i in range(records):
            if time.monotonic() > until:
                break
            _, alone = self.step(slice(i, i + 1))
            tried += 1
            if alone:
                failing += 1
                found = found or dict(alone, record=i)
        return dict(found or dict(fault, record=-1), failing=failing, tried=tried)


def _written(v):
    """A number as JSON can hold it."""
    return v if math.isfinite(v) else "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"


def _finite(array):
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _adapt(adapting, inputs):
    """Gives the layers that the training is to adapt what these records hold."""
    for level in adapting.levels:
        seen = adapting.see(level, inputs)
        adapting.set(level, [g for l in adapting.of(level) for g in _learned(l, inputs, seen)])


def _learned(learner, inputs, seen):
    """What one layer takes, as the training counts it of a whole split."""
    part = lambda name: seen[f"a{learner.index}_{name}"].numpy()
    said = learner.describe()
    direct = inputs[learner.input].numpy() if learner.input >= 0 else None
    if said["kind"] == "moments":
        rows = (part("numbers") if direct is None else direct).astype(np.float64).reshape(-1, learner.columns)
        return [tf.constant(rows.mean(0)), tf.constant(rows.var(0))]
    if said["kind"] == "quantiles":
        numbers = (part("numbers") if direct is None else direct).astype(np.float64).ravel()
        return [tf.constant(np.quantile(numbers, np.linspace(0, 1, said["bins"] + 1)[1:-1]).astype(np.float32))]
    if direct is None:
        words, counts = part("words"), part("counts")
    else:
        words, counts = np.unique(direct.ravel(), return_counts=True)
    dropped = {t if said["integers"] else t.encode() for t in (int(d) if said["integers"] else d for d in said["dropped"])}
    order = [i for i in np.argsort(-counts.astype(np.int64), kind="stable") if words[i] not in dropped][: said["most"] or None]
    out = [tf.constant([words[i] for i in order], tf.int64 if said["integers"] else tf.string)]
    if said["documents"]:
        out += [tf.constant(part("documents")[order], tf.int64), tf.constant(int(part("records").sum()), tf.int64)]
    return out
