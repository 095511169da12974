"""Which columns of a table are inputs, of which type each is, and how it is encoded."""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from jaxflow.data.reading.category_names import category_name
from jaxflow.data.tables.cells import Kind, find_form, guess, infer_column_type, parse_column
from jaxflow.data.tables.columns import Category, Date, Number, Spec
from jaxflow.data.tables.raw_table import RawTable
from jaxflow.errors import UserError, listed

logger = logging.getLogger("jaxflow")

# Categories up to which a column of texts is not asked whether it is something else.
FEW = 20
# Names that an index is written under, names of ids, and those of what is counted from 0 or 1.
INDEX = re.compile(r"|unnamed: ?\d+|__index_level_\d+__|level_0", re.IGNORECASE)
ID = re.compile(
    r"(?i:id|ids|uid|idx|key|index|row\.?names|row[ _.-]?(id|no|nr|num|number))|.*[_\-. ](?i:id)|.*[a-z]I[dD]"
)
COUNTED = re.compile(
    r"nr|no\.?|#|num|s\.?no\.?|row|record|serial|case|obs|observation|sample|instance|entry", re.IGNORECASE
)


def check_columns(raw: RawTable, named: Mapping[str, Sequence[str]], path: str, hint: bool) -> None:
    """Checks that a table has the columns that are named.

    Args:
      raw: the table.
      named: by field, the columns that it names.
      path: the table's, for the error.
      hint: whether the first line may be a row already.

    Raises:
      UserError: it lacks one.
    """
    advice = "; where the first line is a row already, data.names names the columns"
    advice = advice if hint and any(category_name(name)[:1].isdigit() for name in raw) else ""
    advice = advice if len(raw) > 1 else "; it is one column: name what separates them, data.delimiter"
    for field, names in named.items():
        for name in names:
            if name not in raw:
                raise UserError(f"data.{field} names {name!r}, but {path} has the columns {listed(raw)}{advice}")


def find_row_numbers(raw: RawTable, names: Sequence[str], named: Collection[str]) -> list[str]:
    """Finds the columns of whole numbers that number rows: by their name, and by what they hold.

    Args:
      raw: the table.
      names: the columns that may be inputs.
      named: columns that are inputs whatever they hold.

    Returns:
      Those named like an index, such as the unnamed one of pandas; those named like an id that differ in every row; and
      those that count the rows from 0 or 1 and are named like a number.
    """
    known = {name.strip() for name in named}
    found = [name for name in names if name not in known and _numbers_rows(raw, name)]
    return [] if len(found) == len(names) else found  # nothing would be left


def report_counts(raw: RawTable, names: Sequence[str]) -> None:
    """Logs which of a table's inputs count its rows, under a name that does not say so."""
    for name in names:
        if (numbers := _whole_numbers(raw, name)) is not None and _counts(numbers):
            logger.info(f"column {name} counts the rows; if it is nothing but their number, leave it out: data.drop")


def _numbers_rows(raw: RawTable, name: str) -> bool:
    numbers = _whole_numbers(raw, name)
    if numbers is None:
        return False
    if INDEX.fullmatch(name) or (_counts(numbers) and COUNTED.fullmatch(name)):
        return True
    return ID.fullmatch(name) is not None and len(np.unique(numbers)) == len(numbers)


def _whole_numbers(raw: RawTable, name: str) -> np.ndarray | None:
    numbers = raw.numbers(name)
    if numbers is None or len(numbers) < 2 or not np.isfinite(numbers).all() or (numbers % 1 != 0).any():
        return None
    return numbers


def _counts(numbers: np.ndarray) -> bool:
    return numbers[0] in (0, 1) and bool((np.diff(numbers) == 1).all())


def choose_specs(
    columns: Sequence[Spec],
    defaults: tuple[Number, Category, Date],
    raw: RawTable,
    names: Sequence[str],
    train: np.ndarray,
) -> list[tuple[Spec, Kind]]:
    """Chooses how each input column is encoded; the training rows decide. What is left out or guessed is logged.

    Args:
      columns: how columns are encoded that are named.
      defaults: how other numbers, categories and dates are.
      raw: the table.
      names: the columns that may be inputs.
      train: indices of the training rows.

    Returns:
      The specification of each input, and its type; category indices come last, where models look for them.
    """
    named = {spec.name.strip(): spec for spec in columns}
    by_kind = dict(zip(("number", "category", "date"), defaults))
    specs = []
    for name in names:
        if name in named:
            specs.append((replace(named[name], name=name), kind_of(columns, raw, name, train)))
            continue
        kind, distinct = infer_column_type(raw, name, train), raw.distinct(name, train)
        hint = _hint(raw, name, train) if kind == "category" and distinct > 1 else ""
        if reason := _useless(kind, distinct, len(train)):
            logger.info(f"column {name or repr(name)} is left out: {reason}{hint}")
            continue
        if hint and (distinct > FEW or raw.numbers(name) is not None):
            logger.info(f"column {name} is read as categories{hint}")
        specs.append((replace(by_kind[kind], name=name), kind))
    return sorted(specs, key=lambda spec: getattr(spec[0], "encode", None) == "index")


def kind_of(columns: Sequence[Spec], raw: RawTable, name: str, train: np.ndarray) -> Kind:
    """Returns the type of a column: from the specification that names it, else inferred from the training rows."""
    kinds: dict[type[Spec], Kind] = {Number: "number", Category: "category", Date: "date"}
    named = [kinds[type(spec)] for spec in columns if spec.name.strip() == name]
    return named[0] if named else infer_column_type(raw, name, train)


def read_numbers(
    columns: Sequence[Spec],
    raw: RawTable,
    names: Sequence[str],
    inputs: Sequence[str],
    rows: np.ndarray,
    train: np.ndarray,
) -> dict[str, np.ndarray]:
    """Reads columns of numbers, by name; the training rows say how they are written.

    Args:
      columns: how columns are encoded that are named.
      raw: the table.
      names: the columns; empty for all inputs that hold numbers.
      inputs: the columns that may be inputs.
      rows: indices of the rows that are read.
      train: indices of the training rows.

    Returns:
      (rows,) float64 each, NaN where missing.
    """
    names = names or [name for name in inputs if kind_of(columns, raw, name, train) == "number"]
    forms = {name: find_form(raw, name, "number", train) for name in names}
    return {name: parse_column(raw, name, "number", form)[rows] for name, form in forms.items()}


def _useless(kind: Kind, distinct: int, rows: int) -> str | None:
    if kind == "empty":
        return "it holds nothing"
    if distinct == 1:
        return "it holds one value only"
    if kind == "category" and distinct > rows / 2:
        return f"{distinct:,} different texts in {rows:,} rows say nothing of other rows (data.columns keeps it)"
    return None


def _hint(raw: RawTable, name: str, train: np.ndarray) -> str:
    """Returns what a column that is read as texts may be, and the setting that reads it; "" for plain texts."""
    if raw.numbers(name) is not None:
        return f"; they are codes with leading zeros: data.columns=(Number({name!r}),) reads numbers"
    like = guess(raw, name, train)
    settings = {
        "numbers": f"data.columns=(Number({name!r}),) names the first that is none (decimal, thousands, missing_also)",
        "times of day": "write them as numbers, for example hours, or beside the day in one column",
        "dates": f"data.columns=(Date({name!r}, format='%d/%m/%Y'),) reads them, in their format",
    }
    return f"; they look like {like}: {settings[like]}" if like else ""
