"""Writes small models by PyTorch's own exporters, and what PyTorch says of some
records:

    pip install torch onnx onnxscript
    python make_torch.py

Each NAME.onnx comes with NAME.json: the inputs of some records and the outputs.
"""

import json

import torch
from torch import nn

torch.manual_seed(1)


class Tagger(nn.Module):
    """Ids of words to the probabilities of two classes, by an LSTM."""

    def __init__(self):
        super().__init__()
        self.words, self.lstm, self.out = nn.Embedding(20, 4), nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, words):
        steps, _ = self.lstm(self.words(words))
        return torch.softmax(self.out(steps[:, -1]), 1)


class Pair(nn.Module):
    """Two inputs to two outputs."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(2, 4)

    def forward(self, left, right):
        both = torch.relu(self.a(left)) * torch.tanh(self.b(right))
        return both.sum(1, keepdim=True), both


dense = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3), nn.Softmax(1))
normed = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3), nn.Softmax(1))
pixels = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 3), nn.LayerNorm(3))


def write(name, model, inputs, outputs, **how):
    model.eval()
    args = tuple(inputs.values())
    with torch.no_grad():
        got = model(*args)
    open_batch = {k: {0: "batch"} for k in [*inputs, *outputs]}
    if how.get("dynamo"):
        # The new exporter takes the open sizes of the inputs by position.
        batch = torch.export.Dim("batch")
        how["dynamic_shapes"] = tuple({0: batch} for _ in inputs)
    else:
        how["dynamic_axes"] = open_batch
    torch.onnx.export(model, args, name + ".onnx", input_names=list(inputs), output_names=outputs, external_data=False, **how)
    got = got if isinstance(got, tuple) else (got,)
    with open(name + ".json", "w") as f:
        json.dump({"inputs": {k: v.tolist() for k, v in inputs.items()}, "outputs": {k: v.tolist() for k, v in zip(outputs, got)}}, f)


write("torch_dense", dense, {"input": torch.rand(6, 4)}, ["output"], dynamo=False)
write("torch_dense_dynamo", normed, {"input": torch.rand(6, 4)}, ["output"], dynamo=True)
write("torch_pixels", pixels, {"pixels": torch.rand(6, 1, 8, 8)}, ["scores"], dynamo=False)
write("torch_words", Tagger(), {"words": torch.randint(0, 20, (6, 6))}, ["classes"], dynamo=False)
write("torch_pair", Pair(), {"left": torch.rand(6, 3), "right": torch.rand(6, 2)}, ["sum", "both"], dynamo=True)
