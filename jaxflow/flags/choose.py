"""Parts of an experiment by the names of their classes: --optimizer=SGD, --optimizer.schedule=Cosine, --augment+=Flip.

Such a flag puts an object of the class with its defaults there, before the flags of fields are applied: of a class that
has fields without a default, these are taken from the flags, too (--data=Table --data.path=a.csv --data.target=y).
"""

import ast
import dataclasses
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import jaxflow
from jaxflow.errors import UserError, listed, near_name
from jaxflow.experiment import Experiment
from jaxflow.ranges import annotation_of
from jaxflow.serialization import FILE_MODULE

PLAIN = (int, float, str, bool, NoneType)
# What is written for None elsewhere, and is the name of no class.
NO_WORDS = ("none", "null", "nil", "off", "no")
OPTIMIZERS = ("adaptive", "by_name", "groups", "muon", "schedule_free", "sgd")
# By what a field holds: where jaxflow's own classes of that are.
HOMES = {
    "DataSource": ("jaxflow.data.sources.",),
    "Module": ("jaxflow.models.",),
    "Problem": ("jaxflow.problems.",),
    "AnyOptimizer": tuple(f"jaxflow.optimizers.{home}" for home in OPTIMIZERS),
    "Schedule": ("jaxflow.optimizers.schedules",),
    "Transform": ("jaxflow.transforms.preprocess", "jaxflow.transforms.spectrogram"),
    "Augmentation": ("jaxflow.transforms.augment.",),
    "TestTimeAugmentation": ("jaxflow.transforms.tta",),
    "SplitRule": ("jaxflow.data.splitting",),
}

# What lies beside them and is none.
NO_PARTS = {"Optimizer", "Mean"}
FAMILIES = {"Layer": "layers", "Loss": "losses", "Metric": "metrics"}


def choose(experiment: Experiment, flags: Sequence[str]) -> tuple[Experiment, list[str]]:
    """Replaces the parts of an experiment for which flags name a class.

    Args:
      experiment: the experiment.
      flags: words of a command line.

    Returns:
      The changed experiment, and the flags that are left: those of fields that hold plain values.

    Raises:
      UserError: there is no such class, or it needs fields that no flag gives.
    """
    groups, rest = flag_groups(flags), []
    for words in groups:
        name, adds, value = _split(words)
        field = None if value is None else field_at(experiment, name)
        if field is None or value is None or not (options := parts_of(field[1])):
            rest += words
            continue
        several = get_origin(field[1]) is tuple
        if not value or (value.lower() in NO_WORDS and value != "None") or (several and value == "None"):
            none = ", None" * (NoneType in get_args(field[1])) + ", () for none" * several
            found = f"is {value!r}" if value else "is empty"
            raise UserError(f"--{name} {found}; it takes the name of a class: {listed(classes_for(options))}{none}")
        if several:
            new = field[0] if adds else ()
            for item in [item for item in re.split(r"[, ]+", re.sub(r"^[(\[](.*)[)\]]$", r"\1", value)) if item]:
                new = (*new, _build(item, options, name + "+" * adds, f"{name}.{len(new)}", groups))
        elif value == "None" and NoneType in get_args(field[1]):
            new = None
        elif str in get_args(field[1]) and _find(value) is None:
            new = value
        else:
            new = _build(value, options, name, name, groups)
        experiment = _replaced(experiment, name.split("."), new, _beside(experiment, name, groups))
    return experiment, rest


def _beside(experiment: Experiment, path: str, groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """Returns the texts that other flags put into fields beside a part, such as a name of it: both are checked as one.

    Args:
      experiment: the experiment.
      path: dotted name of the part, for example "problem.metrics", whose names "problem.selection_metric" takes.
      groups: all flags with their words.
    """
    home, found = path.rpartition(".")[0], {}
    for words in groups:
        name, _, value = _split(words)
        if name.rpartition(".")[0] == home and value is not None and home:
            field = field_at(experiment, name)
            found |= {name.rpartition(".")[2]: value} if field is not None and field[1] is str else {}
    return found


def field_at(value: Any, path: str) -> tuple[Any, Any] | None:
    """Returns what lies at a dotted name in an experiment and its annotation; None if there is no such field."""
    annotation: Any = None
    for name in path.split("."):
        if isinstance(value, tuple) and name.isdecimal() and int(name) < len(value):
            value, annotation = value[int(name)], next(iter(get_args(annotation)), None)
        elif field := next((f for f in _fields(value) if f.name == name.replace("-", "_")), None):
            annotation, value = annotation_of(type(value), field), getattr(value, field.name)
        else:
            return None
    return value, annotation


def parts_of(annotation: Any) -> tuple[type, ...]:
    """Returns the classes or protocols of the parts that a field may hold, alone or in a tuple; () if it holds none."""
    if get_origin(annotation) is tuple:
        annotation = next(iter(get_args(annotation)), None)
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return tuple(option for option in options if isinstance(option, type) and option not in (*PLAIN, tuple))


def classes_for(options: Sequence[type]) -> list[str]:
    """Lists the names of jaxflow's classes for fields that hold parts of some kinds."""
    names: set[str] = set()
    for option in options:
        homes, family = HOMES.get(option.__name__, ()), FAMILIES.get(option.__name__)
        if family:
            names.update(getattr(jaxflow, family).__all__)
        elif homes:
            names.update(name for name, home in jaxflow.PUBLIC.items() if name[0].isupper() and home.startswith(homes))
        else:
            names.add(option.__name__)
    return sorted(names - NO_PARTS)


def _split(words: Sequence[str]) -> tuple[str, bool, str | None]:
    """Returns the name, whether it adds, and the value of a flag; None for a value where there is none."""
    name, equals, value = words[0].removeprefix("--").partition("=")
    values = [value] * bool(equals) + list(words[1:])
    return name.removesuffix("+"), name.endswith("+"), " ".join(values) if values else None


def flag_groups(flags: Sequence[str]) -> list[list[str]]:
    """Returns each flag with the words up to the next one."""
    groups: list[list[str]] = []
    for word in flags:
        if word.startswith("--") or not groups:
            groups.append([word])
        else:
            groups[-1].append(word)
    return groups


def _build(name: str, options: Sequence[type], flag: str, path: str, groups: Sequence[Sequence[str]]) -> Any:
    """Builds an object of a class, of its defaults and, where a field has none, of the flags.

    Args:
      name: the class's.
      options: the classes or protocols that it must be of.
      flag: what named it.
      path: where it will lie, under which flags give its fields.
      groups: all flags with their words.
    """
    if "(" in name:
        raise UserError(
            f"--{flag}={name}: a flag takes the name of a class; write --{flag}={name.partition('(')[0]}, "
            f"then its fields: --{path}.FIELD=VALUE"
        )
    kind = _find(name) or next((option for option in options if option.__name__ == name), None)
    if kind is None or not dataclasses.is_dataclass(kind):
        fitting = classes_for(options)
        meant = near_name(name, fitting)
        hint = f"perhaps you meant {meant}" if meant else f"there are {listed(fitting)}, and classes of your own"
        named = [option for option in options if "name" in {field.name for field in _fields(option)}]
        if named and not meant:  # columns
            hint += f"; of a column write --{flag}={named[0].__name__} --{path}.name={shlex.quote(name)}"
        raise UserError(f"--{flag}={name}: no class {name}; {hint}")
    if all(map(dataclasses.is_dataclass, options)) and not issubclass(kind, tuple(options)):
        raise UserError(f"--{flag}={name}: it takes {listed(classes_for(options))}")
    needed = [field for field in _fields(kind) if field.default is field.default_factory is dataclasses.MISSING]
    given = {split[0]: split[2] for split in map(_split, groups)}
    if missing := [field.name for field in needed if given.get(f"{path}.{field.name}") is None]:
        raise UserError(f"--{flag}={name} needs " + " and ".join(f"--{path}.{field}=VALUE" for field in missing))
    return kind(
        **{field.name: _literal(str(given[f"{path}.{field.name}"]), annotation_of(kind, field)) for field in needed}
    )


def _find(name: str) -> type | None:
    """Returns the public class of a name, or that of an experiment file that was loaded."""
    files = [module for key, module in list(sys.modules.items()) if key.startswith(FILE_MODULE)]
    found = [getattr(module, name, None) for module in files]
    found += [getattr(jaxflow, name)] if name in jaxflow.__all__ else []
    for family in jaxflow.FAMILIES if name[:1].isupper() else ():
        found.append(getattr(getattr(jaxflow, family), name, None))
    return next((kind for kind in found if isinstance(kind, type) and dataclasses.is_dataclass(kind)), None)


def _literal(text: str, annotation: Any) -> Any:
    """Returns a flag's value for a field without a default; what is no text is checked when the experiment is built."""
    if annotation is str or str in get_args(annotation):
        return text
    if get_origin(annotation) is tuple:
        return tuple(_literal(word, get_args(annotation)[0]) for word in text.split())
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _replaced(value: Any, path: Sequence[str], new: Any, beside: Mapping[str, str]) -> Any:
    """Returns a value with what lies at a dotted name replaced, and the fields beside it that are given too."""
    if not path:
        return new
    name = path[0].replace("-", "_")
    if isinstance(value, tuple):
        parts = enumerate(value)
        return tuple(_replaced(part, path[1:], new, beside) if str(i) == name else part for i, part in parts)
    others = beside if len(path) == 1 else {}
    return dataclasses.replace(value, **{name: _replaced(getattr(value, name), path[1:], new, beside), **others})


def _fields(value: Any) -> list[dataclasses.Field]:
    if not dataclasses.is_dataclass(value):
        return []
    fields = dataclasses.fields(value)
    module = any(field.name == "parent" for field in fields)
    return [field for field in fields if field.init and not (module and field.name in ("parent", "name"))]
