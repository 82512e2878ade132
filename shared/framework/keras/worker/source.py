"""Runs the two texts that a person pasted and exports the model they build."""
import inspect
import linecache
import sys
import types
import warnings

import diagnosis
import hyper
import made

_MOST_WARNINGS = 50
_STRATEGIES = ("MirroredStrategy", "OneDeviceStrategy", "MultiWorkerMirroredStrategy", "CentralStorageStrategy",
               "ParameterServerStrategy", "TPUStrategy")


def export(imports, source, out, label=None, values=None, freeze=None):
    """Runs imports, then source, in one namespace and exports its `model` into out,
    with the layers that freeze names frozen.

    values are those of hp by name: None for the defaults, of which the export also
    says what else hp could be.

    Gives {"export": dict, "warnings": list, "places": dict} or {"error": dict,
    "warnings": list}, and the Exporter or None; never raises. places has the lines
    of layers, of nodes that will be refused, and of compile.
    """
    exporter = None

    def use(model, person, layers, nodes, hp, heard):
        nonlocal exporter
        import export as exports

        said, exporter = exports.write(model, out, label, freeze)
        _check_classes(said, person)
        _check_outputs(model, exporter, person, heard)
        if hp.asked and values is None and not freeze:
            said["hyperparameters"] = hyper.space(hp, lambda: _model(_run(person, hp), person, hp))
        return {"export": said, "places": {"layers": layers, "nodes": nodes, "compile": _line(person.compile_call())}}

    report = _with_model(imports, source, use, values)
    return report, exporter if "export" in report else None


def attempt(imports, source, batch, label=None):
    """Runs the texts as export does, and one training step of the model on a batch.

    Gives {"trial": dict, "warnings": list} or {"error": dict, "warnings": list};
    never raises.
    """
    def use(model, person, *_):
        import trial

        return {"trial": trial.run(model, person, batch, label)}

    return _with_model(imports, source, use)


def _with_model(imports, source, use, values=None):
    """Gives what use(model, person, layers, nodes, hp, heard) says of the model that the texts build, or the error, with the warnings heard."""
    import keras

    person = diagnosis.Person(imports=_unmarked(imports), source=_unmarked(source))
    heard = _listen(person)
    layers = made.layers(person)
    nodes = made.nodes(person, layers)
    try:
        _ignore_scopes(person, heard)
        _stay_eager(person, heard)
        keras.utils.set_random_seed(0)  # the same source gives the same initial weights
        hp = hyper.install(values)
        return {**use(_model(_run(person, hp), person, hp), person, layers, nodes, hp, heard), "warnings": heard}
    except diagnosis.Refused as e:
        return {"error": e.report, "warnings": heard}
    except BaseException as e:  # SystemExit, KeyboardInterrupt and MemoryError are the person's too
        _recall(e)
        report = person.describe(e)
        if getattr(e, "field", ""):
            report = {"field": e.field, "reason": str(e), "hint": e.hint}
        if place := layers.get(getattr(e, "layer", "")):
            report = {"reason": report["reason"], "hint": report["hint"], **place}
        return {"error": report, "warnings": heard}


def _recall(error):
    """Gives an error what was said of the one that Keras has raised it for, as it adds a layer's arguments."""
    cause = error.__context__
    while cause is not None:
        if hasattr(cause, "hint") and not hasattr(error, "hint") and str(cause) in str(error):
            error.hint, error.layer = cause.hint, getattr(cause, "layer", "")
        cause = cause.__context__


def _line(place):
    """The field and line of a place, {} of none."""
    return {name: place[name] for name in ("field", "line")} if place else {}


def _unmarked(text):
    """The text without a byte order mark, which editors on Windows begin a file with."""
    return text.removeprefix("\ufeff")


def _ignore_scopes(person, heard):
    """Lets scopes of tf.distribute change nothing: the model is exported for one
    device, and what it trains on is the deployment's to say."""
    import contextlib

    import tensorflow as tf

    def scope(self):
        field, line = person.current()
        if field and len(heard) < _MOST_WARNINGS:
            heard.append({"field": field, "line": line, "message": f"{type(self).__name__}: the scope is left out, "
                          "the model trains on what the deployment's gpus say"})
        return contextlib.nullcontext(self)

    for name in _STRATEGIES:
        getattr(tf.distribute, name, getattr(tf.distribute.experimental, name, None)).scope = scope


def _stay_eager(person, heard):
    """Lets what turns TensorFlow 2 into TensorFlow 1 change nothing: nothing
    could be exported after it."""
    import tensorflow as tf

    def left_out(name):
        def change():
            field, line = person.current()
            if field and len(heard) < _MOST_WARNINGS:
                heard.append({"field": field, "line": line, "message": f"{name}() is left out: the model is built and exported by TensorFlow 2"})

        return change

    for module in (tf.compat.v1, tf.compat.v2.compat.v1):
        for name in ("disable_eager_execution", "disable_v2_behavior", "disable_v2_tensorshape", "disable_resource_variables", "disable_control_flow_v2"):
            setattr(module, name, left_out(name))


def _run(person, hp):
    """Executes the texts as the module __main__, with hp, and gives its namespace."""
    module = types.ModuleType("__main__")
    module.hp = hp
    module.__file__ = diagnosis.filename("source")
    sys.modules["__main__"] = module
    for field, text in person.texts.items():
        name = diagnosis.filename(field)
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)  # autograph reads functions from here
        try:
            code = compile(text, name, "exec", dont_inherit=True)
        except BaseException as e:
            raise diagnosis.Refused(person.describe_compile(e, field)) from e
        exec(code, module.__dict__)
    return module.__dict__


def _model(namespace, person, hp):
    """The compiled keras.Model of the namespace, or that its build(hp) gives. Raises Refused where there is none."""
    import keras

    model = namespace.get("model")
    build = hyper.maker(namespace) if model is None else None
    if build is not None:
        model = build(hp)
        if not isinstance(model, keras.Model):
            raise diagnosis.Refused(person.report(
                f"{build.__qualname__}(hp) gives a {type(model).__name__}, not a keras.Model", "end it with: return model"))
    if isinstance(model, keras.Model):
        if model.compiled:
            return model
        raise diagnosis.Refused(person.report(
            "the model is not compiled", "call model.compile(optimizer=..., loss=...) after building it",
            person.assignment("model")))
    if model is not None and type(model).__module__.startswith("tensorflow.python.keras"):
        raise diagnosis.Refused(person.report(
            f"the variable model holds a {type(model).__name__} of tensorflow.python.keras, which is no part of Keras 3",
            "import from tensorflow.keras in place of tensorflow.python.keras", person.assignment("model")))
    if model is not None:
        raise diagnosis.Refused(person.report(
            f"the variable model holds a {type(model).__name__}, not a keras.Model",
            "assign the compiled keras.Model to the variable model", person.assignment("model")))
    others = [name for name, value in namespace.items() if isinstance(value, keras.Model)]
    hint = "assign the compiled keras.Model to the variable model"
    if others:
        hint = f"the model is in the variable {others[-1]}: name it model"
    elif made := _makers(namespace):
        hint = f"call the function that builds it: model = {made[-1]}()"
    raise diagnosis.Refused(person.report(
        "there is no variable named model", hint, person.assignment(others[-1] if others else None)))


def _makers(namespace):
    """Functions of the person that could be called for a model: they need no argument."""
    def free(f):
        return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
                   for p in inspect.signature(f).parameters.values())

    return [name for name, value in namespace.items()
            if isinstance(value, types.FunctionType) and value.__module__ == "__main__" and free(value)]


def _check_classes(said, person):
    """Refuses what trains without an error and never learns: classes told apart by one output."""
    if said["task"] == "classification" and said["classes"] == 1:
        raise diagnosis.Refused(person.report(
            f"the loss {said['loss']} wants one output for each class, the model has 1 output",
            "for two classes use binary_crossentropy, for more an output for each", person.compile_call()))


def _check_outputs(model, exporter, person, heard):
    """Refuses an output that is 1 whatever the record, and warns of one that is not what its loss takes."""
    import doubts

    for reason, hint, refused in doubts.outputs(model, exporter.outputs):
        if refused:
            raise diagnosis.Refused(person.report(reason, hint, person.compile_call()))
        heard.append({**_line(person.compile_call()), "message": f"{reason}: {hint}"})


def _listen(person):
    """Collects the warnings that the person's lines cause from now on into the list that it gives."""
    heard = []

    def show(message, category, filename, lineno, file=None, line=None):
        field, number = person.current()
        if not field and "/keras/" in filename and issubclass(category, UserWarning):
            at = person.compile_call() or {}  # Keras' own, while the model is traced
            field, number = at.get("field"), at.get("line")
        if field and len(heard) < _MOST_WARNINGS and category not in (ResourceWarning, DeprecationWarning):
            heard.append({"field": field, "line": number, "message": f"{category.__name__}: {message}"[:500]})

    warnings.simplefilter("default")
    warnings.showwarning = show
    return heard
