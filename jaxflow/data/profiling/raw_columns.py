"""Columns of a table in their own units: quantiles, categories and what is missing, and issues that these show."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from jaxflow.data.profiling.issue import Issue
from jaxflow.data.profiling.sample import MAX_EXAMPLES
from jaxflow.data.tables.raw.columns import RawColumn

QUANTILES = {"min": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}
# Categories that are counted by name, and bins of a histogram.
MAX_NAMED, BINS = 20, 30
# Different numbers of a column that may be capped, fraction of the rows at the cap, and how many times the usual count.
MIN_DISTINCT, MIN_CAPPED, OFTEN = 20, 0.01, 10
# Days that stand for none or for ever, and those that programs begin or end with, which may be days of events too.
NO_DAYS = ("0001-01-01", "9999-12-31")
DEFAULT_DAYS = ("1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "2099-12-31", "2999-12-31")
# Difference between distributions of two splits that is said, and how surely it is no chance: Kolmogorov-Smirnov's
# statistic times the root of the rows, of which 2.2 has a probability of 1e-4; equal rows come together, so it is more.
SHIFT, SURE = 0.15, 3.0
# Fraction of a split's rows with categories that train has not, that is said.
NEW = 0.05
# Different categories a row, at most, where it says something that a split has new ones.
MOSTLY_NEW = 0.2
# Fraction of the rows that is missing in one split more than in another.
MISSING_SHIFT = 0.1


def profile_raw_columns(columns: Iterable[RawColumn]) -> tuple[list[dict[str, Any]], list[Issue]]:
    """Describes columns, one after the other, and finds what is odd about them.

    Args:
      columns: of a table.

    Returns:
      A description of each, which JSON holds; and the issues: values that stand for others, splits that differ, columns
      that say the same.
    """
    described, issues, codes = [], [], {}
    for column in columns:
        train = column.parts["train"]
        described.append(_describe(column))
        if column.kind == "number":
            issues += _capped(column, train[~_is_missing(train)])
        if column.kind == "date":
            issues += _stand_in_dates(column, train[~_is_missing(train)])
        issues += _shifts(column)
        few = train[np.linspace(0, len(train) - 1, min(len(train), MAX_EXAMPLES)).astype(int)]
        if not column.is_target:  # what tells it is a leak, which is told by itself
            codes[column.name] = np.unique(few.astype(str), return_inverse=True)[1]
    return described, issues + _same(codes)


def _describe(column: RawColumn) -> dict[str, Any]:
    parts = {split: values[~_is_missing(values)] for split, values in column.parts.items()}
    known = parts["train"]
    about = {
        "name": column.name,
        "kind": column.kind,
        "target": column.is_target,
        "missing": {split: 1 - len(parts[split]) / max(len(all_), 1) for split, all_ in column.parts.items()},
        "distinct": len(set(known.tolist())),
    }
    if column.kind == "number" and len(known):
        edges = np.linspace(*_range(np.concatenate(list(parts.values()))), BINS + 1)
        histogram = {split: np.histogram(values, edges)[0].tolist() for split, values in parts.items()}
        quantiles = {name: float(np.quantile(known, at)) for name, at in QUANTILES.items()}
        moments = {"mean": float(known.mean()), "std": float(known.std())}
        return about | moments | quantiles | {"edges": edges.tolist(), "histogram": histogram}
    if column.kind == "date" and len(known):
        return about | {"first": str(known.min()), "last": str(known.max())}
    named = [name for name, _ in Counter(known.tolist()).most_common(MAX_NAMED)]
    counts = {split: Counter(values.tolist()) for split, values in parts.items()}
    return about | {"counts": {split: {name: count[name] for name in named} for split, count in counts.items()}}


def _range(values: np.ndarray) -> tuple[float, float]:
    """Returns the range of values, a little wider where they are one."""
    low, high = float(values.min()), float(values.max())
    margin = max(1e-9 * max(abs(low), abs(high)), 1e-300) if high - low <= 1e-9 * max(abs(low), abs(high)) else 0.0
    return low - margin, high + margin


def _capped(column: RawColumn, known: np.ndarray) -> list[Issue]:
    """Finds numbers at either end that occur far more often than others, or lie far away: caps and stand-ins."""
    values, counts = np.unique(known, return_counts=True)
    issues = []
    for end, inner in ((-1, -2), (0, 1)) if len(values) > 2 else ():
        value, count = values[end], int(counts[end])
        rest = np.ptp(np.delete(values, end))
        beside = counts[-6:-1] if end else counts[1:6]
        apart = abs(value - values[inner]) > rest or count >= 5 * beside.max()
        apart = apart and count > 1 and re.fullmatch(r"9{2,}", f"{abs(value):.0f}") is not None
        often = count >= MIN_CAPPED * len(known) and count >= OFTEN * len(known) / len(values) and value != 0
        if apart:
            message = f"{count:,} training rows hold {value:.15g} in {column.name}, as what has no value often does"
            advice = f"if it stands for something else, say that it is missing: data.missing_also=('{value:.15g}',)"
            issues.append(Issue("problem", message, advice))
        elif often and len(values) >= MIN_DISTINCT:
            what = "largest" if end else "smallest"
            message = f"{count:,} training rows hold the {what} {column.name}, {value:.15g}: it may be capped"
            advice = "what lies beyond is not told apart: look where the cap comes from"
            advice += ", and leave these rows out or judge them by themselves" if column.is_target else ""
            issues.append(Issue("problem" if column.is_target else "note", message, advice))
    return issues


def _stand_in_dates(column: RawColumn, known: np.ndarray) -> list[Issue]:
    """Finds first or last days that programs write where there is no date: those of no calendar, or far too often."""
    days, counts = np.unique(known.astype("datetime64[D]"), return_counts=True)
    issues = []
    for end in (0, -1) if len(days) > 1 else ():
        day, count, rest = str(days[end]), int(counts[end]), np.delete(counts, end)
        often = count > 1 and count >= OFTEN * np.median(rest)
        if day in NO_DAYS or (day in DEFAULT_DAYS and often):
            message = f"{count:,} training rows hold {day} in {column.name}, as what has no date often does"
            advice = "if it stands for none, say so as the file writes it, for example"
            issues.append(Issue("problem", message, f"{advice} data.missing_also=({day!r},)"))
    return issues


def _shifts(column: RawColumn) -> list[Issue]:
    """Finds splits whose values are distributed otherwise than those of train."""
    train = column.parts["train"]
    issues = []
    for split, values in column.parts.items():
        if split == "train" or not len(values):
            continue
        absent, before = _is_missing(values), _is_missing(train)
        more = absent.mean() - before.mean()
        size = np.sqrt(len(train) * len(values) / (len(train) + len(values)))
        advice = "look how the splits were made: results of one say little of the other"
        if abs(more) > MISSING_SHIFT and abs(more) * size > SURE:
            message = f"{column.name} is missing in {before.mean():.0%} of train and {absent.mean():.0%} of {split}"
            issues.append(Issue("problem", message, advice))
        known, held = train[~before], values[~absent]
        if not (len(known) and len(held)):
            continue
        distance = _distance(column.kind, known, held)
        if len(set(held.tolist())) == 1 and len(set(known.tolist())) > 1 and len(held) > 1 and distance * size > SURE:
            issues.append(Issue("problem", f"{column.name} is {held[0]} in all of {split}", advice))
        elif distance > SHIFT and distance * size > SURE:
            message = f"{column.name} is distributed otherwise in {split} than in train (distance {distance:.2f})"
            issues.append(Issue("problem", message, advice))
        unseen = np.mean([value not in seen for value in held.tolist()]) if (seen := set(known.tolist())) else 0.0
        if column.kind == "category" and unseen > NEW and len(seen) < MOSTLY_NEW * len(known):
            message = f"{unseen:.0%} of {split} have a {column.name} that train has not"
            issues.append(Issue("note", message, "they count as rare ones; split by it if new ones come: group="))
    return issues


def _distance(kind: str, one: np.ndarray, other: np.ndarray) -> float:
    """Computes the largest difference between cumulated fractions; of categories half the sum of differences."""
    if kind in ("number", "date"):
        edges = np.unique(np.concatenate([one, other]))
        fractions = [np.searchsorted(np.sort(part), edges, "right") / len(part) for part in (one, other)]
        return float(np.abs(fractions[0] - fractions[1]).max())
    counts = Counter(one.tolist()), Counter(other.tolist())
    common = [name for name in counts[0] if counts[0][name] > 0.01 * len(one)]  # rare ones differ by chance
    return sum(abs(counts[0][name] / len(one) - counts[1][name] / len(other)) for name in common) / 2


def _same(codes: Mapping[str, np.ndarray]) -> list[Issue]:
    """Finds columns of which each tells the other, such as the name of a category and its number."""
    issues, sizes = [], {name: int(values.max()) + 1 for name, values in codes.items() if len(values)}
    names = [name for name, size in sizes.items() if 1 < size <= len(codes[name]) / 2]
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            size = sizes[one]
            if size == sizes[other] and len(np.unique(codes[one] * size + codes[other])) == size:
                message = f"{one} and {other} say the same: each value of one goes with one of the other"
                issues.append(Issue("note", message, "one of them is enough: data.drop"))
    return issues


def _is_missing(values: np.ndarray) -> np.ndarray:
    return np.array([value is None for value in values], bool) if values.dtype == object else values != values
