"""The forms of what a checkpoint's meta holds: whoever reads it relies on them."""

from collections.abc import Callable, Mapping
from typing import Any

from jaxflow.ranges import is_number


def wrong_entry(meta: Mapping[str, Any]) -> str | None:
    """Returns the name of an entry that is missing or of another form than jaxflow writes; None where all are right.

    Args:
      meta: the entries by name; what earlier versions did not write may be missing, and further ones are not looked at.
    """
    return next((name for name, fits in FORMS.items() if not fits(meta.get(name))), None)


def _is_object(value: Any) -> bool:
    """Returns whether a value is an object in JSON, of some class."""
    return isinstance(value, dict) and isinstance(value.get("class"), str)


def _is_size(value: Any) -> bool:
    return is_number(value) and isinstance(value, int) and value > 0


def _are_leaves(value: Any) -> bool:
    """Returns whether a value has a dtype, a shape and a digest under each name."""
    leaves = list(value.values()) if isinstance(value, dict) else [None]
    return all(isinstance(leaf, list) and list(map(type, leaf)) == [str, list, str] for leaf in leaves)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(is_number, value.values()))


def _is_memory(value: Any) -> bool:
    """Returns whether a value is what the training loop remembers."""
    return isinstance(value, dict) and all(
        held is None or isinstance(held, bool) or is_number(held) for held in value.values()
    )


def _is_log(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("lines"), int)


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


FORMS: dict[str, Callable[[Any], bool]] = {
    "schema": _is_object,
    "problem": _is_object,
    "fitted": lambda value: isinstance(value, list),
    "train_size": _is_size,
    "train_ids": lambda value: isinstance(value, str),
    "leaves": _are_leaves,
    "metrics": _or_none(_are_numbers),
    "encoding": _or_none(lambda value: isinstance(value, dict)),
    "contents": _or_none(lambda value: isinstance(value, dict)),
    "loop": _or_none(_is_memory),
    "log": _or_none(_is_log),
}
