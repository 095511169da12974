"""What a column that is read as categories may be instead: numbers with marks or units among them, dates, times."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from jaxflow.data.date_formats import DATE_LIKE, TIME_LIKE, likely_formats
from jaxflow.data.dates import is_date
from jaxflow.data.numbers import NUMBER_LIKE, candidates, is_number, split_quantity
from jaxflow.data.tables.cells import SAMPLE, infer_column_type
from jaxflow.data.tables.forms import read_or_none
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError, listed

logger = logging.getLogger("jaxflow")

# Distinct values up to which a target of whole numbers is taken for classes, and texts are what they are whatever they
# merely look like.
MAX_CLASSES = 20
# Distinct texts of a column that are looked at, marks that a message names, and marks that stand for no value.
MAX_TEXTS, MAX_NAMED, MAX_MARKS = 1000, 5, 20
# Fraction of them that are numbers where a column has a unit.
MOSTLY = 0.9
# What follows a number that is a rank.
ORDINALS = {"st", "nd", "rd", "th"}
# What a target holds that looks like something else than classes, and how it would be predicted as numbers.
AS_NUMBERS = {
    "numbers": ("numbers with more in them", "write numbers alone"),
    "dates": ("dates", "write what is to be predicted as numbers, for example days since one of them"),
    "times of day": ("times of day", "write them as numbers, for example hours"),
}


def doubt_input(raw: RawTable, name: str, rows: np.ndarray, field: str = "columns") -> str:
    """Returns what an input that is read as categories may be, and the setting that reads it.

    Args:
      raw: the table.
      name: the column.
      rows: indices of the rows that decide.
      field: the field of the source that says how columns are encoded.

    Returns:
      The end of a message, from a semicolon on; "" for plain texts.
    """
    if raw.numbers(name) is not None:
        return f"; they are codes with leading zeros: data.{field}=(Number({name!r}),) reads numbers"
    counts, keep = _count_texts(raw, name, rows), f"data.{field}=(Category({name!r}),) if they are categories"
    if marks := _find_marks(raw, counts):
        return f"; they are numbers but for {_some(marks)}{_mark_advice(marks)}; or {keep}"
    if units := _find_units(counts):
        return f"; they look like numbers with {_some(units)}: write numbers alone; or {keep}"
    like = _guess(counts) if len(counts) > MAX_CLASSES else ""
    settings = {
        "numbers": f"data.{field}=(Number({name!r}),) names the first that is none (decimal, thousands, missing_also)",
        "times of day": "write them as numbers, for example hours, or beside the day in one column",
        "dates": _date_advice(list(counts), name, field) if like == "dates" else "",
    }
    return f"; they look like {like}: {settings[like]}" if like else ""


def doubt_classes(name: str, names: Sequence[str], raw: RawTable, rows: np.ndarray) -> None:
    """Logs that the classes of a target look like numbers with something among them; raises if there are many.

    Args:
      name: the target, which does not hold numbers alone.
      names: its classes.
      raw: the table.
      rows: indices of the rows that are used.
    """
    many, kind = len(names) > MAX_CLASSES, infer_column_type(raw, name, rows)
    if raw.numbers(name) is not None and kind != "date":
        return  # codes with leading zeros
    counts, keep = _count_texts(raw, name, rows), "data.task='class' (--data.task=class) if they are classes"
    if marks := _find_marks(raw, counts):
        what = f"numbers but for {_some(marks)}{_mark_advice(marks)}; or correct them"
    else:
        like = "numbers" if _find_units(counts) and _differ(counts) else ""
        if many:
            like = like or ("dates" if kind == "date" else _guess(counts))
        if not like:
            return
        odd = next((each for each in names if like != "numbers" or not is_number(each)), names[0])
        what = f"{AS_NUMBERS[like][0]}: {odd!r}; {AS_NUMBERS[like][1]}"
    if many:
        raise UserError(f"target {name} holds {len(names)} different texts, {what}; or {keep}")
    logger.warning(f"target {name} is read as {len(names)} classes, which are {what}; or {keep}")


def _count_texts(raw: RawTable, name: str, rows: np.ndarray) -> Counter[str]:
    """Counts the different texts of some rows, the first ones where there are many."""
    counts = Counter(str(cell).strip() for cell in raw[name][rows] if cell is not None)
    return Counter(dict(list(counts.items())[:MAX_TEXTS]))


def _find_marks(raw: RawTable, counts: Counter[str]) -> list[str]:
    """Returns the texts of a column that are no numbers, the most frequent first, where they are few."""
    reads = [form.read_figure for form in candidates(counts, raw.dialect.decimal, raw.dialect.thousands)]
    others = [[text for text in counts if not _has_digits(text, read)] for read in reads]
    marks = min(others, key=len)
    many = len(marks) > MAX_MARKS or len(counts) - len(marks) <= max(len(marks), 1)
    return [] if many else sorted(marks, key=lambda mark: -counts[mark])


def _has_digits(text: str, read: Callable[[object], float]) -> bool:
    """Returns whether a text is a number in digits, unlike inf."""
    return any(map(str.isdigit, text)) and read_or_none(read, text) is not None


def _mark_advice(marks: Sequence[str]) -> str:
    """Returns what is to be done about marks: to list them, but where they are values in another way, such as 12*."""
    values = [mark for mark in marks if is_number(mark) or NUMBER_LIKE.fullmatch(mark) or split_quantity(mark)]
    if len(values) > 1 or any(map(is_number, values)):
        which = "which stand" if values == marks else f"of which {_some(values)} stand"
        return f", {which} for numbers too: write all in one way"
    named = ", ".join(map(repr, marks[:MAX_NAMED])) + (", ..." if len(marks) > MAX_NAMED else ",")
    return f": where that is no value, data.missing_also=({named}) says so, and numbers are read"


def _find_units(counts: Counter[str]) -> list[str]:
    """Returns what stands before or after the numbers of a column, the most frequent first; [] where it has no unit.

    One sign or unit has more than half of the different numbers, as codes such as 1A and 1B do not have it; of two or
    three that share them some are words, such as g and kg.
    """
    quantities = [quantity for text in counts if (quantity := split_quantity(text)) is not None]
    units = Counter("...".join(filter(None, quantity)) for quantity in quantities if any(quantity))
    if units.total() < 2 or len(quantities) < MOSTLY * len(counts):
        return []
    common = [unit for unit, _ in units.most_common()]
    if ORDINALS.issuperset(common):
        return []
    words = len(common) <= 3 and any(len(unit) > 1 or not unit.isalpha() for unit in common)
    return common if words or units[common[0]] > 0.5 * len(quantities) else []


def _differ(counts: Counter[str]) -> bool:
    """Returns whether more than two different numbers are in some texts; classes are <=50K and >50K, or 2D and 3D."""
    return len({"".join(filter(str.isdigit, text)) for text in counts}) > 2


def _some(texts: Sequence[str]) -> str:
    return listed(map(repr, texts), MAX_NAMED)


def _guess(counts: Counter[str]) -> str:
    """Returns what most texts of a column look like: "numbers", "dates", "times of day" or ""."""
    for what, pattern in (("dates", DATE_LIKE), ("times of day", TIME_LIKE), ("numbers", NUMBER_LIKE)):
        if sum(count for text, count in counts.items() if pattern.fullmatch(text)) > 0.5 * counts.total():
            return what
    return ""


def _date_advice(texts: Sequence[str], name: str, field: str) -> str:
    """Returns the setting that reads texts that look like dates: in the format that most of them have, if one has."""
    few = texts[:SAMPLE]
    forms = {form: sum(is_date(text, form) for text in few) for form in likely_formats(few)}
    form = max(forms, key=lambda each: forms[each])
    if not forms[form]:
        return f"data.{field}=(Date({name!r}, format=...),) reads them, in the format of datetime.strptime that fits"
    odd = next((repr(text) for text in texts if not is_date(text, form)), "one further on")
    wanted = f"most are written {form or 'as in ISO 8601'}, but {odd} is not"
    return f"{wanted}: correct it, and data.{field}=(Date({name!r}, format={form!r}),) reads them"
