"""Runs the two texts that a person pasted and exports the model they build."""
import linecache
import sys
import types
import warnings

import diagnosis

_MOST_WARNINGS = 50


def export(imports, source, out):
    """Runs imports, then source, in one namespace and exports its `model` into out.

    Gives {"export": dict, "warnings": list} or {"error": dict, "warnings": list};
    never raises.
    """
    import keras

    person = diagnosis.Person(imports=imports, source=source)
    heard = _listen(person)
    try:
        keras.utils.set_random_seed(0)  # the same source gives the same initial weights
        model = _model(_run(person), person)
        import export as exporter

        said = exporter.export(model, out)
        _check_classes(said, person)
        return {"export": said, "warnings": heard}
    except diagnosis.Refused as e:
        return {"error": e.report, "warnings": heard}
    except BaseException as e:  # SystemExit, KeyboardInterrupt and MemoryError are the person's too
        return {"error": person.describe(e), "warnings": heard}


def _run(person):
    """Executes the texts as the module __main__ and gives its namespace."""
    module = types.ModuleType("__main__")
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


def _model(namespace, person):
    """The compiled keras.Model of the namespace. Raises Refused where there is none."""
    import keras

    model = namespace.get("model")
    if isinstance(model, keras.Model):
        if model.compiled:
            return model
        raise diagnosis.Refused(person.report(
            "the model is not compiled", "call model.compile(optimizer=..., loss=...) after building it",
            person.assignment("model")))
    if model is not None:
        raise diagnosis.Refused(person.report(
            f"the variable model holds a {type(model).__name__}, not a keras.Model",
            "assign the compiled keras.Model to the variable model", person.assignment("model")))
    others = [name for name, value in namespace.items() if isinstance(value, keras.Model)]
    hint = "assign the compiled keras.Model to the variable model"
    if others:
        hint = f"the model is in the variable {others[-1]}: name it model"
    raise diagnosis.Refused(person.report(
        "there is no variable named model", hint, person.assignment(others[-1] if others else None)))


def _check_classes(said, person):
    """Refuses what trains without an error and never learns: classes told apart by one output."""
    if said["task"] == "classification" and said["classes"] == 1:
        raise diagnosis.Refused(person.report(
            f"the loss {said['loss']} wants one output for each class, the model has 1 output",
            "for two classes use binary_crossentropy, for more an output for each", person.compile_call()))


def _listen(person):
    """Collects the warnings that the person's lines cause from now on into the list that it gives."""
    heard = []

    def show(message, category, filename, lineno, file=None, line=None):
        field, number = person.current()
        if field and len(heard) < _MOST_WARNINGS and category is not ResourceWarning:
            heard.append({"field": field, "line": number, "message": f"{category.__name__}: {message}"[:500]})

    warnings.simplefilter("default")
    warnings.showwarning = show
    return heard
