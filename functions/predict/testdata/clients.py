"""Asks served models by Triton's clients, as people do, and prints what they say.

Standard input: {"model": {"address": "host:port", "inputs": {name: [datatype, rows]}}}.
Standard output: a list of {"way", "model", "outputs"}, and of {"way", "model", "said"}.
"""

import json
import sys

import numpy
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

NAME = "inference-7"
answers = []


def inputs_of(package, inputs, **binary):
    for name, (datatype, rows) in inputs.items():
        values = numpy.array(rows, triton_to_np_dtype(datatype))
        tensor = package.InferInput(name, values.shape, datatype)
        tensor.set_data_from_numpy(values, **binary)
        yield tensor


def outputs_of(result, names):
    def plain(values):
        return [v.decode() if isinstance(v, bytes) else v for v in values.ravel().tolist()]

    return {name: plain(result.as_numpy(name)) for name in names}


def refusal(f):
    try:
        f()
    except InferenceServerException as e:
        return f"{e.status()}: {e.message()}"
    return "not refused"


def ask(way, package, client, model, inputs, names, infer):
    for how, options, binary in infer:
        tensors = list(inputs_of(package, inputs, **binary))
        result = client.infer(NAME, tensors, model_version="latest", request_id="7", outputs=[package.InferRequestedOutput(n, **binary) for n in names], **options)
        answers.append({"way": way + how, "model": model, "outputs": outputs_of(result, names)})
        everything = client.infer(NAME, tensors, **options)
        answers.append({"way": way + how + ", all outputs", "model": model, "outputs": outputs_of(everything, names)})
    said = [
        client.is_server_live(), client.is_server_ready(), client.is_model_ready(NAME, "3"),
        refusal(lambda: client.infer(NAME, tensors, model_version="9")),
        refusal(lambda: client.infer(NAME, tensors[:-1] if len(tensors) > 1 else [])),
    ]
    answers.append({"way": way, "model": model, "said": said})


for model, told in json.load(sys.stdin).items():
    with tritonclient.http.InferenceServerClient(told["address"]) as client:
        names = [o["name"] for o in client.get_model_metadata(NAME)["outputs"]]
        if client.get_model_repository_index()[0]["state"] != "READY" or client.get_server_metadata()["extensions"] != ["binary_tensor_data"]:
            raise SystemExit("the server is not described")
        ask("http", tritonclient.http, client, model, told["inputs"], names, [
            (", binary", {}, {"binary_data": True}),
            (", JSON", {}, {"binary_data": False}),
            (", gzip", {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"}, {"binary_data": True}),
            (", deflate", {"request_compression_algorithm": "deflate"}, {"binary_data": True}),
        ])
    with tritonclient.grpc.InferenceServerClient(told["address"]) as client:
        names = [o.name for o in client.get_model_metadata(NAME, "3").outputs]
        if client.get_server_metadata().name != "kafkaml":
            raise SystemExit("the server is not described")
        ask("grpc", tritonclient.grpc, client, model, told["inputs"], names, [("", {}, {}), (", gzip", {"compression_algorithm": "gzip"}, {}), (", in time", {"client_timeout": 60}, {})])

json.dump(answers, sys.stdout)
