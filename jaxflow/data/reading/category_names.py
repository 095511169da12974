"""What categories and classes are called: cells of one value have one name, however they are written."""

import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from decimal import Decimal

from jaxflow.errors import listed

logger = logging.getLogger("jaxflow")

# What stands for a missing value in a text file, unless a source says otherwise.
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "NaT", "null", "NULL", "None", "?", "--")
NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)", re.ASCII)
# Numbers as computers print large and small ones: 1e-05, 1.5E10. What people write, such as 1E5, may be a code.
WITH_EXPONENT = re.compile(r"[+-]?(\d+\.\d*[eE][+-]?|\.\d+[eE][+-]?|\d+[eE][+-])\d{1,2}", re.ASCII)


def category_name(value: object) -> str:
    """Returns the name of a cell's category: a number by its value, 3, 3.0 and "3.00" are "3"; a text without spaces.

    Texts with leading zeros, such as 007, are codes, and kept. Letters that Unicode writes in two ways, such as é as
    one character or as two, are one (NFC).
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = unicodedata.normalize("NFC", str(value).strip())
    if not NUMBER.fullmatch(text):
        return text
    whole, _, fraction = text.lstrip("+-").partition(".")
    fraction = fraction.rstrip("0")
    plain = (whole or "0") + (f".{fraction}" if fraction else "")
    return f"-{plain}" if text.startswith("-") and plain != "0" else plain


def category_key(value: object) -> str:
    """Returns what names of one category share: TRUE and true are the same, and >50K and >50K. with a full stop.

    Numbers with an exponent are what they are without: 1e-05 and 0.00001 are the same.
    """
    name = category_name(value)
    if WITH_EXPONENT.fullmatch(name):
        return category_name(f"{Decimal(name):f}")
    if name.lower() in ("true", "false"):
        return name.capitalize()
    return name[:-1] if name.endswith(".") and name[-2:-1] not in ("", ".") else name


def category_names(values: Collection[object], what: str = "") -> dict[object, str]:
    """Returns the name of each of a column's different values; one that is spelled in one way keeps its spelling.

    Args:
      values: none of them missing.
      what: what is named, for lines of the log that say which spellings are one, and which are not; "" for none.
    """
    spellings = defaultdict(set)
    for value in values:
        spellings[category_key(value)].add(category_name(value))
    several = [f"{min(found)!r} and {max(found)!r}" for found in spellings.values() if len(found) > 1]
    if what and several:
        logger.info(f"{what}: {', '.join(several[:5])} are one")
    names = {key: next(iter(found)) if len(found) == 1 else key for key, found in spellings.items()}
    if what:
        report_capitals(names.values(), what)
    return {value: names[category_key(value)] for value in values}


def report_capitals(names: Iterable[str], what: str) -> None:
    """Logs classes whose names differ in capitals alone, such as Cat and cat: they may be one that was misspelt."""
    alike = defaultdict(list)
    for name in sorted(set(names)):
        alike[name.casefold()].append(name)
    several = [" and ".join(map(repr, found)) for found in alike.values() if len(found) > 1]
    if several:
        logger.warning(f"{what}: {listed(several, 5)} differ in capitals alone, and are classes of their own")
