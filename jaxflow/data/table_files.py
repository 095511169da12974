"""Tables as they lie on disk: CSV and Parquet, read into columns, and columns read as numbers, dates or categories."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxflow.errors import UserError

Kind = Literal["number", "date", "category", "empty"]
BOOLEANS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
# Share of the values from which on a column is taken to hold what they are, and the others to be mistakes.
MOSTLY = 0.9


def read_table(path: Path, missing: Sequence[str]) -> dict[str, np.ndarray]:
    """Reads a file into columns.

    Args:
      path: a .csv, .tsv or .parquet file; the first line of a text file names the columns.
      missing: what stands for a missing value in a text file.

    Returns:
      By name, (rows,) objects: strings from text files, from Parquet also numbers, booleans and dates; None where
      missing.

    Raises:
      UserError: it is not there, or is no such table.
    """
    import pyarrow
    from pyarrow import csv, parquet

    if not path.is_file():
        raise UserError(f"no table at {path}; name a .csv, .tsv or .parquet file with --data.path")
    delimiter = "\t" if path.suffix == ".tsv" else ","
    try:
        if path.suffix == ".parquet":
            table = parquet.read_table(path)
        else:
            table = csv.read_csv(
                path,
                # One thread and one block: a ragged row is then named by its number.
                csv.ReadOptions(use_threads=False, block_size=1 << 30),
                csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                csv.ConvertOptions(
                    null_values=list(missing), strings_can_be_null=True, column_types=_all_strings(path, delimiter)
                ),
            )
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        hint = "; save it as UTF-8" if "utf" in reason.lower() else ""
        raise UserError(f"{path} cannot be read as a table: {reason}{hint}") from error
    names = table.column_names
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise UserError(f"{path} has two columns named {double!r}; rename one")
    if table.num_rows == 0:
        raise UserError(f"{path} has no rows; it needs a line of column names and examples below it")
    return {name: _objects(table[name]) for name in names}


def _all_strings(path: Path, delimiter: str) -> dict[str, Any]:
    """Has every column read as text: what it holds is not decided file by file."""
    import csv

    import pyarrow

    with path.open(newline="", encoding="utf-8-sig") as file:
        header = next(csv.reader(file, delimiter=delimiter), [])
    return dict.fromkeys(header, pyarrow.string())


def _objects(column: Any) -> np.ndarray:
    values = np.empty(len(column), object)
    values[:] = column.to_pylist()
    return values


def kind_of(name: str, values: np.ndarray, rows: np.ndarray) -> Kind:
    """Finds out what a column holds.

    Args:
      name: the column's, for errors.
      values: (rows,) objects, None where missing.
      rows: indices of those to look at; others cannot decide anything.

    Returns:
      "number" (booleans too), "date" (ISO 8601), "category" for any other text, "empty" where all are missing.

    Raises:
      UserError: most values are numbers, or dates, and others are not.
    """
    there = [row for row in rows if values[row] is not None]
    known = [values[row] for row in there]
    if not known:
        return "empty"
    for kind, reads in (("number", _number), ("date", _date)):
        read = [_attempt(reads, value) is not None for value in known]
        if all(read):
            return kind
        if sum(read) > MOSTLY * len(known):
            wrong = read.index(False)
            raise UserError(
                f"column {name} holds {sum(read)} {kind}s and {len(known) - sum(read)} other values, first "
                f"{known[wrong]!r} in row {there[wrong] + 1}; correct them, name them in data.missing, or list the "
                "column in data.columns or data.drop"
            )
    return "category"


def parse(name: str, values: np.ndarray, kind: Kind, form: str = "") -> np.ndarray:
    """Reads a column's values as what it holds.

    Args:
      name: the column's, for errors.
      values: (rows,) objects, None where missing.
      kind: as `kind_of` gives it.
      form: of dates, as in datetime.strptime; empty for ISO 8601.

    Returns:
      (rows,) float64, NaN where missing or infinite; or datetime64[s], NaT where missing; or the strings.

    Raises:
      UserError: a value cannot be read so; it is named, and its row.
    """
    if kind not in ("number", "date"):
        return np.array([None if value is None else str(value) for value in values], object)
    parsed = np.full(len(values), np.nan if kind == "number" else np.datetime64("NaT", "s"), _DTYPES[kind])
    for row, value in enumerate(values):
        if value is None:
            continue
        read = _attempt(_number, value) if kind == "number" else _attempt(_date, value, form)
        if read is None:
            raise UserError(
                f"column {name} holds {kind}s, but {value!r} in row {row + 1}; correct it, or leave it empty"
            )
        parsed[row] = read
    if kind == "number":
        parsed[np.isinf(parsed)] = np.nan
    return parsed


_DTYPES = {"number": np.float64, "date": "datetime64[s]"}


def _attempt(read: Any, *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except (ValueError, TypeError, OverflowError):
        return None


def _number(value: Any) -> float:
    if isinstance(value, str):
        text = value.strip().lower()
        if "_" in text:
            raise ValueError(text)  # Python would take 1_000, no other reader does
        return BOOLEANS[text] if text in BOOLEANS else float(text)
    if isinstance(value, datetime):
        raise TypeError("a date is no number")
    return float(value)


def _date(value: Any, form: str = "") -> np.datetime64:
    if not isinstance(value, str):
        return np.datetime64(value, "s")
    if form:
        return np.datetime64(datetime.strptime(value.strip(), form), "s")
    moment = datetime.fromisoformat(value.strip())
    return np.datetime64(moment.replace(tzinfo=None), "s")


def row_ids(columns: Mapping[str, np.ndarray]) -> list[str]:
    """Names rows by what they hold, so that a row keeps its name wherever it stands; equal rows are numbered.

    Args:
      columns: by name, (rows,) objects.

    Returns:
      One name per row.
    """
    import hashlib

    names, seen = [], {}
    for row in zip(*(columns[name] for name in sorted(columns))):
        digest = hashlib.sha256("\x1f".join(map(repr, row)).encode()).hexdigest()[:16]
        seen[digest] = seen.get(digest, 0) + 1
        names.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
    return names
