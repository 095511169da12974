"""What the help says of an experiment's fields: each part's flags, their values, what they mean and what they take."""

import ast
import dataclasses
import functools
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from jaxflow.errors import listed
from jaxflow.experiment import Experiment
from jaxflow.flags.choose import classes_for, parts_of
from jaxflow.ranges import Range, annotation_of
from jaxflow.serialization import fields_of

WORDS = {int: "an int", float: "a number", str: "a text", bool: "True or False", NoneType: "None"}


@dataclass(frozen=True)
class Section:
    """The flags of one part of an experiment.

    Attributes:
      title: the flag that chooses the part's class, or what the flags are of.
      text: what the part is.
      flags: by flag, with its value, what it means and what it takes.
    """

    title: str
    text: str
    flags: dict[str, str]


def describe(experiment: Experiment) -> list[Section]:
    """Returns the help of every field that a flag can set: the parts in their order, then the run, then the machinery.

    Args:
      experiment: the experiment, whose values are shown.
    """
    run, machinery = {}, {}
    for field in dataclasses.fields(experiment):
        if not parts_of(annotation_of(Experiment, field)):
            group = run if field.metadata.get("identity", True) or field.name == "epochs" else machinery
            group |= _entry(experiment, field, "")
    return [
        *_parts(experiment, ""),
        Section("the run", "", run),
        Section(
            "how it is done", "Nothing of what is computed depends on these; a run may go on with others.", machinery
        ),
    ]


def _parts(value: Any, path: str) -> Iterator[Section]:
    """Yields the sections of the parts that a value holds, and of those that they hold."""
    for field in _own_fields(value):
        annotation, held = annotation_of(type(value), field), getattr(value, field.name)
        options, name = parts_of(annotation), f"{path}{field.name}"
        if not options:
            continue
        text = _docs(type(value)).get(field.name, "")
        used = {type(part).__name__ for part in (held if isinstance(held, tuple) else ())} or {type(held).__name__}
        others = [other for other in classes_for(options) if other not in used]
        choice = f" Others: {listed(others)}." if others else ""
        if isinstance(held, tuple):
            shown = ",".join(type(part).__name__ for part in held)
            yield Section(f"--{name}={shown or '()'}", f"{text} --{name}+=CLASS adds one.{choice}", {})
            for number, part in enumerate(held):
                yield from _section(part, f"{name}.{number}", "", f"--{name}.{number}={type(part).__name__}")
        else:
            yield from _section(held, name, f"{text}{choice}", f"--{name}={type(held).__name__ if held else None}")


def _section(part: Any, path: str, text: str, title: str) -> Iterator[Section]:
    if not dataclasses.is_dataclass(part):
        yield Section(title, text, {})
        return
    flags: dict[str, str] = {}
    for field in _own_fields(part):
        if not parts_of(annotation_of(type(part), field)):
            flags |= _entry(part, field, f"{path}.")
    yield Section(title, f"{_summary(type(part))} {text}".strip(), flags)
    yield from _parts(part, f"{path}.")


def _entry(value: Any, field: dataclasses.Field, path: str) -> dict[str, str]:
    held, text = getattr(value, field.name), _docs(type(value)).get(field.name, "")
    shown = " ".join(map(str, held)) if isinstance(held, tuple) else str(held)
    told = f"{text} [{takes(annotation_of(type(value), field))}]".strip()
    return {f"--{path}{field.name}={shown}": told}


def _own_fields(value: Any) -> list[dataclasses.Field]:
    names = [name for name, _ in fields_of(value)]
    return [field for field in dataclasses.fields(value) if field.name in names]


def takes(annotation: Any) -> str:
    """Returns which values a field takes, in a few words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        ranges = [mark.describe() for mark in annotation.__metadata__ if isinstance(mark, Range)]
        told = ranges and ranges[0] != "a finite number"
        return f"{takes(arguments[0])}, {ranges[0]}" if told else takes(arguments[0])
    if origin in (Union, UnionType):
        told = [takes(option) for option in arguments]
        return (", or " if re.search("[,:]", "".join(told)) else " or ").join(told)
    if origin is Literal:
        return " or ".join(str(each) if re.search(r"\w", str(each)) else repr(each) for each in arguments)
    if origin is tuple and arguments and get_origin(arguments[0]) is tuple:
        return f"any number of rows, each {' and '.join(map(takes, get_args(arguments[0])))}"
    if origin is tuple:
        several = arguments[-1:] == (...,)
        return f"{'any number' if several else len(arguments)} of: {takes(arguments[0])}" if arguments else "values"
    return WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _summary(kind: type) -> str:
    """Returns the first paragraph of a class's docstring as one line; the one that a dataclass makes is none."""
    text = inspect.cleandoc(kind.__dict__.get("__doc__") or "")
    return "" if text.startswith(f"{kind.__name__}(") else " ".join(text.partition("\n\n")[0].split())


@functools.cache
def _docs(kind: type) -> dict[str, str]:
    """Returns what stands below each field of a class, as one line."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        except (OSError, TypeError, SyntaxError, IndexError):
            continue  # a class without a file
        block = getattr(body, "body", [])
        for node, below in itertools.pairwise(block):
            named = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            if named and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                found[node.target.id] = " ".join(str(below.value.value).split())
    return found
