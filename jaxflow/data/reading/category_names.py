"""What categories and classes are called: cells of one value have one name, however they are written."""

import re
from collections import defaultdict
from collections.abc import Collection

NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)", re.ASCII)


def category_name(value: object) -> str:
    """Returns the name of a cell's category: a number by its value, 3, 3.0 and "3.00" are "3"; a text without spaces.

    Texts with leading zeros, such as 007, are codes, and kept.
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    if not NUMBER.fullmatch(text):
        return text
    whole, _, fraction = text.lstrip("+-").partition(".")
    fraction = fraction.rstrip("0")
    plain = (whole or "0") + (f".{fraction}" if fraction else "")
    return f"-{plain}" if text.startswith("-") and plain != "0" else plain


def category_key(value: object) -> str:
    """Returns what names of one category share: TRUE and true are the same."""
    name = category_name(value)
    return name.capitalize() if name.lower() in ("true", "false") else name


def category_names(values: Collection[object]) -> dict[object, str]:
    """Returns the name of each of a column's different values; booleans keep their spelling where there is one only.

    Args:
      values: none of them missing.
    """
    spellings = defaultdict(set)
    for value in values:
        spellings[category_key(value)].add(category_name(value))
    names = {key: next(iter(found)) if len(found) == 1 else key for key, found in spellings.items()}
    return {value: names[category_key(value)] for value in values}
