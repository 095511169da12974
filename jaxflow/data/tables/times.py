"""The column of a table that says when each row was, by which rows are split."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxflow.data.clocks import ADVICE, find_set_back, find_twice
from jaxflow.data.date_formats import find_digit_formats
from jaxflow.data.dates import check_format, find_epoch_unit, from_epoch
from jaxflow.data.tables.cells import parse_column
from jaxflow.data.tables.columns import Spec
from jaxflow.data.tables.forms import find_form, report_form
from jaxflow.data.tables.inputs import kind_of
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")

SETTING = "data.time_format"


@dataclass(frozen=True)
class TimeColumn:
    """A column of times.

    Attributes:
      name: its name.
      format: how it is written, as `Date.format`; empty where that is to be found.
      spec: how it is encoded, where it is an input too; None where it is none.
    """

    name: str
    format: str = ""
    spec: Spec | None = None


def time_column(name: str | None, form: str, columns: Sequence[Spec]) -> TimeColumn | None:
    """Returns the column of times, as a table's fields name it; None where they name none.

    Args:
      name: the column; None for none.
      form: how it is written; empty where that is to be found, or `columns` says it.
      columns: how columns are encoded that are named.

    Raises:
      UserError: the format is none, or of no column, or `columns` names the column and so says its format.
    """
    check_format(form, SETTING)
    if name is None:
        if form:
            raise UserError(f"{SETTING} is of the column that data.time names; name it, or leave the format out")
        return None
    spec = next((each for each in columns if each.name.strip() == name.strip()), None)
    if form and spec is not None:
        raise UserError(
            f"data.columns names {name}, and says there how it is written: Date({name!r}, format={form!r}); leave out "
            f"{SETTING}"
        )
    return TimeColumn(name, form or getattr(spec, "format", ""), spec)


def read_times(time: TimeColumn, raw: RawTable, rows: np.ndarray) -> np.ndarray:
    """Reads the column of times.

    Args:
      time: the column.
      raw: the table.
      rows: indices of the rows that are used.

    Returns:
      (rows,) datetime64, of seconds and the like since 1970 too, or float64 numbers.

    Raises:
      UserError: it holds something else, or some rows have none.
    """
    name, setting = time.name, "" if time.spec else SETTING
    kind = "date" if time.format else kind_of([time.spec] if time.spec else [], raw, name, rows)
    if kind not in ("number", "date"):
        cell = next((f", but {cell!r} and the like" for cell in raw[name][rows] if cell is not None), "")
        way = f"data.columns=(Date({name!r}, format=...),)" if time.spec else f"{SETTING}=..."
        raise UserError(
            f"data.time names {name}, which holds neither dates nor numbers{cell}; where these are dates, {way} reads "
            "them, in the format of datetime.strptime that fits"
        )
    form = time.format or find_form(raw, name, kind, rows, setting)
    if time.spec is None:  # else it is logged when inputs are read
        report_form(raw, name, form, rows, setting)
    times = parse_column(raw, name, kind, form)[rows]
    if kind == "number" and time.spec is None:
        _check_order(name, times)
    if kind == "number" and (unit := find_epoch_unit(times)):
        times = from_epoch(times, unit)
    if (missing := times != times).any():  # NaN and NaT
        raise UserError(
            f"column {name}, which data.time names, is empty in {missing.sum():,} of {len(rows):,} rows, the first "
            f"{raw.row_name(rows[missing.argmax()])}; fill it in, or leave these rows out: data.required=({name!r},)"
        )
    _report_clock(name, raw, rows, times)
    return times


def _check_order(name: str, numbers: np.ndarray) -> None:
    """Raises UserError if numbers may be dates that begin with the day or the month, whose order is another."""
    known = numbers[np.isfinite(numbers)]
    forms = find_digit_formats({f"{number:.0f}" for number in known}) if (known % 1 == 0).all() else []
    if any(form.startswith(("%d", "%m")) for form in forms):
        raise UserError(
            f"column {name}, which data.time names, holds numbers such as {known[0]:.0f}, which may be dates: "
            f"{SETTING}={' or '.join(map(repr, forms))} reads them; or data.columns=(Number({name!r}),) if they are "
            "numbers, which makes them an input"
        )


def _report_clock(name: str, raw: RawTable, rows: np.ndarray, times: np.ndarray) -> None:
    """Logs where times go back, or come twice, as where clocks were set back."""
    if found := find_set_back(times, np.zeros(len(times))):
        what = f"goes back from {times[found[0]]} to {times[found[1]]} in {raw.row_name(rows[found[1]])}"
    elif found := find_twice(times):
        first, second = (raw.row_name(int(rows[row])) for row in found)
        what = f"holds {times[found[0]]} twice, in {first} and {second}"
    else:
        return
    logger.warning(
        f"column {name} {what}, as where clocks were set back, and which rows of that hour came first is unknown; "
        f"{ADVICE}"
    )
