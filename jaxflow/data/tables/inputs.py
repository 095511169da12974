"""Which columns of a table are inputs, of which type each is, and how it is encoded."""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from jaxflow.data.reading.category_names import category_name
from jaxflow.data.tables.cells import infer_column_type, parse_column
from jaxflow.data.tables.columns import Category, Date, Number, Spec
from jaxflow.data.tables.doubts import doubt_input
from jaxflow.data.tables.forms import Kind, find_form
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError, listed, meant

logger = logging.getLogger("jaxflow")

# Names that an index is written under, names of ids, and those of what is counted from 0 or 1.
INDEX = re.compile(r"|unnamed: ?\d+(\.\d+)*|__index_level_\d+__|level_\d+", re.IGNORECASE)
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
    if len(raw) == 1:
        advice = "; it is one column: name what separates them, data.delimiter, or remove a title above their names"
    elif "" in raw and raw.arrow.column_names[0]:
        advice = advice or "; if a title stands above the names of the columns, remove it"
    for field, names in named.items():
        if field == "target":
            require_named(raw, path, field, names)
        for name in names:
            if name not in raw:
                raise UserError(
                    f"data.{field} names {name!r}, but {path} has the columns {listed(raw)}{meant(name, raw) or advice}"
                )


def require_named(raw: RawTable, path: str, field: str, names: Sequence[str]) -> None:
    """Raises UserError if a field that must name columns of a table names none."""
    if not any(names):
        raise UserError(
            f"data.{field} names no column; {path} has the columns {listed(raw)}: name one in the experiment file or "
            f"by --data.{field}=NAME"
        )


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


def report_counts(raw: RawTable, names: Sequence[str], left_out: Sequence[str]) -> None:
    """Logs which columns are left out since they number the rows, and which inputs do so under another name.

    Args:
      raw: the table, without the columns that are left out.
      names: its inputs whose encoding is not said.
      left_out: the columns that are left out.
    """
    for name in left_out:
        way = f"data.columns=(Number({name!r}),) keeps it" if name else "it has no name: give it one to keep it"
        logger.info(f"column {name!r} is left out: it numbers the rows ({way})")
    for name in names:
        numbers = _whole_numbers(raw, name)
        if numbers is not None and _counts(numbers):
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
        hint = doubt_input(raw, name, train) if kind == "category" and distinct > 1 else ""
        if reason := _useless(kind, distinct, len(train)):
            hint = hint or (_hint_of_id(raw, name) if kind == "category" else "")
            logger.info(f"column {name or repr(name)} is left out: {reason}{hint}")
            continue
        if kind == "number" and (long := raw.long_integer(name)) is not None:
            logger.info(
                f"column {name} is left out: whole numbers such as {long} are longer than a number is exact, as ids "
                f"are (data.columns=(Category({name!r}),) or Number({name!r}) keeps it)"
            )
            continue
        if hint:
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


def _hint_of_id(raw: RawTable, name: str) -> str:
    """Returns that a column which is called an id, and holds another one in each row, can name the rows; else ""."""
    if ID.fullmatch(name) is None or raw.distinct(name, np.arange(raw.rows)) < raw.rows or raw.missing(name).any():
        return ""
    return f"; id={name!r} (--data.id={name}) names the rows by it in predictions"


def _useless(kind: Kind, distinct: int, rows: int) -> str | None:
    if kind == "empty":
        return "it holds nothing"
    if distinct == 1:
        return "it holds one value only"
    if kind == "category" and distinct > rows / 2:
        return f"{distinct:,} different texts in {rows:,} rows are too many to learn from (data.columns keeps it)"
    return None
