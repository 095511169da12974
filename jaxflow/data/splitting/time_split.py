"""TimeSplit: the last examples are held out."""

import logging
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np

from jaxflow.data.date_formats import MONTHS, find_compact_format
from jaxflow.data.dates import FIRST_YEAR, LAST_YEAR, find_epoch_unit, from_epoch, is_date, read_date
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.splitting.sizes import report_small_train
from jaxflow.data.splitting.written import keep_written
from jaxflow.errors import UserError, listed
from jaxflow.ranges import MAX_INT, Range, check_ranges

logger = logging.getLogger("jaxflow")

# Less than 1 is a fraction of the examples; from there on it is a number of them.
Amount = Annotated[float, Range(0, MAX_INT)]
# What ends after the year or the month.
YEAR_OR_MONTH = re.compile(r"\d{4}(-\d\d)?")
# Distinct times up to which an error lists what may be held out.
FEW_TIMES = 50


@dataclass(frozen=True)
class TimeSplit:
    """The last examples for the test, those before them for validation: what is predicted lies after what is known.

    Examples of one time are kept in one split.
    """

    validation: Amount | str = 0.1
    """What is held out for validation: a fraction of the examples, a number of them (1 or more), or the time from which
    on, such as "2017-06-26"; 0 for none."""
    test: Amount | str = 0.1
    """What is held out for the test, likewise."""
    train: Annotated[float, Range(0, MAX_INT, without=(0,))] | None = None
    """Fraction or number of the examples to train on, the first ones: what comes after train, validation and test is
    then left out, and counted. None for all that come before those held out."""
    end: str | None = None
    """Time from which on examples are left out, and counted; None for none."""

    def __post_init__(self) -> None:
        check_ranges(self)
        amounts = {name: getattr(self, name) for name in ("train", "validation", "test")}
        for name, held in (amounts | {"end": self.end}).items():
            if isinstance(held, str):
                _moment(held, f"split.{name}")
            elif held is not None and held >= 1 and held % 1:
                raise UserError(f"split.{name} is {held:g}; it is a fraction below 1, or a whole number of examples")
        fractions = sum(held for held in amounts.values() if not isinstance(held, str | None) and held < 1)
        if fractions > 1 or (self.train is None and fractions == 1):
            raise UserError(f"split.validation and split.test are {fractions:g}; nothing is left")
        if self.train is not None and any(isinstance(held, str) for held in amounts.values()):
            raise UserError("split.train goes with fractions and numbers of examples; with times, use split.end")

    def split(self, examples: SplitKeys) -> dict[str, np.ndarray]:
        """Splits examples by their times, as `HoldOut.split`; those that are left out are in no split."""
        if examples.times is None:
            raise UserError(
                "split TimeSplit needs times: a Table names its column of them, data.time, a Series has them; other "
                "data is split by HoldOut() or KFold()"
            )
        if examples.groups is not None:
            raise UserError("split TimeSplit and groups do not go together: a group may last; leave one of them out")
        if examples.written is not None:
            return keep_written(self, examples)
        times = examples.times
        used = np.ones(len(times), bool) if self.end is None else times < _as(times, self.end, "split.end")
        before = np.searchsorted(np.sort(times[used]), times)  # used examples whose time is earlier
        fractions = self.fractions(int(used.sum()))
        size = round(fractions["all"] * used.sum())
        if size < used.sum():
            used &= np.searchsorted(np.sort(times[used]), times, "right") <= size
        # The fraction of all examples that is not before this one.
        after = used.sum() / max(size, 1) - before / max(size, 1) - 1e-9
        if isinstance(self.test, str):
            test = used & (times >= _as(times, self.test, "split.test"))
        else:
            test = used & (after < fractions["test"])
        if isinstance(self.validation, str):
            held_out = test | (used & (times >= _as(times, self.validation, "split.validation")))
        else:
            tested = test.sum() / max(size, 1) if isinstance(self.test, str) else fractions["test"]
            held_out = test | (used & (after < tested + fractions["validation"]))
        self._report_years(times)
        parts = {"train": used & ~held_out, "validation": held_out & ~test, "test": test}
        indices = {name: np.flatnonzero(part) for name, part in parts.items() if getattr(self, name) != 0}
        empty = [name for name, chosen in indices.items() if len(chosen) == 0]
        if empty:
            raise UserError(
                f"of {len(times):,} examples none would be in the {empty[0]} split; {self._advice(times[used])}"
            )
        if self.train is None:
            report_small_train(indices)
        return indices

    def fractions(self, size: int) -> dict[str, float]:
        """Converts amounts to fractions, given the number of examples.

        Returns:
          By split: the fraction of those that are in any; and "all", the fraction of `size` that these are.
        """
        amounts = {name: getattr(self, name) for name in ("train", "validation", "test")}
        numbers = {name: held for name, held in amounts.items() if isinstance(held, int | float)}
        fractions = {name: held / max(size, 1) if held >= 1 else held for name, held in numbers.items()}
        everything = sum(fractions.values())
        if self.train is None:
            return fractions | {"all": 1.0}
        if everything > 1 + 1e-9:
            raise UserError(f"split asks for {everything * size:,.0f} examples, and there are {size:,}; ask for fewer")
        return {name: fraction / everything for name, fraction in fractions.items()} | {"all": everything}

    def _report_years(self, times: np.ndarray) -> None:
        """Logs numbers of examples that look like years, where times are dates."""
        for name in ("validation", "test"):
            held = getattr(self, name)
            if times.dtype.kind == "M" and isinstance(held, int | float) and FIRST_YEAR <= held <= LAST_YEAR:
                logger.info(f"split.{name} is {held:g} examples; all from a year on are split.{name}='{held:g}-01'")

    def _advice(self, times: np.ndarray) -> str:
        """Returns what to do where a split is empty: where there are few times, which may be held out."""
        distinct, counts = np.unique(times, return_counts=True)
        names, needed = [_written(time) for time in distinct], 1 + (self.validation != 0) + (self.test != 0)
        if not 0 < len(names) <= FEW_TIMES:
            return "give more data, or change data.split"
        few = f"there {'are' if len(names) > 1 else 'is'} {len(names)} different times ({listed(names, 5)}), kept whole"
        if len(names) < needed:
            return f"{few}, for {needed} splits; use HoldOut, or hold out less"
        from_end = np.cumsum(counts[::-1]) / counts.sum()
        last, both = (math.ceil(fraction * 100 - 1e-6) / 100 for fraction in from_end[:2])
        if needed == 3:
            ways = [(repr(names[-2]), repr(names[-1])), (f"{both - last:.2g}", f"{last:.2g}")]
        elif self.test == 0:
            ways = [(repr(names[-1]), "0"), (f"{last:.2g}", "0")]
        else:
            ways = [("0", repr(names[-1])), ("0", f"{last:.2g}")]
        calls = (f"TimeSplit(validation={validation}, test={test})" for validation, test in ways)
        return f"{few}: use {' or '.join(calls)}"


def _moment(text: str, field: str) -> np.datetime64 | float:
    """Reads a time: a date, with or without a time of day and an offset, a week, a month, a quarter, or a number.

    Raises:
      UserError: it is neither.
    """
    text = text.strip()
    if YEAR_OR_MONTH.fullmatch(text):
        return np.datetime64(text)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is None else moment.astimezone(UTC)
        return np.datetime64(moment.replace(tzinfo=None))
    except ValueError:
        pass
    if form := next((form for form in MONTHS if is_date(text, form)), None):
        return read_date(text, form)
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{field} is {text!r}, which is no time; write it as 2017-06-26 or 2017-06-26T12:00") from None


def _as(times: np.ndarray, text: str, field: str) -> Any:
    """Reads a time as one of `times`, which are dates or numbers."""
    if times.dtype.kind == "M":
        moment = _moment(text, field)
        if not isinstance(moment, float):
            return moment
        number = np.array([moment])
        if form := find_compact_format(number):
            return read_date(text.strip(), form)
        if unit := find_epoch_unit(number):
            return from_epoch(number, unit)[0]
        raise UserError(f"{field} is {text!r}, and the data has dates; write one as 2017-06-26")
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{field} is {text!r}, and the data's times are numbers; write one of them") from None


def _written(time: np.generic) -> str:
    """Returns a time as it may be written in a split."""
    if isinstance(time, np.datetime64):
        return str(time).removesuffix("T00:00:00")
    return f"{time:.15g}"
