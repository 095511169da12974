"""What a metric has beside its score: a name, a direction and a unit, which logs, tables and figures show."""

from collections.abc import Iterable
from typing import Any

from jaxflow.console import UNPRINTABLE
from jaxflow.errors import UserError

ATTRIBUTES = {"name": str, "higher_is_better": bool, "unit": str}


def check_attributes(metrics: Iterable[Any]) -> None:
    """Raises UserError if a metric's name, direction or unit is of another type, or no text that can be shown."""
    for metric in metrics:
        for attribute, kind in ATTRIBUTES.items():
            held = getattr(metric, attribute)
            if not isinstance(held, kind) or (isinstance(held, str) and UNPRINTABLE.search(held)):
                what = "True or False" if kind is bool else "a string of characters that can be printed"
                raise UserError(f"{attribute} of metric {type(metric).__name__} is {held!r}; it must be {what}")
