"""Writes forged variants of a saved_model.pb, one file a forgery, for verify_test.go.

Run as: python -I -S forge.py SITE saved_model.pb FOLDER
"""
import os
import sys

sys.path.insert(0, sys.argv[1])
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from tensorflow.core.framework import node_def_pb2, types_pb2
from tensorflow.core.protobuf import saved_model_pb2

FORGERIES = {}
FORBIDDEN = """ReadFile WriteFile MatchingFiles ImmutableConst PrintV2 Print EagerPyFunc PyFunc PyFuncStateless DebugIdentity
DebugIdentityV2 DebugIdentityV3 DebugGradientIdentity Abort RemoteCall SymbolicGradient TextLineDataset FixedLengthRecordDataset TFRecordDataset
InitializeTableFromTextFileV2 LookupTableImport Save SaveSlices SaveV2 Restore RestoreSlice RestoreV2 MergeV2Checkpoints
ShardedFilename ShardedFilespec WholeFileReaderV2 LoadAndRemapMatrix GenerateVocabRemapping SummaryWriter WriteSummary
CreateSummaryFileWriter XlaHostCompute CollectiveReduceV2 _Send _Recv GetSessionHandleV2 QueueDequeueV2 IteratorGetNext
DecodeProtoV2 EncodeProto ParseTensor SerializeTensor FileSystemSetConfiguration SaveDataset SqlDataset CudnnRNN XlaLaunch
TPUExecute Fact NoSuchOperation""".split()


def forgery(f):
    FORGERIES[f.__name__] = f
    return f


class Graph:
    """A SavedModel and the places in it that forgeries change."""

    def __init__(self, data):
        self.model = saved_model_pb2.SavedModel.FromString(data)
        self.meta = self.model.meta_graphs[0]
        self.graph = self.meta.graph_def
        self.functions = {f.signature.name: f for f in self.graph.library.function}
        self.nodes = {n.name: n for n in self.graph.node}
        saver = self.meta.saver_def
        self.save = self.functions[self.nodes[saver.save_tensor_name.split(":")[0]].attr["f"].func.name]
        self.restore = self.functions[self.nodes[saver.restore_op_name].attr["f"].func.name]
        # The function that the signature train calls.
        output = next(iter(self.meta.signature_def["train"].outputs.values()))
        self.train = self.functions[self.nodes[output.name.split(":")[0]].attr["f"].func.name]

    def find(self, function, op):
        return next(n for n in function.node_def if n.op == op)

    def add(self, to, name, op, *inputs, **attrs):
        node = (to.node if to is self.graph else to.node_def).add(name=name, op=op, input=inputs)
        for key, value in attrs.items():
            node.attr[key].CopyFrom(value)
        return node

    def const(self, to, name, value):
        text = node_def_pb2.NodeDef().attr["value"]
        text.tensor.dtype = types_pb2.DT_STRING
        text.tensor.string_val.append(value)
        kind = node_def_pb2.NodeDef().attr["dtype"]
        kind.type = types_pb2.DT_STRING
        self.add(to, name, "Const", value=text, dtype=kind)
        return name + ":output:0"


def call(name):
    attr = node_def_pb2.NodeDef().attr["f"]
    attr.func.name = name
    return attr


def tensor(kind, *dims):
    attr = node_def_pb2.NodeDef().attr["value"]
    attr.tensor.dtype = kind
    for d in dims:
        attr.tensor.tensor_shape.dim.add(size=d)
    if kind == types_pb2.DT_FLOAT:
        attr.tensor.float_val.append(1)
    return attr


@forgery
def nothing(g):
    pass


@forgery
def two_graphs(g):
    g.model.meta_graphs.add().CopyFrom(g.meta)


@forgery
def no_graph(g):
    del g.model.meta_graphs[:]


@forgery
def another_tag(g):
    g.meta.meta_info_def.tags[:] = ["serve", "gpu"]


@forgery
def asset(g):
    g.meta.asset_file_def.add(filename="/etc/passwd").tensor_info.name = "Const:0"


@forgery
def gradient(g):
    g.graph.library.gradient.add(function_name=g.train.signature.name, gradient_func=g.save.signature.name)


@forgery
def remote_device(g):
    g.train.node_def[0].device = "/job:worker/task:1/device:CPU:0"


@forgery
def tpu(g):
    g.train.node_def[0].attr["_tpu_replicate"].s = b"x"


@forgery
def missing_function(g):
    g.add(g.train, "evil", "StatefulPartitionedCall", f=call("__inference_missing"))


@forgery
def call_by_name(g):
    g.add(g.graph, "evil", g.save.signature.name, "Const")


@forgery
def recursion(g):
    g.add(g.train, "evil", "StatefulPartitionedCall", f=call(g.train.signature.name))


@forgery
def explosion(g):
    last = None
    for i in range(60):
        f = g.graph.library.function.add()
        f.signature.name = f"__inference_explosion_{i}"
        for k in range(2):
            if last:
                g.add(f, f"n{k}", "PartitionedCall", f=call(last))
            else:
                g.add(f, f"n{k}", "NoOp")
        last = f.signature.name
    g.add(g.train, "evil", "PartitionedCall", f=call(last))


@forgery
def large_constant(g):
    g.add(g.train, "evil", "Const", value=tensor(types_pb2.DT_FLOAT, 1 << 20, 1 << 20))


@forgery
def overflowing_constant(g):
    g.add(g.train, "evil", "Const", value=tensor(types_pb2.DT_FLOAT, 1 << 62, 1 << 62))


@forgery
def negative_constant(g):
    g.add(g.train, "evil", "Const", value=tensor(types_pb2.DT_FLOAT, -7))


@forgery
def many_constants(g):
    for i in range(9):
        g.add(g.train, f"evil{i}", "Const", value=tensor(types_pb2.DT_FLOAT, 1 << 24))


@forgery
def handle_constant(g):
    g.add(g.train, "evil", "Const", value=tensor(types_pb2.DT_RESOURCE))


@forgery
def large_variable(g):
    variable = next(n for n in g.graph.node if n.op == "VarHandleOp")
    del variable.attr["shape"].shape.dim[:]
    variable.attr["shape"].shape.dim.add(size=1 << 40)


@forgery
def shapeless_variable(g):
    variable = next(n for n in g.graph.node if n.op == "VarHandleOp")
    del variable.attr["shape"]


@forgery
def doubled_node(g):
    g.graph.node.add().CopyFrom(g.graph.node[0])


@forgery
def doubled_function(g):
    g.graph.library.function.add().CopyFrom(g.train)


@forgery
def save_elsewhere(g):
    g.find(g.save, "SaveV2").input[0] = g.const(g.save, "evil", b"/tmp/evil")


@forgery
def save_while_loading(g):
    node = g.restore.node_def.add()
    node.CopyFrom(g.find(g.save, "SaveV2"))
    node.name = "evil"
    node.input[0] = g.restore.signature.input_arg[0].name


@forgery
def merge_while_loading(g):
    path = g.restore.signature.input_arg[0].name
    g.add(g.restore, "evil", "MergeV2Checkpoints", path, path)


@forgery
def save_to_another_argument(g):
    g.find(g.save, "SaveV2").input[0] = g.save.signature.input_arg[1].name


@forgery
def save_with_a_climbing_suffix(g):
    for n in g.save.node_def:
        if n.op == "Const" and list(n.attr["value"].tensor.string_val) == [b".part"]:
            n.attr["value"].tensor.string_val[0] = b"/../../../../evil"


@forgery
def save_with_a_prefix(g):
    join = g.find(g.save, "StringJoin")
    join.input[0], join.input[1] = join.input[1], join.input[0]


@forgery
def save_with_a_separator(g):
    g.find(g.save, "StringJoin").attr["separator"].s = b"/../"


@forgery
def merge_elsewhere(g):
    g.find(g.save, "MergeV2Checkpoints").input[1] = g.const(g.save, "evil", b"/tmp/evil")


@forgery
def restore_elsewhere(g):
    g.find(g.restore, "RestoreV2").input[0] = g.const(g.restore, "evil", b"/etc/evil")


@forgery
def restore_in_a_circle(g):
    g.add(g.restore, "evil", "Identity", "evil:output:0")
    g.find(g.restore, "RestoreV2").input[0] = "evil:output:0"


@forgery
def node_with_the_name_of_the_path(g):
    g.const(g.save, g.save.signature.input_arg[0].name, b"/tmp/evil")


@forgery
def save_called_from_the_graph(g):
    g.add(g.graph, "evil", "StatefulPartitionedCall", "Const", f=call(g.save.signature.name))


@forgery
def save_called_from_training(g):
    g.add(g.train, "evil", "StatefulPartitionedCall", f=call(g.save.signature.name))


@forgery
def save_as_a_branch(g):
    g.add(g.train, "evil", "If", then_branch=call(g.save.signature.name), else_branch=call(g.save.signature.name))


@forgery
def save_in_a_list_of_branches(g):
    branches = node_def_pb2.NodeDef().attr["branches"]
    branches.list.func.add(name=g.save.signature.name)
    g.add(g.train, "evil", "Case", branches=branches)


@forgery
def save_as_the_attribute_of_a_call(g):
    outer = call(g.train.signature.name)
    outer.func.attr["f"].func.name = g.save.signature.name
    g.add(g.graph, "evil", "StatefulPartitionedCall", f=outer)


@forgery
def save_stands_in_for_another(g):
    g.save.attr["api_implements"].s = b"x"
    g.train.attr["api_implements"].s = b"x"


@forgery
def path_given_by_another_node(g):
    g.nodes[g.meta.saver_def.save_tensor_name.split(":")[0]].input[0] = "Const"


@forgery
def path_used_by_another_node(g):
    g.add(g.graph, "evil", "Identity", "saver_filename:0")


@forgery
def save_used_by_another_node(g):
    g.add(g.graph, "evil", "NoOp", "^" + g.meta.saver_def.save_tensor_name.split(":")[0])


@forgery
def path_is_no_placeholder(g):
    g.meta.saver_def.filename_tensor_name = "Const:0"


@forgery
def path_is_an_input(g):
    s = g.meta.signature_def["serving_default"]
    next(iter(s.inputs.values())).name = "saver_filename:0"


@forgery
def save_is_an_output(g):
    s = g.meta.signature_def["serving_default"]
    next(iter(s.outputs.values())).name = g.meta.saver_def.save_tensor_name


@forgery
def save_is_run_at_the_start(g):
    s = g.meta.signature_def["__saved_model_init_op"]
    next(iter(s.outputs.values())).name = g.meta.saver_def.save_tensor_name


@forgery
def saver_trains(g):
    output = next(iter(g.meta.signature_def["train"].outputs.values()))
    g.meta.saver_def.save_tensor_name = output.name


@forgery
def saver_saves_twice(g):
    g.meta.saver_def.restore_op_name = g.meta.saver_def.save_tensor_name.split(":")[0]


@forgery
def no_saver(g):
    g.meta.ClearField("saver_def")


@forgery
def no_train(g):
    del g.meta.signature_def["train"]


@forgery
def another_signature(g):
    g.meta.signature_def["evil"].CopyFrom(g.meta.signature_def["train"])


@forgery
def input_of_another_type(g):
    g.meta.signature_def["serving_default"].inputs["input"].dtype = types_pb2.DT_STRING


@forgery
def input_of_another_shape(g):
    g.meta.signature_def["train"].inputs["x0"].tensor_shape.dim[2].size = 5


@forgery
def input_of_another_name(g):
    s = g.meta.signature_def["evaluate"]
    s.inputs["z0"].CopyFrom(s.inputs["x0"])
    del s.inputs["x0"]


@forgery
def input_is_no_placeholder(g):
    g.meta.signature_def["train"].inputs["steps"].name = "Const:0"


@forgery
def inputs_share_a_placeholder(g):
    s = g.meta.signature_def["train"]
    s.inputs["x0"].name = s.inputs["y0"].name


@forgery
def input_is_sparse(g):
    g.meta.signature_def["train"].inputs["x0"].coo_sparse.values_tensor_name = "Const:0"


@forgery
def input_has_a_default(g):
    g.meta.signature_def["train"].defaults["steps"].dtype = types_pb2.DT_INT32


@forgery
def output_of_another_shape(g):
    g.meta.signature_def["serving_default"].outputs["output"].tensor_shape.dim[1].size = 9


@forgery
def output_without_a_node(g):
    g.meta.signature_def["weights"].outputs["v000"].name = "missing:0"


@forgery
def metric_of_another_type(g):
    g.meta.signature_def["evaluate"].outputs["loss"].dtype = types_pb2.DT_INT32


@forgery
def metric_of_another_name(g):
    s = g.meta.signature_def["train"]
    s.outputs["evil\n"].CopyFrom(s.outputs["loss"])


@forgery
def variable_out_of_order(g):
    s = g.meta.signature_def["weights"]
    s.outputs["v9"].CopyFrom(s.outputs["v000"])
    del s.outputs["v000"]


@forgery
def variable_of_unknown_shape(g):
    g.meta.signature_def["weights"].outputs["v000"].tensor_shape.dim[0].size = -1


@forgery
def assigned_in_another_shape(g):
    g.meta.signature_def["assign"].inputs["v000"].tensor_shape.dim[0].size = 9


@forgery
def no_assign(g):
    del g.meta.signature_def["assign"]


def main():
    with open(sys.argv[2], "rb") as f:
        original = f.read()
    for name, forge in FORGERIES.items():
        g = Graph(original)
        forge(g)
        with open(os.path.join(sys.argv[3], name), "wb") as f:
            f.write(g.model.SerializeToString())
    for op in FORBIDDEN:
        for where in ("graph", "function"):
            g = Graph(original)
            g.add(g.graph if where == "graph" else g.train, "evil", op)
            with open(os.path.join(sys.argv[3], f"{op}_in_{where}"), "wb") as f:
                f.write(g.model.SerializeToString())


main()
