"""Columns of a table become numbers, as what was fitted to their training rows says."""

from typing import Any

import numpy as np

# Stands for rare and unseen categories; no text in a file holds it.
OTHER = "\0"
# Seconds of the circles that a date has a place on.
PERIODS = {"year": 31_556_952.0, "week": 604_800.0, "day": 86_400.0}


def encode(fitted: dict[str, Any], values: np.ndarray) -> np.ndarray:
    """Encodes a column.

    Args:
      fitted: from a `fit`.
      values: (rows,) values of the column's kind.

    Returns:
      (rows, columns) float32.
    """
    kind = fitted["kind"]
    if kind == "number":
        missing = np.isnan(values)
        filled = np.where(missing, fitted["fill"], values)
        if fitted["low"] is not None:
            filled = filled.clip(fitted["low"], fitted["high"])
        scaled = (filled - fitted["shift"]) / fitted["width"]
        return np.stack([scaled, missing] if fitted["indicator"] else [scaled], -1).astype(np.float32)
    if kind == "date":
        seconds = seconds_of(values)
        turns = [cyclic_phase(seconds, period) * 2 * np.pi for period in fitted["turns"]]
        circles = [np.where(np.isnan(turn), 0.0, wave(turn)) for turn in turns for wave in (np.sin, np.cos)]
        days = encode(fitted["days"], seconds / 86_400)
        return np.concatenate([days, *(circle[:, None] for circle in circles)], -1).astype(np.float32)
    known = map_unknown(values, fitted["categories"], fitted["fill"])
    place = {name: index for index, name in enumerate(fitted["categories"])}
    index = np.array([place.get(name, -1) for name in known], int)
    if kind == "index":
        return (index + 1).astype(np.float32)[:, None]
    if kind == "ordinal":
        return (index / max(len(place) - 1, 1)).astype(np.float32)[:, None]
    if kind == "target":
        means, unseen = np.array(fitted["means"]), np.array(fitted["mean"])
        return np.where(index >= 0, means[:, index], unseen[:, None]).T.astype(np.float32)
    columns = len(place) + fitted["other"]
    # A category that is none of them has the last column, or where there is none is zero in all.
    return np.eye(columns + 1, dtype=np.float32)[np.where(index < 0, len(place), index), :columns]


def cardinality_of(fitted: dict[str, Any]) -> int | None:
    """Counts the numbers that an embedded column holds, 0 for what is rare or unknown; None for any other column."""
    return len(fitted["categories"]) + 1 if fitted["kind"] == "index" else None


def names_of(fitted: dict[str, Any]) -> list[str]:
    """Names the columns that `encode` makes."""
    name, kind = fitted["name"], fitted["kind"]
    if kind == "number":
        return [name, *([f"{name}: missing"] if fitted["indicator"] else [])]
    if kind == "date":
        turns = [f"{name}: {wave} of {period}" for period in fitted["turns"] for wave in ("sine", "cosine")]
        return [*names_of(fitted["days"]), *turns]
    if kind in ("ordinal", "index"):
        return [name]
    if kind == "target":
        return [f"{name}: target" + (f" {i}" if len(fitted["mean"]) > 1 else "") for i in range(len(fitted["means"]))]
    return [f"{name} = {category or 'missing'}" for category in fitted["categories"]] + (
        [f"{name} = other"] if fitted["other"] else []
    )


def map_unknown(values: np.ndarray, categories: list[str], fill: str) -> np.ndarray:
    """Names (rows,) strings or None by the categories that are known, and all others OTHER.

    Args:
      values: (rows,) strings, None where missing.
      categories: those that are known.
      fill: what a missing one counts as; the empty text is a category like others.

    Returns:
      (rows,) strings.
    """
    known = set(categories)
    return np.array([name if name in known else OTHER for name in fill_missing(values, fill)], dtype=object)


def fill_missing(values: np.ndarray, fill: str) -> np.ndarray:
    """Names (rows,) strings or None; what is missing by `fill`."""
    return np.array([fill if value is None else str(value) for value in values], dtype=object)


def seconds_of(values: np.ndarray) -> np.ndarray:
    """Counts the seconds since 1970 of (rows,) datetime64[s]: float64, NaN where missing."""
    seconds = values.astype("datetime64[s]").astype(np.float64)
    return np.where(np.isnat(values), np.nan, seconds)


def cyclic_phase(seconds: np.ndarray, period: str) -> np.ndarray:
    """Says where on a circle of PERIODS moments lie, in [0, 1)."""
    return seconds / PERIODS[period] % 1
