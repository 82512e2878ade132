"""hp as KerasTuner writes it: what a source asks for, and what it is answered.

A source asks a global hp, or the hp that it is given by who calls its function
build(hp); both are one object. `import keras_tuner` finds HyperParameters and
HyperModel alone.
"""
import contextlib
import inspect
import io
import math
import sys
import time
import types

PREFIX = "hp."  # of the names in a study's space
_MOST = 64  # hyperparameters of a source
_BUILDS = 100  # of a source, to find those that others make it ask for
_SECONDS = 10  # of a processor, for these builds
_TELLING = 64  # values at most of an Int that may be how many others there are
_WHOLE = 2**53  # the largest whole number of a space
_CHOICES = 256


class HyperModel:
    """What hypermodels of KerasTuner are made of."""

    def __init__(self, name=None, tunable=True):
        self.name, self.tunable = name, tunable


class HyperParameters:
    """Answers with the values that it was given, and with defaults for all others."""

    def __init__(self, values=None):
        self.begin(values)

    def begin(self, values):
        """Forgets what was asked for; values are by name, with PREFIX."""
        self._given, self._asked, self.values = values or {}, {}, {}
        self._scopes, self._active = [], [True]

    @property
    def asked(self):
        """What was asked for, in its order, as the Go side's Parameters."""
        return list(self._asked.values())

    def Int(self, name, min_value, max_value, step=None, sampling=None, default=None, **parent):
        low, high = _number(name, min_value, int), _number(name, max_value, int)
        step = None if step is None else _number(name, step, int)
        return self._ask(name, _range("int", name, low, high, step, sampling), default, int, parent)

    def Float(self, name, min_value, max_value, step=None, sampling=None, default=None, **parent):
        low, high = _number(name, min_value, float), _number(name, max_value, float)
        step = None if step is None else _number(name, step, float)
        return self._ask(name, _range("float", name, low, high, step, sampling), default, float, parent)

    def Choice(self, name, values, ordered=None, default=None, **parent):
        values = list(values)
        if not 0 < len(values) <= _CHOICES or not all(isinstance(v, str) or isinstance(v, (int, float)) and math.isfinite(v) for v in values):
            raise _wrong(f"hp.{name} has 1 to {_CHOICES} choices, each of them a number, text, True or False", "")
        return self._ask(name, {"kind": "choice", "choices": values}, default, None, parent)

    def Boolean(self, name, default=False, **parent):
        return self._ask(name, {"kind": "choice", "choices": [False, True]}, default, None, parent)

    def Fixed(self, name, value, **parent):
        self.values[self._full(name)] = value
        return value

    def get(self, name):
        if name not in self.values:
            raise _wrong(f"hp has no value of {name}", f"ask for it first: hp.Int({name!r}, 1, 10)")
        return self.values[name]

    __getitem__ = get

    def __contains__(self, name):
        return name in self.values

    is_active = __contains__

    @contextlib.contextmanager
    def name_scope(self, name):
        self._scopes.append(str(name))
        try:
            yield
        finally:
            self._scopes.pop()

    @contextlib.contextmanager
    def conditional_scope(self, parent_name, parent_values):
        values = parent_values if isinstance(parent_values, (list, tuple)) else [parent_values]
        self._active.append(self._active[-1] and self.get(parent_name) in values)
        try:
            yield
        finally:
            self._active.pop()

    def __getattr__(self, name):
        raise _wrong(f"hp has no {name}", "it has Int, Float, Choice, Boolean, Fixed, get, name_scope and conditional_scope", AttributeError)

    def _full(self, name):
        return "/".join([*self._scopes, str(name)])

    def _ask(self, name, spec, default, cast, parent):
        """Gives the value of a hyperparameter, and notes it unless nothing reads it."""
        if not isinstance(name, str) or not name.strip():
            raise _wrong(f"hp has no name for a value: {name!r}", 'name it, as hp.Int("units", 16, 256)')
        name = self._full(name)
        if extra := set(parent) - {"parent_name", "parent_values"}:
            raise _wrong(f"hp.{name}: {sorted(extra)[0]} is no argument", "", TypeError)
        if parent.get("parent_name") is not None:
            with self.conditional_scope(parent["parent_name"], parent["parent_values"]):
                return self._value(name, spec, default, cast)
        return self._value(name, spec, default, cast)

    def _value(self, name, spec, default, cast):
        if default is None:
            default = spec["choices"][0] if spec["kind"] == "choice" else spec["low"]
        if not _holds(spec, default):
            raise _wrong(f"hp.{name}: the default {default!r} is none of its values", "")
        if not self._active[-1]:
            return default
        spec = {"name": PREFIX + name, **spec, "default": default}
        if self._asked.setdefault(name, spec) != spec:
            raise _wrong(f"hp.{name} is asked for twice, with other values", "give each its own name")
        if len(self._asked) > _MOST:
            raise _wrong(f"the source asks for more than {_MOST} hyperparameters", "leave some out: write numbers in their place")
        value = self._given.get(PREFIX + name, default)
        if spec["kind"] == "choice":  # as the source writes it: 16, not 16.0
            value = next((c for c in spec["choices"] if _same(c, value)), default)
        self.values[name] = value if cast is None else cast(value)
        return self.values[name]


def _wrong(reason, hint, kind=ValueError):
    error = kind(reason)
    error.hint = hint
    return error


def _number(name, value, cast):
    try:
        number = cast(value)
        if number == value and math.isfinite(number) and (cast is not int or abs(number) <= _WHOLE):
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise _wrong(f"hp.{name}: {value!r} is no {'whole number from -2**53 to 2**53' if cast is int else 'number'}", "")


def _same(choice, value):
    return isinstance(choice, bool) == isinstance(value, bool) and choice == value


def _holds(spec, value):
    if spec["kind"] == "choice":
        return any(_same(c, value) for c in spec["choices"])
    return isinstance(value, (int, float)) and spec["low"] <= value <= spec["high"]


def _range(kind, name, low, high, step, sampling):
    """A range; one of a logarithm with a step, which is what each value is multiplied by, as its values."""
    if sampling not in (None, "linear", "log"):
        raise _wrong(f"hp.{name}: the sampling {sampling!r} is not known here", 'write sampling="linear" or "log"')
    log = sampling == "log"
    if low > high or log and low <= 0:
        raise _wrong(f"hp.{name} has no value from {low} to {high}", "write the low end first, of a logarithm above 0")
    if not log or step is None:
        if step is not None and step <= 0:
            raise _wrong(f"hp.{name}: a step is above 0", "")
        return {"kind": kind, "low": low, "high": high, "step": step or 0, "log": log}
    if step <= 1:
        raise _wrong(f"hp.{name}: the step of a logarithm multiplies, so it is above 1", "")
    values = []
    while low <= high and len(values) < _CHOICES:
        values.append(low)
        low *= step
    return {"kind": "choice", "choices": values}


def install(values):
    """Gives hp, which is there for the source and for what it imports from keras_tuner."""
    hp = HyperParameters(values)
    module = types.ModuleType("keras_tuner")
    module.HyperModel, module.HyperParameters = HyperModel, lambda: hp
    for name in ("keras_tuner", "kerastuner"):
        sys.modules[name] = module
    return hp


def maker(namespace):
    """What of the person's builds a model when it is given hp, as KerasTuner calls it; None where nothing does."""
    def takes(f, names):
        needed = [p for p in inspect.signature(f).parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        return len(needed) == 1 and (needed[0].name == "hp" or f.__name__ in names)

    all_ = list(reversed(namespace.values()))  # what is defined last comes first
    for value in all_:
        if isinstance(value, HyperModel):
            return value.build
    own = [v for v in all_ if isinstance(v, (type, types.FunctionType)) and v.__module__ == "__main__"]
    for value in own:
        if isinstance(value, type) and issubclass(value, HyperModel):
            return value().build
    functions = [f for f in own if isinstance(f, types.FunctionType) and takes(f, ("build", "build_model"))]
    return next((f for f in functions if "build" in f.__name__ or "model" in f.__name__), functions[0] if functions else None)


def space(hp, build):
    """The hyperparameters of a source: those that it has asked hp for, and those
    that build(), which builds the model once more, asks for where others have
    other values: another choice, or the highest number of a few."""
    found = {p["name"]: p for p in hp.asked}
    waiting = [{p["name"]: v} for p in hp.asked for v in _others(p)]
    until = time.process_time() + _SECONDS
    for _ in range(_BUILDS):
        if not waiting or time.process_time() > until:
            break
        values = waiting.pop(0)
        hp.begin(values)
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            build()  # a model that cannot be built by these values fails its trial
        for p in hp.asked:
            if p["name"] not in found and len(found) < _MOST:
                found[p["name"]] = p
                waiting += [{**values, p["name"]: v} for v in _others(p)]
    return list(found.values())


def _others(p):
    """The values of a hyperparameter that may make a source ask for others."""
    if p["kind"] == "choice":
        return [c for c in p["choices"][:_TELLING] if not _same(c, p["default"])]
    few = p["kind"] == "int" and (p["high"] - p["low"]) / (p["step"] or 1) < _TELLING
    return [p["high"]] if few and p["high"] != p["default"] else []
