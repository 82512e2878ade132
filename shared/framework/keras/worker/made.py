"""Notes where in the person's texts layers and operations of the graph are made,
so that what the Go side refuses of a graph is shown at a line."""
import os
import re

_MOST = 5000
_LOCAL = re.compile(r"(/job:localhost/replica:0/task:0)?(/device:[CG]PU:\d+)?")

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "op_allow.txt")) as f:
    _ALLOWED = frozenset(f.read().split())


def layers(person):
    """Notes from now on, by name, where each layer or operation of Keras is made: {name: {"field", "line"}}."""
    from keras.src.ops.operation import Operation

    places, make = {}, Operation.__init__

    def init(self, *args, **kwargs):
        make(self, *args, **kwargs)
        field, line = person.current()
        if field and len(places) < _MOST:
            places[self.name] = {"field": field, "line": line}

    Operation.__init__ = init
    return places


def nodes(person, places):
    """Notes from now on where each node that will be refused is made, by its
    name and by its operation. places are those of the layers."""
    from tensorflow.python.framework import ops

    noted, create = {}, ops.Graph._create_op_internal

    def create_op(self, *args, **kwargs):
        op = create(self, *args, **kwargs)
        if (op.type not in _ALLOWED or not _LOCAL.fullmatch(op.device)) and len(noted) < _MOST:
            if place := _place(op, person, places):
                noted[op.name] = place
                noted.setdefault(op.type, place)
        return op

    ops.Graph._create_op_internal = create_op
    return noted


def _place(op, person, places):
    """The line that makes op: the deepest one of the person, or where the layer
    of Keras is made that makes op without a line of the person's."""
    from keras.src.ops.operation import Operation

    for owner in person.called():
        if isinstance(owner, Operation) and owner.name in places:
            return places[owner.name]
    for frame in reversed(list(op.traceback)):  # as written, where autograph has rewritten it
        if field := person.field(frame.filename):
            return {"field": field, "line": frame.lineno}
    return None
