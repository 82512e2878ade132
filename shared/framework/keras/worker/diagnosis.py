"""Says what went wrong and where in the person's texts."""
import ast
import os
import re
import sys
import traceback

import hints

_LONGEST = 800  # characters of a reason

_NOT_ALLOWED = "model source cannot open files, start programs or use the network"
_HINTS = (  # (part of a file name on the traceback, hint), the first that fits
    ("/keras/src/losses/", "check that the loss fits the model's output and its labels"),
    ("/keras/src/trainers/compile_utils.py", "check that the losses and metrics fit the model's outputs"),
    ("/keras/src/metrics/", "check that the metrics fit the model's output and its labels"),
    ("/tensorflow/python/saved_model/", "the model must be exportable as a TensorFlow graph"),
)
_HINTS_BY_TYPE = {
    "ModuleNotFoundError": "Python's standard library, NumPy, TensorFlow and Keras can be imported",
    "MemoryError": "make the model smaller",
    "ResourceExhaustedError": "make the model smaller",
    "SystemExit": "take out the call that ends the program",
    "PermissionError": _NOT_ALLOWED,
    "URLError": _NOT_ALLOWED,
    "gaierror": _NOT_ALLOWED,
    "BlockingIOError": _NOT_ALLOWED,
}
_NAMES_THEMSELVES = ("AttributeError", "NameError", "ImportError", "ModuleNotFoundError")  # whatever was tried when they were raised


class Refused(Exception):
    """Carries a finished report."""

    def __init__(self, report):
        super().__init__(report["reason"])
        self.report = report


def filename(field):
    """The name under which the text of a field is compiled."""
    return f"<{field}>"


def clean(text):
    """A message without what Keras and TensorFlow add for themselves."""
    text = re.sub(r"\n*Arguments received by .*", "", text, flags=re.S)
    text = re.sub(r"Exception encountered when calling [^\n]*\n+", "", text)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).replace(os.getcwd() + "/", "")
    text = re.sub(r"\{\{function_node [^}]*\}\}\s*", "", text)
    text = re.sub(r" for '\{\{node [^}]*\}\} = [^']*'", "", text)
    text = re.sub(r" \(/[^)\n]*\.(?:py|so)\)", "", text)  # where a package lies on this machine
    text = re.sub(r" and with computed input tensors: .*", "", text)
    if "\nValueError: " in text or "\nTypeError: " in text:  # autograph repeats the traceback in the message
        text = re.split(r"\n\s*\w+Error: ", text)[-1]
    return text.strip()[:_LONGEST]


def _frames(error):
    """The frames of an error and before them those of what caused it, the deepest last but one cause."""
    frames, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = frames + list(traceback.TracebackException.from_exception(error, lookup_lines=False).stack)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return frames


class Person:
    """The texts by field, in the order in which they run."""

    def __init__(self, **texts):
        self.texts = texts
        self._fields = {filename(field): field for field in texts}

    def current(self):
        """Field and line of the innermost frame of the person that runs now, ("", 0) where there is none."""
        frame = sys._getframe(1)
        while frame is not None:
            field = self._fields.get(frame.f_code.co_filename)
            if field:
                return field, frame.f_lineno
            frame = frame.f_back
        return "", 0

    def field(self, file):
        """The field whose text is compiled under a file's name, None for other files."""
        return self._fields.get(file)

    def called(self):
        """The objects whose methods run now below the innermost frame of the person, the deepest first."""
        frame = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if file in self._fields or "__autograph_generated_file" in file:
                return
            if (owner := frame.f_locals.get("self")) is not None:
                yield owner
            frame = frame.f_back

    def report(self, reason, hint, place=None):
        """A report; place is a dict with field, line and perhaps columns."""
        return {"field": "source", **(place or {}), "reason": reason, "hint": hint}

    def describe_compile(self, error, field):
        """The report of an error that compiling a text raised: a syntax error, as a rule."""
        place = {"field": field}
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, SyntaxError):
            reason = f"{type(error).__name__}: {error.msg}"
            place.update(line=error.lineno or 0, column=max(error.offset or 0, 0),
                         end_line=error.end_lineno or 0, end_column=max(error.end_offset or 0, 0))
        return self.report(reason[:_LONGEST], hints.syntax(type(error).__name__, self._line(place)), place)

    def describe(self, error):
        """The report of an error that running the texts or exporting the model raised."""
        try:
            message = clean(str(error))
        except BaseException:
            message = ""
        name = type(error).__name__
        reason = f"{name}: {message}" if message else name
        frames = _frames(error)
        files = [f.filename for f in frames]
        place = self._place(frames, str(message))
        if scope := re.match(r"'(.*)' is not a valid (?:root )?scope name", message):
            return self._misnamed(scope[1])
        known = hints.hint(error, name, message, self._line(place), files)
        tried = getattr(error, "hint", "")
        hint = known or tried if name in _NAMES_THEMSELVES else tried or known
        hint = hint or _HINTS_BY_TYPE.get(name, "")
        if "label_reshape" in hint and any(re.search(r"squeeze\(\s*\w+\s*\)", t) for t in self.texts.values()):
            hint = "give squeeze its axis, as squeeze(y_true, axis=-1): without it the shape is lost where the batch size is open; else " + hint
        if not place and "File too large" in message:
            reason, hint = "the exported model is too large", "make the model smaller"
        if not hint:
            hint = next((h for part, h in _HINTS if any(part in f for f in files)), "")
        return self.report(reason, hint, place or self.compile_call())

    def _misnamed(self, scope):
        """The report of a name that no operation of TensorFlow can have."""
        named, at = scope, None
        for field, node in self._nodes():
            text = getattr(node, "value", None)
            if isinstance(node, ast.Constant) and isinstance(text, str) and text in scope and re.search(r"[^A-Za-z0-9_.-]", text):
                named, at = text, self._at(field, node)
                break
        return self.report(f"the name {named!r} cannot be exported: a name holds letters of English, digits, _ . and -",
                           f"name it {re.sub(r'[^A-Za-z0-9_.-]', '_', named).strip('_-') or 'x'!r}", at or self.compile_call())

    def _place(self, frames, message):
        """The deepest frame of the person, else the line that autograph names in its message."""
        for frame in reversed(frames):
            field = self._fields.get(frame.filename)
            if field:
                return {"field": field, "line": frame.lineno,
                        "column": self._column(field, frame.lineno, getattr(frame, "colno", None)),
                        "end_line": getattr(frame, "end_lineno", None) or 0,
                        "end_column": self._column(field, getattr(frame, "end_lineno", None),
                                                   getattr(frame, "end_colno", None))}
        named = re.findall(r'File "<(\w+)>", line (\d+)', message)
        for field, line in reversed(named):
            if field in self.texts:
                return {"field": field, "line": int(line)}
        return None

    def _line(self, place):
        """The text of a place's line, "" without a place."""
        if not place or not place.get("line"):
            return ""
        lines = self.texts[place["field"]].split("\n")
        return lines[place["line"] - 1] if place["line"] <= len(lines) else ""

    def _column(self, field, line, offset):
        """A byte offset in a line as a 1-based column in characters, 0 where unknown."""
        lines = self.texts[field].split("\n")
        if offset is None or not line or line > len(lines):
            return 0
        return len(lines[line - 1].encode()[:offset].decode("utf-8", "replace")) + 1

    def _nodes(self):
        """(field, node) of every node of the texts' syntax trees, the later text first."""
        for field, text in reversed(self.texts.items()):
            try:
                for node in ast.walk(ast.parse(text)):
                    yield field, node
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue

    def _at(self, field, node, **more):
        return {"field": field, "line": node.lineno, "column": self._column(field, node.lineno, node.col_offset),
                "end_line": node.end_lineno or 0,
                "end_column": self._column(field, node.end_lineno, node.end_col_offset), **more}

    def compile_call(self):
        """The likely place of an error without a frame: the call of compile, else where model is assigned."""
        for field, node in self._nodes():
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "compile":
                return self._at(field, node, guess=True)
        return self.assignment("model")

    def assignment(self, name):
        """Where a variable is assigned last, None where it is not."""
        found = None
        for field, node in self._nodes():
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(t, ast.Name) and t.id == name for t in targets):
                if found is None or (found["field"] == field and node.lineno > found["line"]):
                    found = self._at(field, node, guess=True)
        return found
