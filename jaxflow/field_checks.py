"""Checks that the fields of nested dataclasses hold what their annotations say; a mistake is one line with the fix."""

import dataclasses
import inspect
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import jaxflow
from jaxflow.errors import UserError
from jaxflow.hyperparameters import Argument, Complemented
from jaxflow.ranges import annotation_of, violation
from jaxflow.serialization import fields_of

PLAIN = {int: "an int", float: "a number", str: "a string", bool: "True or False", type(None): "None"}
PLURAL = {int: "ints", float: "numbers", str: "strings", bool: "booleans"}
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)


class Part(NamedTuple):
    """What an error says of a field that holds an object.

    Attributes:
      description: what the object is.
      example: an expression that builds one.
      arguments: how often it takes something when it is called, for parts that are told by this; None for any number.
      keywords: names of the arguments that are handed over by name.
    """

    description: str
    example: str
    arguments: int | None = None
    keywords: tuple[str, ...] = ()


def check_fields(value: Any, parts: Mapping[Any, Part], name: str = "") -> None:
    """Checks the fields of a dataclass and of the dataclasses in them, by their annotations.

    Plain values, tuples and literals are checked, and objects of the classes in `parts`. A field may always hold its
    default; arrays and traced values, which hyperparameters are inside a compiled step, fit anywhere, and so does
    anything under an annotation that is neither plain nor in `parts`.

    Args:
      value: the dataclass; what is no dataclass has no fields to check.
      parts: by annotation, what an object is and an example of it.
      name: dotted name of `value` itself, as the command line spells it.

    Raises:
      UserError: a field holds something else.
    """
    defaults = {field.name: field for field in dataclasses.fields(value)}
    for field_name, held in fields_of(value):
        path, field = f"{name}.{field_name}" if name else field_name, defaults[field_name]
        if held is not field.default:
            _check(held, annotation_of(type(value), field), parts, path, field.default)
        for number, part in enumerate(held) if isinstance(held, tuple) else ((None, held),):
            if dataclasses.is_dataclass(part) and not isinstance(part, type):
                here = path if number is None else f"{path}.{number}"
                if type(part).__hash__ is None:  # as it is for a dataclass that is not frozen
                    raise UserError(
                        f"{here} is {_found(part)}, which is not frozen; write @dataclass(frozen=True) above it"
                    )
                check_fields(part, parts, here)


def _check(held: Any, annotation: Any, parts: Mapping[Any, Part], path: str, default: Any) -> None:
    """Raises if a value does not fit an annotation; of a tuple, the element that does not is named."""
    elements = get_args(annotation)
    if get_origin(annotation) is tuple and elements[-1:] == (...,) and elements[0] in parts:
        part = parts[elements[0]]
        if isinstance(held, tuple):
            for number, element in enumerate(held):
                _check(element, elements[0], parts, f"{path}.{number}", None)
            return
        mine = dataclasses.is_dataclass(held)
        example = f"{_class_of(held).__name__}(...)" if mine else _example(held, part)
        raise UserError(f"{path} is {_found(held)}; write a tuple, for example ({example},)")
    if get_origin(annotation) is tuple and dataclasses.is_dataclass(held):
        raise UserError(f"{path} is {_found(held)}; write a tuple, for example ({_class_of(held).__name__}(...),)")
    if _fits(held, annotation, parts):
        if found := violation(held, annotation):
            raise UserError(f"{path} is {_found(held)}; it must be {found}")
        return
    options = elements if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    part = next((parts[option] for option in options if _is_key(option, parts)), None)
    if part is None:
        silent = default in (None, (), dataclasses.MISSING) or get_origin(annotation) is Literal
        meant = None if dataclasses.is_dataclass(default) else _as_texts(held, annotation)
        example = f"; write {meant!r}" if meant is not None else "" if silent else f", for example {default}"
        raise UserError(f"{path} is {_found(held)}; it must be {_expected(annotation)}{example}")
    kind = _class_of(held)
    if issubclass(kind, tuple(option for option in options if _is_key(option, parts))):
        if kind is held:
            raise UserError(f"{path} is the class {kind.__name__}; write an object of it, {kind.__name__}(...)")
        if not dataclasses.is_dataclass(kind) and not isinstance(held, FUNCTIONS):
            raise UserError(f"{path} is {_found(held)}, which is no dataclass; write @dataclass(frozen=True) above it")
    raise UserError(
        f"{path} is {_found(held)}; it must be {part.description}, for example {_example(held, part)}, or one of your "
        "own (docs/extend.md)"
    )


def _fits(held: Any, annotation: Any, parts: Mapping[Any, Part]) -> bool:
    if isinstance(held, Argument | Complemented) or (hasattr(held, "dtype") and hasattr(held, "shape")):
        return True  # a hyperparameter inside a program, or an array, of which `to_json` says that it is no plain value
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _fits(held, arguments[0], parts)
    if origin in (Union, types.UnionType):
        return any(_fits(held, option, parts) for option in arguments)
    if origin is Literal:
        return any(type(held) is type(option) and held == option for option in arguments)
    if annotation is tuple or origin is tuple:
        if arguments[-1:] == (...,):
            return isinstance(held, tuple) and all(_fits(element, arguments[0], parts) for element in held)
        same = not arguments or (isinstance(held, tuple) and len(held) == len(arguments))
        return isinstance(held, tuple) and same and all(_fits(h, a, parts) for h, a in zip(held, arguments))
    if annotation in (None, type(None)):
        return held is None
    if annotation in (int, float):  # a bool is an int to Python, and nobody means it
        return isinstance(held, (int, annotation)) and not isinstance(held, bool)
    if annotation in (str, bool):
        return isinstance(held, annotation)
    if _is_key(annotation, parts):
        return _is_part(held, annotation, parts[annotation])
    if not (isinstance(annotation, type) and dataclasses.is_dataclass(annotation)) or isinstance(held, annotation):
        return True
    # One of your own with the same members may stand in its place, but nothing plain, and no other of jaxflow's.
    mine = not type(held).__module__.startswith("jaxflow.")
    return dataclasses.is_dataclass(held) and not isinstance(held, type) and mine


def _as_texts(held: Any, annotation: Any) -> Any:
    """Returns the texts that a field may hold where numbers name columns, or one text stands for several; else None."""
    as_text = str(held) if isinstance(held, int | float) and not isinstance(held, bool) else held
    as_tuple = tuple(map(str, held)) if isinstance(held, tuple | list) else (as_text,)
    return next((each for each in (as_text, as_tuple) if each != held and _fits(each, annotation, {})), None)


def _is_part(held: Any, annotation: type, part: Part) -> bool:
    """Returns whether an object is of a class or protocol, and can be called as such a part is."""
    if isinstance(held, type) or not dataclasses.is_dataclass(held) or not isinstance(held, annotation):
        return False
    if part.arguments is None:
        return True
    if not callable(held):
        return False
    given = part.arguments + (getattr(held, "pairs", False) is True)  # an augmentation of pairs takes another example
    try:
        inspect.signature(held).bind(*range(given), **dict.fromkeys(part.keywords))
    except TypeError:
        return False
    return True


def _is_key(annotation: Any, parts: Mapping[Any, Part]) -> bool:
    return isinstance(annotation, type) and annotation in parts


def _found(held: Any) -> str:
    if held is None or isinstance(held, bool | int | float):
        return repr(held)
    if isinstance(held, str):
        return repr(held)
    if isinstance(held, tuple | list | set | dict) and len(repr(held)) <= 60:
        return f"{held!r} ({type(held).__name__})"
    if isinstance(held, type):
        return f"the class {held.__name__}"
    if isinstance(held, FUNCTIONS):
        return f"the function {held.__name__}"
    if hasattr(held, "init") and hasattr(held, "update") and isinstance(held, tuple):
        return "an optax transformation, which cannot be written into a run folder"
    article = "an" if type(held).__name__[0] in "AEIOU" else "a"
    return f"{article} {type(held).__name__}"


def _expected(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _expected(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(map(_expected, arguments))
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin is tuple and arguments[-1:] == (...,):
        return f"a tuple of {PLURAL.get(getattr(arguments[0], '__origin__', arguments[0])) or _expected(arguments[0])}"
    if origin is tuple:
        return f"a tuple of {len(arguments)}: ({', '.join(map(_expected, arguments))})"
    return PLAIN.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _class_of(held: Any) -> type:
    return held if isinstance(held, type) else type(held)


def _example(held: Any, part: Part) -> str:
    """Returns what to write instead: the class of jaxflow that a string names, or else the part's own example."""
    public = {name.lower(): name for name in jaxflow.__all__ if name[0].isupper()}
    if isinstance(held, str) and held.lower() in public:
        return f"jaxflow.{public[held.lower()]}()"
    return part.example
