"""Values to JSON and back, by public name: an experiment, a schema, whatever is fitted to data.

A dataclass becomes an object whose "class" is `jaxflow:NAME` for what `jaxflow.NAME` is, `jaxflow.losses:NAME` for what
`jaxflow.losses.NAME` is (and likewise for each of `jaxflow.FAMILIES`), or MODULE:NAME for a class of the user's own.
Reading resolves jaxflow's public names, and classes of modules that were executed as an experiment's own files; nothing
is ever imported because a file names it.
"""

import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import jaxflow
from jaxflow.errors import UserError

# Modules made from experiment files are registered under this prefix, so that their classes can be found again.
FILE_MODULE = "jaxflow_experiment_"


def to_json(value: Any, name: str = "") -> Any:
    """Converts an experiment, or any part of one, to JSON.

    Args:
      value: numbers, strings, booleans, None, tuples, dataclasses and Linen modules of these.
      name: dotted name of `value` itself, for the error.

    Returns:
      What json.dumps takes; `from_json` returns the equal value.

    Raises:
      UserError: a field holds something else.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            "class": class_name(type(value)),
            **{field: to_json(part, _below(name, field)) for field, part in fields_of(value)},
        }
    if isinstance(value, tuple):
        return [to_json(part, _below(name, str(index))) for index, part in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UserError(
        f"{name or 'an experiment'} cannot hold {value!r:.60} ({type(value).__name__}): fields hold numbers, strings, "
        "booleans, None, tuples, dataclasses and Linen modules"
    )


def _below(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part


def from_json(value: Any, known: Mapping[str, type] = MappingProxyType({})) -> Any:
    """Builds the value that `to_json` described; experiment files with classes of their own must be executed before.

    Args:
      value: what json.loads returns.
      known: further classes that may be built, by name, as `classes_of` returns them.

    Returns:
      The value.

    Raises:
      UserError: a class is none of these, nor jaxflow's, nor of an executed experiment file, or has other fields.
    """
    if isinstance(value, dict):
        name = str(value.get("class"))
        try:
            kind = known.get(name) or _resolve(name)
            return kind(**{key: from_json(part, known) for key, part in value.items() if key != "class"})
        except (AttributeError, TypeError, ValueError) as error:
            raise UserError(f"cannot rebuild {name}: {error}; was it written by another version?") from error
    if isinstance(value, list):
        return tuple(from_json(part, known) for part in value)
    return value


def json_digest(value: Any) -> str:
    """Returns the SHA-256 of a JSON value, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def classes_of(value: Any) -> dict[str, type]:
    """Lists the classes of the dataclasses that a value is made of, by the names that `to_json` writes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [part for _, part in fields_of(value)]
        return {class_name(type(value)): type(value)} | classes_of(tuple(parts))
    found: dict[str, type] = {}
    for part in value if isinstance(value, tuple) else ():
        found |= classes_of(part)
    return found


def file_classes(value: Any) -> list[str]:
    """Lists the classes that JSON names and that files of experiments define, each once, in ascending order."""
    if isinstance(value, dict):
        name = value.get("class")
        found = {name} if isinstance(name, str) and name.startswith(FILE_MODULE) else set()
        return sorted(found.union(*map(file_classes, value.values())))
    return sorted(set().union(*map(file_classes, value))) if isinstance(value, list) else []


def class_name(kind: type) -> str:
    """Returns the name under which a class is written: where it is public as jaxflow has it, else MODULE:NAME."""
    if kind.__name__ in jaxflow.__all__ and getattr(jaxflow, kind.__name__) is kind:
        return f"jaxflow:{kind.__name__}"
    for family, home in jaxflow.FAMILIES.items():
        module = sys.modules.get(home)  # a class of a module that is not imported is none of its
        if module and kind.__name__ in module.__all__ and getattr(module, kind.__name__) is kind:
            return f"jaxflow.{family}:{kind.__name__}"
    return f"{kind.__module__}:{kind.__qualname__}"


def flatten(value: Any, identity_only: bool = False, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Lists every leaf of an experiment with its dotted name, as the command line spells it.

    Args:
      value: an experiment or a part of one.
      identity_only: leaves out the fields that may change when a run is resumed.
      prefix: dotted name of `value` itself.

    Yields:
      (name, value) pairs; the class of a part is the value of its own name.
    """
    if dataclasses.is_dataclass(value):
        if prefix:
            yield prefix, _shown(class_name(type(value)))
        for name, part in fields_of(value, identity_only):
            yield from flatten(part, identity_only, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, tuple) and any(dataclasses.is_dataclass(part) for part in value):
        for index, part in enumerate(value):
            yield from flatten(part, identity_only, f"{prefix}.{index}")
    else:
        yield prefix, value


def _shown(name: str) -> str:
    """Returns how a class is named to people: without its module, but a user's own differs from jaxflow's."""
    module, _, path = name.partition(":")
    short = path.rpartition(".")[2]
    return short if module == "jaxflow" or module.startswith("jaxflow.") else f"{short} (own)"


def flatten_json(value: Any, known: Mapping[str, type], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Lists the leaves that `flatten` lists of the value that JSON describes, as far as they are its identity.

    Nothing is built and no file is executed: of a class that is not known all fields count.

    Args:
      value: what json.loads returns for what `to_json` wrote.
      known: classes by name, as `classes_of` returns them, beside jaxflow's own.
      prefix: dotted name of `value` itself.

    Yields:
      (name, value) pairs.
    """
    if isinstance(value, dict):
        name, parts = str(value.get("class")), {key: part for key, part in value.items() if key != "class"}
        if prefix:
            yield prefix, _shown(name)
        kind, joined = _find(name, known), f"{prefix}." if prefix else ""
        for field in _told_by(kind) if kind else ():
            part = parts.pop(field.name, dataclasses.MISSING)
            if not field.metadata.get("identity", True):
                continue
            if part is not dataclasses.MISSING:
                yield from flatten_json(part, known, joined + field.name)
            elif field.default is not dataclasses.MISSING:  # the field is newer than the JSON
                yield from flatten(field.default, True, joined + field.name)
        for key, part in parts.items():
            yield from flatten_json(part, known, joined + key)
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for index, part in enumerate(value):
            yield from flatten_json(part, known, f"{prefix}.{index}")
    else:
        yield prefix, from_json(value)


def fields_of(value: Any, identity_only: bool = False) -> Iterator[tuple[str, Any]]:
    """Lists the fields that make a dataclass; of a Linen module, which is told by these, not `parent` and `name`."""
    for field in _told_by(value):
        if field.metadata.get("identity", True) or not identity_only:
            yield field.name, getattr(value, field.name)


def _told_by(value: Any) -> list[dataclasses.Field]:
    fields = dataclasses.fields(value)
    hidden = {"parent", "name"} if any(field.name == "parent" for field in fields) else ()
    return [field for field in fields if field.init and field.name not in hidden]


def _find(name: str, known: Mapping[str, type]) -> type | None:
    """Returns the class of a name, which may lie in another file by now; None if there is none."""
    path = name.partition(":")[2]
    try:
        return known.get(name) or _resolve(name)
    except (UserError, AttributeError, TypeError):
        return next((kind for other, kind in known.items() if other.partition(":")[2] == path), None)


def _resolve(name: str) -> type:
    module, _, path = name.partition(":")
    if module == "jaxflow" and path in jaxflow.__all__:
        kind = getattr(jaxflow, path)
    elif (family := module.removeprefix("jaxflow.")) in jaxflow.FAMILIES and path in getattr(jaxflow, family).__all__:
        kind = getattr(getattr(jaxflow, family), path)
    elif module.startswith(FILE_MODULE) and module in sys.modules:
        kind = sys.modules[module]
        for part in path.split("."):
            kind = getattr(kind, part)
        if getattr(kind, "__module__", None) != module:
            raise TypeError("its file does not define it")  # a file imports more than its own classes
    else:
        raise UserError(
            f"cannot rebuild {name}: only classes of jaxflow and of the experiment's own files are; put the class into "
            "the experiment file, or hand the experiment over as an object"
        )
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise TypeError("it is no dataclass")  # and calling something else may do anything
    return kind
