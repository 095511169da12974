"""Ranges of numbers, as annotations of fields: `batch_size: Count = 32`, `noise: Annotated[float, Range(0, 0.5)]`.

Every number that a user may write has one. `Experiment` checks them all; what is no Linen module also does so itself,
by `__post_init__ = check_ranges`. Traced values, which hyperparameters are inside a compiled step, fit any range.
"""

import dataclasses
import functools
import sys
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from jaxflow.errors import UserError

# Numbers are int32 and float32 on the device.
MAX_INT, MAX_FLOAT = 2**31 - 1, 3.4028234663852886e38
WORDS = {int: "an int", float: "a number"}
PLAIN = (bool, int, float, str, bytes, list, tuple, dict, set, type(None))


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, but those in `without`: `Range(0, 1, without=(1,))` is [0, 1)."""

    low: float
    high: float
    without: tuple[float, ...] = ()

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high and number not in self.without

    def describe(self, number: float | None = None) -> str:
        """Returns what a number must be, or what one that lies outside must."""
        too_large = number is not None and number > self.high
        if self.high in (MAX_INT, MAX_FLOAT) and not too_large:
            if self.low == -self.high:
                return "a finite number"
            return f"more than {self.low:g}" if self.low in self.without else f"{self.low:g} or more"
        if self.high in (MAX_INT, MAX_FLOAT):
            return f"finite and at most {self.high:g}" if self.high == MAX_FLOAT else f"at most {self.high:,}"
        opening, closing = "(" if self.low in self.without else "[", ")" if self.high in self.without else "]"
        return f"in {opening}{self.low:.10g}, {self.high:.10g}{closing}"


Count = Annotated[int, Range(1, MAX_INT)]
Whole = Annotated[int, Range(0, MAX_INT)]
Integer = Annotated[int, Range(-MAX_INT, MAX_INT)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
Finite = Annotated[float, Range(-MAX_FLOAT, MAX_FLOAT)]
NonNegative = Annotated[float, Range(0, MAX_FLOAT)]
Positive = Annotated[float, Range(0, MAX_FLOAT, without=(0,))]
Fraction = Annotated[float, Range(0, 1)]
Probability = Annotated[float, Range(0, 1, without=(0, 1))]
BelowOne = Annotated[float, Range(0, 1, without=(1,))]


def whole_number(text: str) -> int | None:
    """Returns the whole number that a text holds, below 10^18; None where it holds no such number.

    Python converts no text of more than 4,300 digits, and what takes a number has its own limit far below these.
    """
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def is_number(value: Any) -> bool:
    """Returns whether what was read from JSON is a number that fits into 64 bits; a float may be NaN."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)


def check_ranges(value: Any) -> None:
    """Checks the numbers in a dataclass's fields, when it is made; each field is named by the class.

    Raises:
      UserError: one lies outside its range, or something plain is no number.
    """
    for name, annotation in _ranged(type(value)):
        held = getattr(value, name)
        if found := violation(held, annotation):
            raise UserError(f"{type(value).__name__}.{name} is {held!r}; it must be {found}")


def check_words(value: Any) -> None:
    """Checks the fields of a dataclass that hold one of several words, when it is made; as `check_ranges`.

    Raises:
      UserError: one holds another string; other plain values are for `check_ranges`.
    """
    for field in dataclasses.fields(value):
        annotation, held = annotation_of(type(value), field), getattr(value, field.name)
        options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
        words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
        if words and (len(options) == 1 or isinstance(held, str)) and held not in words:
            found = f"{type(value).__name__}.{field.name} is {held!r}"
            raise UserError(f"{found}; it must be one of {', '.join(map(repr, words))}")


def violation(held: Any, annotation: Any) -> str | None:
    """Returns what a field's value must be, where a number in it lies outside its range or it is plain and no number.

    Args:
      held: the value; objects and traced values fit.
      annotation: the field's annotation; a range may be deep in it, as in `tuple[Count, ...] | None`.

    Returns:
      For example "1 or more"; None where all is well.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        texts = any(option is str or get_origin(option) is Literal for option in arguments)
        if held is None or (isinstance(held, str) and texts):
            return None  # `check_fields` looks at the words
        options = [option for option in arguments if "Range(" in repr(option)]
        alike = [option for option in options if (get_origin(option) is tuple) == isinstance(held, tuple)]
        return violation(held, (alike or options)[0]) if options else None
    if origin is tuple:
        if not isinstance(held, tuple):
            return f"a tuple of numbers{_as_tuple(held, arguments)}" if isinstance(held, PLAIN) else None
        found = [violation(element, arguments[0]) for element in held]
        return next((f"a tuple whose numbers are {each}" for each in found if each), None)
    range_ = next((mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Range)), None)
    if range_ is None:
        return None
    if isinstance(held, bool) or not isinstance(held, int | float):
        return WORDS[arguments[0]] if isinstance(held, PLAIN) else None
    if isinstance(held, float) and arguments[0] is int:
        return WORDS[int]
    return None if held in range_ else range_.describe(held)


def _as_tuple(held: Any, arguments: tuple[Any, ...]) -> str:
    """Returns ", for example (48, 48)" for one number, or a list of them, in place of a tuple; "" for anything else."""
    if isinstance(held, list):
        return f", for example {tuple(held)!r}"
    if isinstance(held, bool) or not isinstance(held, int | float):
        return ""
    return f", for example {(held,) * (1 if arguments[-1:] == (...,) else len(arguments))!r}"


def check_tuples(value: Any) -> None:
    """Checks that no object stands in a dataclass's field for the tuple of such, when it is made.

    Raises:
      UserError: one does, as in columns=Category("plan").
    """
    for field in dataclasses.fields(value):
        held = getattr(value, field.name)
        if dataclasses.is_dataclass(held) and get_origin(annotation_of(type(value), field)) is tuple:
            kind = type(held).__name__
            raise UserError(
                f"{type(value).__name__}.{field.name} is one {kind}; write a tuple, for example ({kind}(...),)"
            )


@functools.lru_cache(maxsize=256)
def _ranged(kind: type) -> tuple[tuple[str, Any], ...]:
    """Lists the fields of a dataclass that have a range, with their annotations."""
    annotations = [(field.name, annotation_of(kind, field)) for field in dataclasses.fields(kind)]
    return tuple((name, annotation) for name, annotation in annotations if "Range(" in repr(annotation))


def annotation_of(kind: type, field: dataclasses.Field) -> Any:
    """Returns a field's annotation; one written as a string is evaluated where it was written."""
    if not isinstance(field.type, str):
        return field.type
    for base in kind.__mro__:
        if field.name in vars(base).get("__annotations__", {}):
            try:
                return eval(field.type, dict(vars(sys.modules[base.__module__])))
            except Exception:
                return Any  # a name that is imported for type checkers alone
    return Any
