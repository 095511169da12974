"""Numbers: how those of a column are written, and transforms that make their distribution even."""

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Transform = Literal["none", "log", "quantile"]
# Training quantiles that are kept, as scikit-learn keeps them; ranks beyond these become the deviates of LIMIT.
MAX_QUANTILES, LIMIT = 1000, 1e-7
BOOLEANS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
PERCENT = "%"
UNITS = (
    rf"[$€£¥₹₽₩₺₫₪]|{PERCENT}|(?:US|R|AU?|CA?|HK|NZ|NT|MX|S)\$|USD|EUR|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|HUF|"
    r"TRY|ZAR|BRL|MXN|AUD|CAD|NZD|SGD|HKD|KRW|Rs\.?|kr|zł"
)
# A number with a unit before or after it, and its sign before or after the unit.
WITH_UNIT = re.compile(rf"([+-]?)\s*({UNITS})?\s*([+-]?[\d.,' \u00a0\u202f]*\d[.,]?(?:[eE][+-]?\d+)?)\s*({UNITS})?")
# What looks like a number, or like one with more around it: a sign, a currency or a word before it; after it a unit
# of a few letters or words, a second number behind a sign (12 ± 0.5, 1/2, 12°30'N), or parts (2h 30m); or like PT5M.
ROUGHLY = "(?i:approx|about|around|ca|circa|over|under|above|below|max|min|up to|less than|more than)"
NUMBER_LIKE = re.compile(
    rf"(?:[^\w+-]{{0,2}}|[A-Z]{{1,3}}\$ ?|[A-Z]{{3}} |{ROUGHLY}\.? )[+-]?\d[\d.,' ]*(?:[eEdD][+-]?\d+)?\s*"
    r"(?:[%$€£¥\w]{0,4}\)?|[^\w\s-].{0,15}|(?:[^\W\d_]{1,5}\.?\s?){1,2}|[^\W\d_]{1,3}(?: ?\d+ ?[^\W\d_]{1,3})+)"
    r"|-?P(?=T?\d)[\d.,YMWDTHS]+"
)
# The same with what stands before the number and after it: a sign, or a unit of one word.
AFTER = r"[+-]|(?:[^\W\d_]|[°%‰$€£¥\"'])[^\s\d]{0,14}[23]?|"
BEFORE = r"[<>~≈±≤≥=#$€£¥\"']*|[A-Z]{1,3}\$|[A-Z]{3}(?= )"
QUANTITY = re.compile(rf"({BEFORE})\s*[+-]?\d(?:[\d.,' ]*[\d.,])?(?:[eE][+-]?\d+)?\s*({AFTER})")
SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2212": "-", "\u2019": "'"})  # as printers and offices write
SEPARATORS = (",", ".", " ", "'")
# Cells that are looked at first.
FEW = 100


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a column are written.

    Attributes:
      decimal: what separates decimals: "." or ",".
      thousands: what separates thousands; "" for nothing.
      unit: what stands before or after each number, such as "%" or "$"; "" for nothing. Numbers remain in that unit.
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def read(self, cell: object) -> float:
        """Reads a cell.

        Raises:
          ValueError: it is no number in this format; a bare one is none of percents, since 0.12 and 12 may both be 12%.
        """
        if not isinstance(cell, str):
            if self.unit == PERCENT:
                raise ValueError(f"{cell!r} is not in {self.unit}")
            return float(cell)  # type: ignore[arg-type]
        text = cell.strip().translate(SPACES)
        if (known := BOOLEANS.get(text.lower())) is not None:
            return known
        if text.startswith("(") and text.endswith(")") and not set("+-(") & set(text[1:]):
            return -self.read(text[1:-1])  # as accountants write what is negative
        if self.unit:
            text, unit = split_unit(text)
            if unit != self.unit and (unit or self.unit == PERCENT):  # 12 and 12% may be different things
                raise ValueError(f"{cell!r} is not in {self.unit}")
        if self.thousands:
            if not _grouped(self.decimal, self.thousands).fullmatch(text):
                raise ValueError(f"{cell!r} has no thousands separated by {self.thousands!r}")
            text = text.replace(self.thousands, "")
        elif self.decimal == "," and "." in text:
            raise ValueError(f"{cell!r} has no decimal comma")
        if "_" in text:
            raise ValueError(cell)  # Python would take 1_000, no other reader does
        return float(text.replace(self.decimal, "."))

    def read_figure(self, cell: object) -> float:
        """Reads a cell as `read` does, but for words such as yes.

        Raises:
          ValueError: it is no number in this format, or a word.
        """
        if is_word(cell):
            raise ValueError(f"{cell!r} is a word")
        return self.read(cell)

    def describe(self) -> str:
        """Returns the format as settings of a source have it."""
        return f"decimal={self.decimal!r}, thousands={self.thousands!r}" + (f", in {self.unit}" if self.unit else "")


PLAIN = NumberFormat()


def is_number(text: str) -> bool:
    """Returns whether a text is a plain number."""
    try:
        PLAIN.read(text)
    except ValueError:
        return False
    return True


def is_word(cell: object) -> bool:
    """Returns whether a cell is a word that stands for 1 or 0, such as yes."""
    return isinstance(cell, str) and cell.strip().lower() in BOOLEANS


def read_answer(cell: object) -> float:
    """Reads a word such as yes, 1 or 0.

    Raises:
      ValueError: it is something else.
    """
    number = PLAIN.read(cell)
    if number not in (0, 1):
        raise ValueError(f"{cell!r} is neither yes nor no")
    return number


def mix_words(cells: Collection[object], numbers: Iterable[object]) -> bool:
    """Returns whether words such as yes are among numbers that are neither 1 nor 0, as which they would be read.

    Args:
      cells: the cells.
      numbers: what they are read as, NaN and None for none.
    """
    return any(map(is_word, cells)) and any(number not in (0, 1, None) and number == number for number in numbers)


def split_unit(text: str) -> tuple[str, str]:
    """Returns a number's text without its unit, and the unit, "" where there is none."""
    found = WITH_UNIT.fullmatch(text)
    if found is None or (found[2] and found[4]):  # it is no number, or has two units
        return text, ""
    return found[1] + found[3], found[2] or found[4] or ""


def split_quantity(text: str) -> tuple[str, str] | None:
    """Returns what stands before and after a number, such as "<" or "kg"; None where a text is something else."""
    found = QUANTITY.fullmatch(text.strip().translate(SPACES))
    return None if found is None else (found[1], found[2])


def find_formats(cells: Collection[object], decimal: str | None, thousands: str | None) -> list[NumberFormat]:
    """Returns the formats in which all cells are numbers, but those that read the same.

    Args:
      cells: different cells of a column, none missing.
      decimal: the one that numbers have, where it is known.
      thousands: as `decimal`.

    Returns:
      [] where the cells are something else; several where they can be read in several ways.
    """
    few = list(itertools.islice(cells, FEW))
    if len(cells) > FEW and not find_formats(few, decimal, thousands):
        return []  # most columns of texts end here
    found: dict[tuple[float, ...], NumberFormat] = {}
    for each in candidates(cells, decimal, thousands):
        try:
            numbers = tuple(map(each.read, cells))
        except (ValueError, TypeError, OverflowError):
            continue
        if not mix_words(cells, numbers):
            found.setdefault(tuple(map(_comparable, numbers)), each)
    return list(found.values())


def candidates(cells: Collection[object], decimal: str | None, thousands: str | None) -> Iterator[NumberFormat]:
    """Yields the formats that cells may be written in, plain ones first; arguments are those of `find_formats`."""
    texts = [cell.strip().translate(SPACES) for cell in cells if isinstance(cell, str)]
    units = Counter(unit for text in texts if (unit := split_unit(text.strip("()"))[1]))
    unit = units.most_common(1)[0][0] if units else ""
    letters = set("".join(texts))
    groups = ["", *(each for each in SEPARATORS if each in letters)] if thousands is None else [thousands]
    for group, point in itertools.product(groups, [decimal] if decimal else [".", ","]):
        if group != point:
            yield NumberFormat(point, group, unit)


def _comparable(number: float) -> float:
    return number if number == number else float("-inf")  # NaN equals nothing


def _grouped(decimal: str, thousands: str) -> re.Pattern[str]:
    point, group = re.escape(decimal), re.escape(thousands)
    return re.compile(rf"[+-]?(\d+|[1-9]\d{{0,2}}({group}\d{{2,3}})*{group}\d{{3}})({point}\d*)?([eE][+-]?\d+)?")


def choose_format(formats: Sequence[NumberFormat], comma: bool) -> NumberFormat:
    """Returns the format that numbers are read in where there are several: one mark before three digits may be either.

    Args:
      formats: from `find_formats`, one or more.
      comma: whether the file has decimal commas.
    """
    return next((each for each in formats if (each.decimal == ",") == comma), formats[0])


def fit_quantiles(values: np.ndarray) -> tuple[float, ...]:
    """Computes the quantiles of (rows,) training values, evenly spaced, for `transformed`."""
    return tuple(np.quantile(values, np.linspace(0, 1, min(MAX_QUANTILES, len(values)))).tolist())


def transformed(values: np.ndarray, transform: Transform, quantiles: tuple[float, ...] = ()) -> np.ndarray:
    """Transforms numbers.

    Args:
      values: (rows,) float64.
      transform: log: sign(x) log(1 + |x|); quantile: the normal deviate of the rank among `quantiles`, as
        scikit-learn's QuantileTransformer has it.
      quantiles: from `fit_quantiles`.

    Returns:
      (rows,) float64.
    """
    if transform == "none":
        return values
    if transform == "log":
        return np.sign(values) * np.log1p(np.abs(values))
    from scipy.special import ndtri

    known, ranks = np.array(quantiles), np.linspace(0, 1, len(quantiles))
    # Of equal quantiles the middle rank: the mean of the first and the last.
    rank = (np.interp(values, known, ranks) - np.interp(-values, -known[::-1], -ranks[::-1])) / 2
    rank = np.where(values <= known[0], 0.0, np.where(values >= known[-1], 1.0, rank))
    return ndtri(np.clip(rank, LIMIT, 1 - LIMIT))
